"""What the other sources hand on: chunks of JSON lines, and single payloads. The app connects them with the engine.

Out: the protocols between a file, a directory, stdin or the webhook, and whoever evaluates them.
"""

from __future__ import annotations

from typing import Protocol


class LineSink(Protocol):
    """Evaluates JSON lines and payloads. Thread-safe."""

    def accept_lines(self, chunk: bytes, last: bool) -> int:
        """Evaluate the whole lines of `chunk`; how many bytes were used. The rest comes again in front of the next
        chunk. With `last` the unfinished last line is evaluated too. Returns after the alerts were handed on."""

    def accept_payload(self, body: bytes) -> None:
        """Evaluate one JSON text: an event, an EventList, or an array of these. Bad input is counted, never raised."""
