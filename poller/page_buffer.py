"""The memory that responses are read into, one after the other.

In: how much room is needed. Out: a view of it. Called by the connections; each fetching thread owns one buffer, so that
a page is read, evaluated and overwritten by the next one without ever being copied.
"""

from __future__ import annotations

_FIRST_BYTES = 256 * 1024
_KEPT_BYTES = 4 << 20


class PageBuffer:
    """Grows to the largest response, and gives back what only a rare one needed. For one thread at a time."""

    def __init__(self) -> None:
        self._memory = bytearray(_FIRST_BYTES)

    def __len__(self) -> int:
        """Bytes there is room for at the moment."""
        return len(self._memory)

    def begin(self) -> memoryview:
        """All of the room, for a new response. What was read before is overwritten."""
        if len(self._memory) > _KEPT_BYTES:
            self._memory = bytearray(_FIRST_BYTES)
        return memoryview(self._memory)

    def grow(self, size_bytes: int, filled_bytes: int) -> memoryview:
        """Room for at least `size_bytes`, the first `filled_bytes` as they were."""
        if size_bytes > len(self._memory):
            larger = bytearray(size_bytes + size_bytes // 8)
            larger[:filled_bytes] = memoryview(self._memory)[:filled_bytes]
            self._memory = larger
        return memoryview(self._memory)
