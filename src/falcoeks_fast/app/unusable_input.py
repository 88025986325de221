"""An input that can never work as it is configured.

In: the error. Out: the error, once the source is opened: outputs, web server and metrics are looked at before (spec:
cli 3.2), and the statistics are printed. Made by `make_input`.
"""

from __future__ import annotations

from falcoeks_fast.poller.status import SourceStatus

from .inputs import InputError


class UnusableInput:
    """Implements `Input`."""

    error = ""

    def __init__(self, plugin: str, description: str, problem: InputError) -> None:
        self.plugin = plugin
        self.description = description
        self._problem = problem

    def start(self) -> None:
        """Raises InputError."""
        raise self._problem

    def stop(self) -> None:
        """Nothing was started."""

    def join(self, timeout_s: float | None) -> bool:
        return False

    def status(self) -> SourceStatus | None:
        return None
