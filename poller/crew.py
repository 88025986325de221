"""The fetching threads between two calls: one watches the time, the others rest until they are needed.

In: the dispatcher, which knows what is to be done and when. Out: calls. Called by the source's threads. Each waking of
a thread costs switches of the processor and a wait for the GIL. So a thread that has done its call looks for the next
one itself, and whoever must be woken is the one that rested last: its page buffer is still in the processor's cache.
"""

from __future__ import annotations

import threading

from .clock import instant
from .dispatch import Dispatcher
from .page import Clock
from .reader import Call

_LONGEST_WAIT_S = 1.0


class Crew:
    """Thread-safe. `stopping` ends all waiting, once `dismiss` was called."""

    def __init__(self, dispatcher: Dispatcher, clock: Clock, stopping: threading.Event) -> None:
        self._dispatcher = dispatcher
        self._clock = clock
        self._stopping = stopping
        self._resting: list[threading.Condition] = []
        self._watched_until: float | None = None  # None: nobody watches

    def next_call(self) -> Call | None:
        """Wait for a call to make; None when all is to end."""
        dispatcher = self._dispatcher
        with dispatcher.lock:
            while not self._stopping.is_set():
                now = instant(self._clock)
                found = dispatcher.take(now)
                if not isinstance(found, float):
                    if self._watched_until is None:
                        self._wake_one()
                    elif dispatcher.has_call(now):
                        dispatcher.changed.notify()
                    return found
                wait_s = min(found, _LONGEST_WAIT_S)
                if self._watched_until is None:
                    self._watch(now.mono + wait_s, wait_s)
                    continue
                if now.mono + wait_s < self._watched_until:
                    dispatcher.changed.notify()
                self._rest()
            return None

    def dismiss(self) -> None:
        """Wake everybody. The dispatcher's lock must be held."""
        self._dispatcher.changed.notify_all()
        while self._resting:
            self._wake_one()

    def _watch(self, until: float, wait_s: float) -> None:
        self._watched_until = until
        try:
            self._dispatcher.changed.wait(wait_s)
        finally:
            self._watched_until = None

    def _rest(self) -> None:
        mine = threading.Condition(self._dispatcher.lock)
        self._resting.append(mine)
        mine.wait()

    def _wake_one(self) -> None:
        if self._resting:
            self._resting.pop().notify()
