"""Time as the poller sees it.

In: the machine's clocks. Out: `Instant`, `SystemClock`. Called by every module of this room; tests and the simulation
bring a clock of their own (`page.Clock`).
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import NamedTuple

from .page import Clock


class Instant(NamedTuple):
    """One moment on both clocks: `ms` is wall time since the epoch, `mono` is seconds and never goes back."""

    ms: int
    mono: float


def instant(clock: Clock) -> Instant:
    return Instant(clock.now_ms(), clock.monotonic())


def utc(ms: int) -> str:
    """A time for messages: ISO 8601, UTC, to the second."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class SystemClock:
    """The machine's clocks. `stop` is the event that ends every wait."""

    def __init__(self, stop: threading.Event | None = None) -> None:
        self.stop = stop if stop is not None else threading.Event()

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, seconds: float) -> bool:
        return self.stop.wait(max(0.0, seconds))
