"""The log events of one log group, and which of them can be seen when.

In: events with three times each: their own, of ingestion, and from when FilterLogEvents returns them. Out: pages, as
bytes of the JSON protocol. Called by the service, fed by traffic and by tests.
"""

from __future__ import annotations

import bisect
import json
import threading
from collections.abc import Sequence
from typing import NamedTuple

PAGE_BYTES = 1 << 20
PAGE_EVENTS = 10_000
_EVENT_OVERHEAD_BYTES = 26  # as PutLogEvents counts
STREAMS = tuple(f"kube-apiserver-audit-{digit * 32}" for digit in "abc")
SERIAL = "#SERIAL#"


class LogEvent(NamedTuple):
    """In order of what FilterLogEvents sorts by."""

    timestamp_ms: int
    ingestion_ms: int
    serial: int
    visible_ms: int
    stream: int
    message: int


class Message:
    """A message, rendered once. `SERIAL` in the text stands for the number of the event."""

    def __init__(self, text: str) -> None:
        before, found, after = text.partition(SERIAL)
        self.before = json.dumps(before)[1:-1].encode()
        self.after = json.dumps(after)[1:-1].encode()
        self.numbered = bool(found)
        self.size_bytes = len(text.replace(SERIAL, "0" * 12).encode())

    def escaped(self, serial: int) -> bytes:
        return b"%s%012d%s" % (self.before, serial, self.after) if self.numbered else self.before


def event_id(serial: int) -> str:
    """56 digits, as AWS's."""
    return f"{serial:056d}"


class LogStore:
    """Thread-safe."""

    def __init__(self, messages: Sequence[str], streams: Sequence[str] = STREAMS) -> None:
        self.messages = [Message(text) for text in messages]
        self.streams = list(streams)
        self._stream_bytes = [json.dumps(name).encode() for name in streams]
        self._events: list[LogEvent] = []
        self._lock = threading.Lock()
        self._next = 0

    def put(
        self,
        timestamp_ms: int,
        *,
        visible_ms: int | None = None,
        ingestion_ms: int | None = None,
        stream: int = 0,
        message: int = 0,
    ) -> int:
        """One event; its serial number."""
        visible = timestamp_ms if visible_ms is None else visible_ms
        ingestion = visible if ingestion_ms is None else ingestion_ms
        with self._lock:
            serial = self._next
            self._next += 1
            event = LogEvent(timestamp_ms, ingestion, serial, visible, stream, message)
            if not self._events or self._events[-1] < event:
                self._events.append(event)
            else:
                bisect.insort(self._events, event)
        return serial

    def put_text(self, timestamp_ms: int, text: str, *, visible_ms: int | None = None, stream: int = 0) -> int:
        """One event with a message of its own."""
        self.messages.append(Message(text))
        return self.put(timestamp_ms, visible_ms=visible_ms, stream=stream, message=len(self.messages) - 1)

    def forget(self, before_ms: int) -> None:
        """Drop events older than this, to keep long simulations small."""
        with self._lock:
            del self._events[: bisect.bisect_left(self._events, (before_ms,))]

    def __len__(self) -> int:
        return len(self._events)

    def page(
        self,
        start_ms: int,
        end_ms: int,
        prefix: str,
        now_ms: int,
        after: tuple[int, int, int] | None,
        *,
        most_events: int = PAGE_EVENTS,
    ) -> tuple[list[LogEvent], tuple[int, int, int] | None]:
        """The events of a page, and the position to go on from; None at the end of the walk."""
        fits = [name.startswith(prefix) for name in self.streams]
        chosen: list[LogEvent] = []
        size = 0
        with self._lock:
            index = bisect.bisect_left(self._events, (start_ms,))
            if after is not None:
                index = max(index, bisect.bisect_right(self._events, (*after, float("inf"))))
            for position in range(index, len(self._events)):
                event = self._events[position]
                if event.timestamp_ms > end_ms:
                    break
                if event.visible_ms > now_ms or not fits[event.stream]:
                    continue
                size += self.messages[event.message].size_bytes + _EVENT_OVERHEAD_BYTES
                if chosen and (len(chosen) >= most_events or size > PAGE_BYTES):
                    last = chosen[-1]
                    return chosen, (last.timestamp_ms, last.ingestion_ms, last.serial)
                chosen.append(event)
        return chosen, None

    def render(self, events: Sequence[LogEvent], token: str | None) -> bytes:
        """The body of a response."""
        parts = []
        for timestamp, ingestion, serial, _, stream, message in events:
            parts.append(
                b'{"logStreamName":%s,"timestamp":%d,"message":"%s","ingestionTime":%d,"eventId":"%056d"}'
                % (self._stream_bytes[stream], timestamp, self.messages[message].escaped(serial), ingestion, serial)
            )
        tail = b"" if token is None else b',"nextToken":"%s"' % token.encode()
        return b'{"events":[%s],"searchedLogStreams":[]%s}' % (b",".join(parts), tail)
