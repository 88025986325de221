"""The alerts of one severity in a spool: a row of files, written at the end, read and dropped at the beginning.

In: encoded records. Out: alerts in order. Called by `spool`, under its lock. A file is named by severity and number,
`4-0000000012.spool`, has mode 0600, and goes away when its last record is done. A record can be read once `publish`
was called, after it was synced.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from .spool_record import FRAME_BYTES, SpooledAlert, content_length, decode
from .stdout import write_all

_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW


@dataclass(slots=True)
class _Segment:
    number: int
    size: int = 0  # bytes written
    visible: int = 0  # bytes published


@dataclass(frozen=True, slots=True)
class Found:
    """What a look through the files of before gave. `damaged`: places at which bytes had to be given up.

    `ids`: (sequence number, alert id) of the records that are not done.
    """

    damaged: int = 0
    ids: tuple[tuple[int, str], ...] = ()


class Lane:
    """`count` and `bytes` are of published records that are not done."""

    def __init__(self, directory: Path, priority: int, segment_bytes: int) -> None:
        self.priority = priority
        self.count = 0
        self.bytes = 0
        self.damaged = 0
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._segments: deque[_Segment] = deque()
        self._offset = 0  # of the first record that is not done, in the first segment
        self._next_number = 1
        self._write_descriptor = -1
        self._read_descriptor = -1
        self._head: SpooledAlert | None = None
        self._waiting: list[int] = []  # sizes of records not yet published

    # Start

    def recover(self, number: int, offset: int) -> Found:
        """Look through the files of before. `number`, `offset`: where the first record that is not done began."""
        found = []
        for path in self._directory.glob(f"{self.priority}-*.spool"):
            middle = path.stem.partition("-")[2]
            if middle.isdigit():
                found.append(int(middle))
        self._next_number = max([number, *found]) + 1
        damaged = 0
        ids: list[tuple[int, str]] = []
        for segment_number in sorted(found):
            if segment_number < number:
                os.unlink(self._path(segment_number))
                continue
            start = offset if segment_number == number else 0
            before = len(ids)
            segment, torn = self._look_through(segment_number, start, ids)
            damaged += torn
            count = len(ids) - before
            if count == 0:
                os.unlink(self._path(segment_number))
                continue
            if not self._segments:
                self._offset = start
            self._segments.append(segment)
            self.count += count
            self.bytes += segment.visible - start
        return Found(damaged, tuple(ids))

    def _look_through(self, number: int, start: int, ids: list[tuple[int, str]]) -> tuple[_Segment, int]:
        """The segment, cut behind its last good record, and 1 if it was cut. `ids` gets its records."""
        descriptor = os.open(self._path(number), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            size = os.fstat(descriptor).st_size
            position = min(start, size)
            while (record := self._read_at(descriptor, position)) is not None:
                position += record.size_bytes
                ids.append((record.sequence, record.alert.id))
            if position < size:
                os.ftruncate(descriptor, position)
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return _Segment(number, position, position), int(position < size)

    # Writing

    def write(self, record: bytes) -> bool:
        """Append a record, not yet synced; True if a file was made. Raises OSError and leaves nothing of it then."""
        made = False
        last = self._segments[-1] if self._segments else None
        if self._write_descriptor < 0 or last is None or last.size >= self._segment_bytes:
            self._roll()
            made = True
        segment = self._segments[-1]
        try:
            write_all(self._write_descriptor, record)
        except OSError:
            os.ftruncate(self._write_descriptor, segment.size)
            os.lseek(self._write_descriptor, segment.size, os.SEEK_SET)
            raise
        segment.size += len(record)
        self._waiting.append(len(record))
        return made

    def _roll(self) -> None:
        """A new file. What is not yet published of the former one is synced first."""
        if self._write_descriptor >= 0:
            self.sync()
        descriptor = os.open(self._path(self._next_number), _WRITE, 0o600)
        self._close_writer()
        self._write_descriptor = descriptor
        self._segments.append(_Segment(self._next_number))
        self._next_number += 1

    def sync(self) -> None:
        """Raises OSError."""
        if self._waiting and self._write_descriptor >= 0:
            os.fsync(self._write_descriptor)

    def publish(self) -> None:
        """What was written can be read from now on."""
        self.count += len(self._waiting)
        self.bytes += sum(self._waiting)
        self._waiting.clear()
        for segment in self._segments:
            segment.visible = segment.size

    def withdraw(self) -> None:
        """Take back what was written and not published."""
        self._waiting.clear()
        while self._segments and self._segments[-1].size > self._segments[-1].visible:
            segment = self._segments[-1]
            with contextlib.suppress(OSError):
                os.truncate(self._path(segment.number), segment.visible)
            segment.size = segment.visible
            self._close_writer()
            if segment.visible == 0:
                self._unlink(self._segments.pop())

    # Reading

    def head(self) -> SpooledAlert | None:
        """The first record that is not done. Damage is skipped with the rest of its file, and counted."""
        while self._head is None and self.count:
            segment = self._segments[0]
            if self._offset >= segment.visible:
                self._drop_segment()
                continue
            if self._read_descriptor < 0:
                self._read_descriptor = os.open(self._path(segment.number), _READ)
            self._head = self._read_at(self._read_descriptor, self._offset)
            if self._head is None:
                self._skip_damage(segment)
        return self._head

    def advance(self) -> None:
        """The head is done."""
        head = self.head()
        assert head is not None
        self._head = None
        self._offset += head.size_bytes
        self.count -= 1
        self.bytes -= head.size_bytes
        if self._offset >= self._segments[0].visible and not self._waiting:
            self._drop_segment()

    @property
    def position(self) -> tuple[int, int]:
        """Where the first record that is not done begins: number of its file, offset."""
        return (self._segments[0].number, self._offset) if self._segments else (self._next_number, 0)

    def _read_at(self, descriptor: int, position: int) -> SpooledAlert | None:
        frame = os.pread(descriptor, FRAME_BYTES, position)
        length = content_length(frame)
        if length < 0:
            return None
        content = os.pread(descriptor, length, position + FRAME_BYTES)
        return decode(frame, content, self.priority)

    def _skip_damage(self, segment: _Segment) -> None:
        """The records behind a damaged one cannot be found: the rest of the file is given up."""
        self.damaged += 1
        self.bytes -= segment.visible - self._offset
        self._offset = segment.visible
        remaining = 0
        for other in list(self._segments)[1:]:
            descriptor = os.open(self._path(other.number), _READ)
            try:
                position = 0
                while position < other.visible and (record := self._read_at(descriptor, position)) is not None:
                    position += record.size_bytes
                    remaining += 1
            finally:
                os.close(descriptor)
        self.count = remaining

    def _drop_segment(self) -> None:
        segment = self._segments.popleft()
        if self._read_descriptor >= 0:
            os.close(self._read_descriptor)
            self._read_descriptor = -1
        if not self._segments:
            self._close_writer()
        self._offset = 0
        self._unlink(segment)

    def _unlink(self, segment: _Segment) -> None:
        with contextlib.suppress(OSError):  # it is looked at again at the next start
            os.unlink(self._path(segment.number))

    def _path(self, number: int) -> Path:
        return self._directory / f"{self.priority}-{number:010d}.spool"

    def _close_writer(self) -> None:
        if self._write_descriptor >= 0:
            os.close(self._write_descriptor)
            self._write_descriptor = -1

    def close(self) -> None:
        self._close_writer()
        if self._read_descriptor >= 0:
            os.close(self._read_descriptor)
            self._read_descriptor = -1
