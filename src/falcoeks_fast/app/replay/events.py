"""Recorded events from files: JSON lines, pages of CloudWatch Logs, single documents; plain or compressed by gzip.

In: paths, `-` for standard input. Out: chunks that a scanner takes. Called by the commands `diff` and `profile`. What a
file holds is told by its first line.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import BinaryIO, cast

from falcoeks_fast.engine._core import Batch, Origin, Scanner, SeenSet
from falcoeks_fast.poller.file_source import files_by_age

_CHUNK_BYTES = 1 << 20
_DOCUMENT_LIMIT_BYTES = 512 << 20
_GZIP_MAGIC = b"\x1f\x8b"


class ReplayError(Exception):
    """Events cannot be read. The message says which and why."""


class Kind(Enum):
    LINES = "lines"  # whole JSON lines
    PAGE = "page"  # the body of a FilterLogEvents response
    PAYLOAD = "payload"  # an event, an EventList or an array of events


@dataclass(frozen=True, slots=True)
class Chunk:
    kind: Kind
    data: bytes


def scan(scanner: Scanner, chunk: Chunk, origin: Origin, seen: SeenSet | None = None) -> Batch:
    """Evaluate a chunk; of pages, events that `seen` knows are left out. Raises ValueError for a page that is none."""
    if chunk.kind is Kind.LINES:
        return scanner.scan_lines(chunk.data, origin, last=True)
    if chunk.kind is Kind.PAGE:
        return scanner.scan_page(chunk.data, origin, seen, seen.ticket() if seen is not None else 0)
    return scanner.scan_payload(chunk.data, origin)


def read_events(paths: Sequence[str]) -> Iterator[Chunk]:
    """The chunks of files in order; of a directory, its files by age. Raises ReplayError."""
    for path in paths:
        for name in _files(path):
            try:
                yield from _chunks(name)
            except (OSError, EOFError) as error:
                reason = getattr(error, "strerror", None) or str(error)
                raise ReplayError(f"{name} cannot be read: {reason}") from error


def _files(path: str) -> list[str]:
    if path == "-" or not Path(path).is_dir():
        return [path]
    return [str(file) for file in files_by_age(Path(path))]


def _chunks(name: str) -> Iterator[Chunk]:
    if name == "-":
        yield from _of_stream(sys.stdin.buffer)
        return
    with open(name, "rb") as raw:
        packed = raw.read(2) == _GZIP_MAGIC
    with gzip.open(name) if packed else open(name, "rb") as stream:
        yield from _of_stream(cast(BinaryIO, stream))


def _of_stream(stream: BinaryIO) -> Iterator[Chunk]:
    first = stream.readline()
    while first and not first.strip():
        first = stream.readline()
    if not first:
        return
    try:
        document = json.loads(first)
    except (ValueError, RecursionError):
        yield from _whole_or_lines(first, stream)
        return
    if _is_page(document):
        yield Chunk(Kind.PAGE, first)
        yield from (Chunk(Kind.PAGE, line) for line in stream if line.strip())
    elif isinstance(document, dict) and document.get("kind") == "Event":
        yield from _lines(first, stream)
    else:
        yield Chunk(Kind.PAYLOAD, first)
        yield from (Chunk(Kind.PAYLOAD, line) for line in stream if line.strip())


def _whole_or_lines(first: bytes, stream: BinaryIO) -> Iterator[Chunk]:
    """A document over several lines, or lines of which the first one is bad."""
    if first.strip() not in (b"{", b"["):
        yield from _lines(first, stream)
        return
    data = first + stream.read(_DOCUMENT_LIMIT_BYTES)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        name = getattr(stream, "name", "the input")
        raise ReplayError(f"{name} is neither JSON lines nor one JSON document: {error}") from error
    yield Chunk(Kind.PAGE if _is_page(document) else Kind.PAYLOAD, data)


def _is_page(document: object) -> bool:
    return isinstance(document, dict) and isinstance(document.get("events"), list) and "kind" not in document


def _lines(first: bytes, stream: BinaryIO) -> Iterator[Chunk]:
    held = [first]
    size = len(first)
    for line in stream:
        held.append(line)
        size += len(line)
        if size >= _CHUNK_BYTES:
            yield Chunk(Kind.LINES, b"".join(held))
            held, size = [], 0
    if held:
        yield Chunk(Kind.LINES, b"".join(held))
