"""Something that does not work for a while: said once in the log, and once more when it is over.

In: reasons. Out: log lines, and the state for status and readiness. Called by the channels, under their locks.
"""

from __future__ import annotations

import logging
import time

_REASONS_SAID = 8
_log = logging.getLogger("falcoeks_fast.outputs")


class Trouble:
    """`name`: what the log lines begin with."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._reason = ""
        self._since = 0.0
        self._said: set[str] = set()

    @property
    def is_on(self) -> bool:
        return bool(self._reason)

    def state(self) -> tuple[str, float]:
        """The reason, empty if all is well, and for how many seconds it has lasted."""
        return self._reason, time.monotonic() - self._since if self._reason else 0.0

    def say(self, reason: str, advice: str) -> None:
        if not self._reason:
            self._since = time.monotonic()
        self._reason = reason
        if reason not in self._said and len(self._said) < _REASONS_SAID:
            self._said.add(reason)
            _log.error("%s: %s. What to do: %s", self._name, reason, advice)

    def over(self, remark: str) -> None:
        if self._reason:
            _log.warning("%s: works again after %.1f s; %s", self._name, time.monotonic() - self._since, remark)
            self._reason = ""
            self._said.clear()
