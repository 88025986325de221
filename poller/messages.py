"""What the poller tells the user: once, and then ever more rarely.

In: a text with the key of the trouble it is about. Out: `Message` objects to the callback of the app, which writes them
to its log. Called by every part of the poller that meets trouble.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Level = Literal["info", "warning", "error"]

# After the first report of a trouble, the pause before each further one; the last one stays.
_PAUSES_S = (60.0, 300.0, 1_800.0, 3_600.0)


@dataclass(frozen=True, slots=True)
class Message:
    """One line for the log. `code` is a stable word for programs, `cluster` is empty where it concerns all of them."""

    level: Level
    code: str
    text: str
    cluster: str = ""


MessageCallback = Callable[[Message], None]


@dataclass(slots=True)
class _Trouble:
    since: float
    next_report: float
    reports: int = 1
    unreported: int = 0
    total: int = 1


class Reporter:
    """Passes messages on, and holds back those that repeat. Thread-safe."""

    def __init__(self, callback: MessageCallback) -> None:
        self._callback = callback
        self._lock = threading.Lock()
        self._troubles: dict[tuple[str, str], _Trouble] = {}

    def say(self, level: Level, code: str, text: str, cluster: str = "") -> None:
        """Pass on unconditionally."""
        self._callback(Message(level, code, text, cluster))

    def trouble(self, level: Level, code: str, text: str, mono: float, cluster: str = "") -> None:
        """Report the first time, then after 1, 5, 30 minutes, then hourly, with the number of times since."""
        key = (cluster, code)
        with self._lock:
            known = self._troubles.get(key)
            if known is None:
                self._troubles[key] = _Trouble(mono, mono + _PAUSES_S[0])
            else:
                known.total += 1
                known.unreported += 1
                if mono < known.next_report:
                    return
                pause = _PAUSES_S[min(known.reports, len(_PAUSES_S) - 1)]
                known.next_report = mono + pause
                known.reports += 1
                text = (
                    f"{text} ({known.unreported} more times since the last report, {mono - known.since:.0f} s in all)"
                )
                known.unreported = 0
        self._callback(Message(level, code, text, cluster))

    def over(self, code: str, text: str, mono: float, cluster: str = "") -> None:
        """The trouble is gone; says so if it was ever reported, with its length."""
        with self._lock:
            known = self._troubles.pop((cluster, code), None)
        if known is not None:
            times = "once" if known.total == 1 else f"{known.total} times"
            self._callback(Message("info", code, f"{text} ({times} in {mono - known.since:.0f} s)", cluster))

    def current(self, cluster: str = "") -> list[str]:
        """Codes of the troubles that are not over."""
        with self._lock:
            return sorted(code for name, code in self._troubles if name == cluster)
