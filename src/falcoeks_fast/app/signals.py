"""Signals and other wishes to the main loop.

In: SIGINT, SIGTERM, SIGHUP, SIGUSR1, and wake-ups of other threads. Out: flags, and a main thread that wakes at once.
Called by the main loop. Handlers only set flags.
"""

from __future__ import annotations

import os
import select
import signal
from types import FrameType

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_ALL = (*_STOP_SIGNALS, signal.SIGHUP, signal.SIGUSR1)


class Wishes:
    """`install` and `restore` belong to the main thread; `wake` to any."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._stop = False
        self._reload = False
        self._reopen = False

    def install(self) -> None:
        for number in _ALL:
            signal.signal(number, self._note)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)

    def restore(self) -> None:
        signal.set_wakeup_fd(-1)
        for number in _ALL:
            signal.signal(number, signal.SIG_DFL)

    def close(self) -> None:
        os.close(self._reader)
        os.close(self._writer)

    def wait(self, seconds: float) -> None:
        """Until a signal or a wake-up comes, or the time is over."""
        ready, _, _ = select.select([self._reader], [], [], max(0.0, seconds))
        if ready:
            os.read(self._reader, 4096)

    def wake(self) -> None:
        try:
            os.write(self._writer, b"\0")
        except BlockingIOError:
            return  # it is about to wake anyway

    @property
    def stop(self) -> bool:
        return self._stop

    def take_reload(self) -> bool:
        """Whether SIGHUP came since the last call."""
        taken, self._reload = self._reload, False
        return taken

    def take_reopen(self) -> bool:
        """Whether SIGUSR1 came since the last call."""
        taken, self._reopen = self._reopen, False
        return taken

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number in _STOP_SIGNALS:
            self._stop = True
        elif number == signal.SIGHUP:
            self._reload = True
        else:
            self._reopen = True
