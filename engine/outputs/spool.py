"""Alerts on disk until their receiver takes them.

In: alerts. Out: the same alerts in the same order, also after a crash. Called by `spool_channel`. The spool is bounded:
when it is full, alerts of the lowest severity are dropped, the oldest of them first.

One directory, mode 0700, one user at a time (`flock`). Each severity has files of its own, see `spool_lane`; sequence
numbers give the order over all of them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .parcel import Alert
from .spool_cursor import LANES, Cursor
from .spool_lane import Lane
from .spool_record import SpooledAlert, encode

_SEGMENT_LIMIT_BYTES = 4 << 20
_SEGMENT_FLOOR_BYTES = 16 << 10
_SEGMENTS_AT_LEAST = 32
_SLACK_PART = 64
_KNOWN_LIMIT = 20_000


class SpoolBusyError(Exception):
    """Another process, or the outputs of before a reload, use the directory."""


@dataclass(frozen=True, slots=True)
class Written:
    """`sequences`: of the alerts that are safe on disk, from the first one given on.

    Fewer than given if `error` says why, or if the spool is full: then publish and write the rest. An alert that was
    dropped at once, because the spool is full of more severe ones, has the number 0.
    """

    sequences: tuple[int, ...]
    error: OSError | None = None


@dataclass(slots=True)
class SpoolCounts:
    """Since the spool was opened. `dropped`: by priority. `damaged`: torn or unreadable places in its files."""

    dropped: Counter[int] = field(default_factory=Counter)
    damaged: int = 0


class Spool:
    """Thread-safe. `write` makes alerts safe; they are seen by `head` once `publish` was called."""

    def __init__(self, directory: Path, limit_bytes: int) -> None:
        self.directory = directory
        self.counts = SpoolCounts()
        self._limit_bytes = limit_bytes
        self._lock = threading.RLock()
        self._lanes: list[Lane] = []
        self._cursor: Cursor | None = None
        self._sequence = 0
        self._lock_descriptor = -1
        self._unpublished_bytes = 0
        self._known: frozenset[str] = frozenset()
        self._lent = 0  # the sequence number that `head` gave last
        self._lent_dropped: int | None = None  # its priority, if it was dropped since

    @property
    def is_open(self) -> bool:
        return self._cursor is not None

    def open(self) -> None:
        """Raises SpoolBusyError, and OSError if the directory or a file in it cannot be used."""
        with self._lock:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                os.close(descriptor)
                raise SpoolBusyError(str(self.directory)) from error
            try:
                self._recover()
            except OSError:
                os.close(descriptor)
                raise
            self._lock_descriptor = descriptor

    def _recover(self) -> None:
        cursor = Cursor(self.directory / "cursor")
        try:
            self._sequence, places = cursor.read()
            segment_bytes = max(
                _SEGMENT_FLOOR_BYTES, min(_SEGMENT_LIMIT_BYTES, self._limit_bytes // _SEGMENTS_AT_LEAST)
            )
            lanes = [Lane(self.directory, priority, segment_bytes) for priority in range(LANES)]
            ids: list[tuple[int, str]] = []
            for lane, (number, offset) in zip(lanes, places, strict=True):
                found = lane.recover(number, offset)
                self.counts.damaged += found.damaged
                ids += found.ids
            ids.sort()
            self._sequence = max(self._sequence, ids[-1][0] if ids else 0)
            self._known = frozenset(key for _, key in ids[-_KNOWN_LIMIT:])
        except OSError:
            cursor.close()
            raise
        self._lanes, self._cursor = lanes, cursor

    def close(self) -> None:
        """Let go of the directory. What is in it stays."""
        with self._lock:
            for lane in self._lanes:
                lane.withdraw()
                lane.close()
            self._lanes = []
            if self._cursor is not None:
                self._cursor.close()
                self._cursor = None
            if self._lock_descriptor >= 0:
                os.close(self._lock_descriptor)
                self._lock_descriptor = -1

    @property
    def count(self) -> int:
        with self._lock:
            return sum(lane.count for lane in self._lanes)

    @property
    def bytes(self) -> int:
        """Of records that are not done."""
        with self._lock:
            return sum(lane.bytes for lane in self._lanes)

    def knows(self, alert_id: str) -> bool:
        """Whether the alert was found here at the start: it is in good hands, and only comes once more.

        Only the newest ones are remembered: what is read again after a crash was caused shortly before it.
        """
        return alert_id in self._known

    # Writing

    def write(self, alerts: Sequence[Alert]) -> Written:
        """Write and sync. Does not raise OSError: what could be written is safe, see `Written`."""
        sequences: list[int] = []
        failure: OSError | None = None
        with self._lock:
            made_file = False
            for alert in alerts:
                record = encode(self._sequence + 1, alert)
                try:
                    full = self.bytes + self._unpublished_bytes + len(record) > self._limit_bytes
                    if full and self._unpublished_bytes:
                        break
                    if full and not self._make_room(len(record), alert.priority):
                        self.counts.dropped[alert.priority] += 1
                        sequences.append(0)
                        continue
                    made_file |= self._lanes[alert.priority].write(record)
                except OSError as error:
                    failure = error
                    break
                self._sequence += 1
                self._unpublished_bytes += len(record)
                sequences.append(self._sequence)
            try:
                self._sync(made_file)
            except OSError as error:
                for lane in self._lanes:
                    lane.withdraw()
                self._unpublished_bytes = 0
                return Written((), error)
        return Written(tuple(sequences), failure)

    def publish(self) -> None:
        """What was written can be read."""
        with self._lock:
            for lane in self._lanes:
                lane.publish()
            self._unpublished_bytes = 0

    def _sync(self, made_file: bool) -> None:
        for lane in self._lanes:
            lane.sync()
        if made_file:
            descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def _make_room(self, size: int, priority: int) -> bool:
        """Drop what is less severe, or as severe and older; False if only more severe alerts are there.

        A little more room is made than is needed, so that not every alert has to wait for the disk on its own.
        """
        wanted = self._limit_bytes - size - self._limit_bytes // _SLACK_PART
        while self.bytes > wanted:
            lowest = next((lane for lane in reversed(self._lanes) if lane.count), None)
            if lowest is None or lowest.priority < priority:
                break
            head = lowest.head()
            if head is None:
                continue  # damage was skipped
            lowest.advance()
            self.counts.dropped[lowest.priority] += 1
            if head.sequence == self._lent:
                self._lent_dropped = lowest.priority
        self._save()
        return self.bytes + size <= self._limit_bytes

    # Reading

    def head(self) -> SpooledAlert | None:
        """The first alert that is not done. Raises OSError if a file cannot be read."""
        with self._lock:
            heads = [head for lane in self._lanes if (head := lane.head()) is not None]
            self._count_damage()
            first = min(heads, key=lambda head: head.sequence, default=None)
            self._lent, self._lent_dropped = (first.sequence if first is not None else 0), None
            return first

    def done(self, sequence: int) -> None:
        """The alert was delivered. One that was dropped meanwhile does not count as dropped then."""
        with self._lock:
            if sequence == self._lent and self._lent_dropped is not None:
                self.counts.dropped[self._lent_dropped] -= 1
                self._lent_dropped = None
                return
            with contextlib.suppress(OSError):  # unreadable: `head` will say so
                for lane in self._lanes:
                    head = lane.head()
                    if head is not None and head.sequence == sequence:
                        lane.advance()
                        self._save()
                        return

    def _count_damage(self) -> None:
        for lane in self._lanes:
            self.counts.damaged += lane.damaged
            lane.damaged = 0

    def _save(self) -> None:
        """A disk that is full or broken does not matter here: the alert would only come once more after a crash."""
        if self._cursor is not None:
            with contextlib.suppress(OSError):
                self._cursor.write(self._sequence, [lane.position for lane in self._lanes])
