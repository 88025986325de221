"""JSON lines from a file, a directory of files, or standard input.

In: a path (`-` is standard input). Out: chunks to a `LineSink`, in order. Called by the app. Ends at the end of the
last file; the files of a directory come in order of modification time, each ended by a line break.
"""

from __future__ import annotations

import os
import select
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path

from .lines import LineSink
from .messages import Message, MessageCallback

_CHUNK_BYTES = 1 << 20
_STDIN_WAIT_S = 0.2
_LONGEST_LINE_BYTES = 64 << 20
_CUT = b"[a line that is too long]"


class FileSource:
    """Reads in a thread of its own. After the end `error` is empty, or says what could not be read."""

    def __init__(
        self, path: str, sink: LineSink, *, on_message: MessageCallback, chunk_bytes: int = _CHUNK_BYTES
    ) -> None:
        self._path = path
        self._sink = sink
        self._on_message = on_message
        self._chunk_bytes = chunk_bytes
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self.error = ""
        self.bytes_read = 0

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="file-source", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """After the chunk that is being evaluated."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(2.0)

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the end of the input; True if it has ended."""
        return self._ended.wait(timeout_s)

    def _run(self) -> None:
        ended_well = False
        try:
            self._read_all()
            ended_well = True
        except OSError as error:
            self.error = (
                f"{self._path}: {error.strerror or error}; name a file of JSON lines, a directory of them, or -"
            )
            ended_well = True
        finally:
            if not ended_well:
                self.error = f"a defect in falcoeks-fast ended the reading of {self._path}: {traceback.format_exc(-3)}"
            self._ended.set()

    def _read_all(self) -> None:
        if self._path == "-":
            self._read(sys.stdin.fileno())
            return
        path = Path(self._path)
        if not path.is_dir():
            self._read_file(path)
            return
        for file in files_by_age(path):
            if self._stopping.is_set():
                return
            try:
                self._read_file(file)
            except OSError as error:
                text = f"{file}: {error.strerror or error}; going on with the next file"
                self._on_message(Message("error", "file", text))

    def _read_file(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._read(descriptor)
        finally:
            os.close(descriptor)

    def _read(self, descriptor: int) -> None:
        held: list[bytes] = []  # the beginning of a line
        for piece in self._pieces(descriptor):
            self.bytes_read += len(piece)
            held.append(piece)
            if b"\n" not in piece:
                self._limit(held)
                continue
            chunk = b"".join(held)
            held = [chunk[self._sink.accept_lines(chunk, False) :]]
        rest = b"".join(held)
        if rest and not self._stopping.is_set():
            self._sink.accept_lines(rest, True)

    def _limit(self, held: list[bytes]) -> None:
        """A line without end must not fill the memory: it is cut, which makes it malformed."""
        if sum(map(len, held)) <= _LONGEST_LINE_BYTES:
            return
        text = f"{self._path}: a line is longer than {_LONGEST_LINE_BYTES >> 20} MiB; it is not evaluated"
        self._on_message(Message("error", "long_line", text))
        held[:] = [_CUT]

    def _pieces(self, descriptor: int) -> Iterator[bytes]:
        while not self._stopping.is_set():
            # A pipe may stay silent for long: look for a stop in between. A file is always ready.
            if not select.select([descriptor], [], [], _STDIN_WAIT_S)[0]:
                continue
            piece = os.read(descriptor, self._chunk_bytes)
            if not piece:
                return
            yield piece


def files_by_age(directory: Path) -> list[Path]:
    """The plain files of a directory, the one written first before the others."""
    found = []
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_file():
                found.append((entry.stat().st_mtime_ns, entry.name))
    return [directory / name for _, name in sorted(found)]
