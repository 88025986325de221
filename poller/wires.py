"""The connections of one client: taken by a thread for one call, given back for the next.

In: requests as bytes. Out: answers. Called by the client, from all fetching threads.
"""

from __future__ import annotations

import threading

from .page_buffer import PageBuffer
from .wire import Address, Answer, StaleConnection, Wire


class Wires:
    """Thread-safe. The connection that was used last is used first, so that few are kept warm."""

    def __init__(self, address: Address, *, most_idle: int) -> None:
        self._address = address
        self._most_idle = most_idle
        self._lock = threading.Lock()
        self._idle: list[Wire] = []
        self._closed = False

    def exchange(self, request: bytes, buffer: PageBuffer) -> Answer:
        """Send a request that may be sent twice, read its answer. Raises what `Wire` raises, but StaleConnection."""
        while (wire := self._take()) is not None:
            try:
                return self._exchange(wire, request, buffer)
            except StaleConnection:
                continue
        return self._exchange(Wire(self._address), request, buffer)

    def close(self) -> None:
        """Close the idle connections, and those in use when they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for wire in idle:
            wire.close()

    def _exchange(self, wire: Wire, request: bytes, buffer: PageBuffer) -> Answer:
        kept = False
        try:
            answer = wire.exchange(request, buffer)
            kept = answer.keeps_alive and self._give_back(wire)
        finally:
            if not kept:
                wire.close()
        return answer

    def _take(self) -> Wire | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                wire = self._idle.pop()
            if not wire.has_ended:
                return wire
            wire.close()

    def _give_back(self, wire: Wire) -> bool:
        with self._lock:
            if self._closed or len(self._idle) >= self._most_idle:
                return False
            self._idle.append(wire)
            return True
