"""What an output must be able to do, and how it says that it could not.

In: nothing. Out: `Sink`, `Undelivered`. Called by `channel`; implemented by stdout, file, syslog, program and http.
"""

from __future__ import annotations

import threading
from typing import Protocol

from .parcel import Parcel


class Undelivered(Exception):
    """An output could not deliver now; it is worth trying again.

    `done`: alerts of the parcel that were delivered before. `advice`: what the user can do. `retry_after_s`: what the
    receiver asked for, or 0. `timed_out`: nobody answered in time. `nobody_there`: there is no receiver at all; an
    output that promises nothing then drops the parcel instead of waiting.
    """

    def __init__(
        self,
        reason: str,
        advice: str,
        *,
        done: int = 0,
        retry_after_s: float = 0.0,
        timed_out: bool = False,
        nobody_there: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.advice = advice
        self.done = done
        self.retry_after_s = retry_after_s
        self.timed_out = timed_out
        self.nobody_there = nobody_there


class Sink(Protocol):
    """Delivers alerts, called by one thread only. `max_attempts` 0: tried until it works or the program ends."""

    max_attempts: int

    def deliver(self, parcel: Parcel, start: int, abort: threading.Event) -> int:
        """Deliver the alerts from number `start` on; how many of them the receiver refused for good.

        Raises Undelivered. Returns early, by Undelivered, soon after `abort` is set.
        """

    def reopen(self) -> None:
        """Close what can be opened anew; the next delivery opens it."""

    def close(self) -> None:
        """Release everything; called once, at the end, by the thread that delivers."""
