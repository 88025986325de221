"""What of a spool is done, on disk: for each severity the place of the first record that is not.

In: places. Out: a file of two slots, written in turn, so that one of them is always whole. Called by `spool`. It is not
synced: after a power cut alerts may come twice, never be missing.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

LANES = 8
_SLOT = struct.Struct(f"<QQ{2 * LANES}Q")
_CHECKSUM = struct.Struct("<I")
_SLOT_BYTES = 512

Places = list[tuple[int, int]]


class Cursor:
    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._turn = 0

    def read(self) -> tuple[int, Places]:
        """The highest sequence number used, and number and offset for each severity; zeros if there is none yet."""
        best = (0, 0, [(0, 0)] * LANES)
        for slot in range(2):
            data = os.pread(self._descriptor, _SLOT.size + _CHECKSUM.size, slot * _SLOT_BYTES)
            if len(data) < _SLOT.size + _CHECKSUM.size:
                continue
            content = data[: _SLOT.size]
            if _CHECKSUM.unpack_from(data, _SLOT.size)[0] != zlib.crc32(content):
                continue
            turn, sequence, *numbers = _SLOT.unpack(content)
            if turn > best[0]:
                best = (turn, sequence, list(zip(numbers[::2], numbers[1::2], strict=True)))
        self._turn = best[0]
        return best[1], best[2]

    def write(self, sequence: int, places: Sequence[tuple[int, int]]) -> None:
        """Raises OSError."""
        self._turn += 1
        content = _SLOT.pack(self._turn, sequence, *(number for place in places for number in place))
        os.pwrite(self._descriptor, content + _CHECKSUM.pack(zlib.crc32(content)), self._turn % 2 * _SLOT_BYTES)

    def close(self) -> None:
        os.close(self._descriptor)
