"""Alerts on their way to the outputs.

In: the batches of the native core, or alerts made by the program itself. Out: `Parcel`, which every output reads.
Called by the app (makes them) and the sinks (read them).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Alert:
    """One finished alert: text or JSON in UTF-8 without line end. `priority` counts from 0, emergency, to 7, debug."""

    body: bytes
    priority: int
    id: str


class Parcel(Protocol):
    """Alerts that belong together, in order. Immutable."""

    @property
    def count(self) -> int: ...
    @property
    def text(self) -> bytes:
        """All alerts, each ended by LF."""

    def alerts(self, start: int = 0) -> Iterator[Alert]:
        """The alerts from number `start` on."""


class NativeAlert(Protocol):
    """What a batch of the native core gives for one alert."""

    @property
    def body(self) -> bytes: ...
    @property
    def rule_index(self) -> int: ...
    @property
    def id(self) -> str: ...


class NativeBatch(Protocol):
    """The part of a native batch that a parcel needs."""

    @property
    def alert_count(self) -> int: ...
    @property
    def text(self) -> bytes: ...
    def alert(self, index: int) -> NativeAlert: ...


class BatchParcel:
    """The alerts of a native batch, not taken apart unless an output asks for single ones."""

    __slots__ = ("_batch", "_priorities", "count", "text")

    def __init__(self, batch: NativeBatch, priorities: Sequence[int]) -> None:
        """`priorities` by rule index."""
        self._batch = batch
        self._priorities = priorities
        self.count: int = batch.alert_count
        self.text: bytes = batch.text

    def alerts(self, start: int = 0) -> Iterator[Alert]:
        for index in range(start, self.count):
            alert = self._batch.alert(index)
            yield Alert(alert.body, self._priorities[alert.rule_index], alert.id)


class ListParcel:
    """Alerts one by one: those of the program itself, and batches of which some alerts are held back."""

    __slots__ = ("_alerts", "count", "text")

    def __init__(self, alerts: Sequence[Alert]) -> None:
        self._alerts = tuple(alerts)
        self.count: int = len(self._alerts)
        self.text: bytes = b"".join(alert.body + b"\n" for alert in self._alerts)

    def alerts(self, start: int = 0) -> Iterator[Alert]:
        return iter(self._alerts[start:])


def own_alert(body: bytes, priority: int) -> Alert:
    """An alert of the program itself; its id is a hash of its text."""
    return Alert(body, priority, hashlib.sha256(body).hexdigest()[:32])
