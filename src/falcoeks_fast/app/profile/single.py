"""Chunks of events -> chunks of one event each.

In: chunks as `replay` reads them. Out: the same events one by one, a page's still as pages, so that an event that
CloudWatch cut is treated as one. Called by `counts` and `timing`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from falcoeks_fast.app.replay.events import Chunk, Kind


def single_events(chunk: Chunk) -> Iterator[Chunk]:
    """What cannot be taken apart comes as it is."""
    if chunk.kind is Kind.LINES:
        yield from (Chunk(Kind.LINES, line) for line in chunk.data.split(b"\n") if line.strip())
        return
    try:
        document = json.loads(chunk.data)
    except (ValueError, RecursionError):
        yield chunk
        return
    if chunk.kind is Kind.PAGE:
        yield from (Chunk(Kind.PAGE, json.dumps({"events": [event]}).encode()) for event in document["events"])
    else:
        items = document.get("items", [document]) if isinstance(document, dict) else document
        yield from (Chunk(Kind.PAYLOAD, json.dumps(item).encode()) for item in items)
