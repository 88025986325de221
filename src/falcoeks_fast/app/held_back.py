"""Alerts that must not be delivered again: those of before a restart, and those of a page that failed halfway.

In: alert ids with their event times. Out: for an alert, the outputs that have it already. Called by the page sink. An
entry is forgotten when no event of its time will be read again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

EVERY_OUTPUT = frozenset({"*"})


class HeldBack:
    """Of one cluster. Thread-safe. Bounded by what `forget_before` leaves and by `limit`."""

    def __init__(self, limit: int = 100_000) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._entries: dict[str, tuple[int, frozenset[str]]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, alerts: Iterable[tuple[str, int]], outputs: frozenset[str]) -> int:
        """`outputs` have these alerts (id, event time in ms). How many could not be noted for lack of room."""
        left_out = 0
        with self._lock:
            for alert_id, time_ms in alerts:
                known = self._entries.get(alert_id)
                if known is None and len(self._entries) >= self._limit:
                    left_out += 1
                    continue
                self._entries[alert_id] = (time_ms, outputs | known[1] if known else outputs)
        return left_out

    def outputs(self, alert_id: str) -> frozenset[str]:
        """The outputs that have the alert; `EVERY_OUTPUT` for all."""
        entry = self._entries.get(alert_id)
        return entry[1] if entry else frozenset()

    def forget_before(self, time_ms: int) -> None:
        with self._lock:
            for alert_id in [key for key, (moment, _) in self._entries.items() if moment < time_ms]:
                del self._entries[alert_id]
