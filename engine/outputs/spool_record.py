"""The form of an alert in a spool file: length and checksum, then sequence number, id and body.

In: alerts. Out: bytes, and alerts again. Called by `spool_lane`. All numbers little endian:

    4 bytes  length of everything behind the first 8 bytes
    4 bytes  CRC-32 of that
    8 bytes  sequence number, which orders alerts over all severities
    2 bytes  length of the id
    the id, ASCII; then the body, UTF-8
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from .parcel import Alert

_FRAME = struct.Struct("<II")
_HEAD = struct.Struct("<QH")
FRAME_BYTES = _FRAME.size
LENGTH_LIMIT_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class SpooledAlert:
    """`size_bytes`: of the whole record."""

    sequence: int
    alert: Alert
    size_bytes: int


def encode(sequence: int, alert: Alert) -> bytes:
    alert_id = alert.id.encode("ascii", "replace")
    content = _HEAD.pack(sequence, len(alert_id)) + alert_id + alert.body
    return _FRAME.pack(len(content), zlib.crc32(content)) + content


def content_length(frame: bytes) -> int:
    """The number of bytes behind the frame; -1 if these cannot be the first bytes of a record."""
    if len(frame) < FRAME_BYTES:
        return -1
    length, _ = _FRAME.unpack_from(frame)
    return length if _HEAD.size <= length <= LENGTH_LIMIT_BYTES else -1


def decode(frame: bytes, content: bytes, priority: int) -> SpooledAlert | None:
    """None if the record is damaged."""
    length, checksum = _FRAME.unpack_from(frame)
    if length != len(content) or zlib.crc32(content) != checksum:
        return None
    sequence, id_length = _HEAD.unpack_from(content)
    start = _HEAD.size + id_length
    if start > len(content):
        return None
    alert = Alert(content[start:], priority, content[_HEAD.size : start].decode("ascii", "replace"))
    return SpooledAlert(sequence, alert, FRAME_BYTES + length)
