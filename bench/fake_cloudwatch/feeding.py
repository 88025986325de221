"""Traffic that goes on by itself, in real time.

In: a `Traffic`. Out: its events in the store, two seconds ahead of the clock, while the block runs. Called by the
soaks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from .traffic import Traffic

_AHEAD_MS = 2_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@contextmanager
def feeding(traffic: Traffic) -> Iterator[None]:
    stop = threading.Event()

    def feed() -> None:
        while not stop.wait(0.5):
            traffic.feed(now_ms() + _AHEAD_MS)

    traffic.feed(now_ms() + _AHEAD_MS)
    thread = threading.Thread(target=feed, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
