"""Alerts to standard output.

In: parcels. Out: bytes on descriptor 1, a whole parcel in one write. Called by its channel; `write_stdout` also by
http's echo and for the statistics at exit, so that their lines do not mix.
"""

from __future__ import annotations

import errno
import os
import threading

from .parcel import Parcel
from .sink import Undelivered

_LOCK = threading.Lock()
_DESCRIPTOR = 1


def write_stdout(data: bytes) -> None:
    """Write all of `data`, waiting where the reader is slow. Raises OSError."""
    with _LOCK:
        write_all(_DESCRIPTOR, data)


def write_all(descriptor: int, data: bytes) -> None:
    """Raises OSError; then a part of `data` may have been written."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


class StdoutSink:
    """Standard output; after an error a parcel is written again from its beginning."""

    max_attempts = 0

    def deliver(self, parcel: Parcel, start: int, abort: threading.Event) -> int:
        data = parcel.text if start == 0 else b"".join(alert.body + b"\n" for alert in parcel.alerts(start))
        try:
            write_stdout(data)
        except OSError as error:
            raise Undelivered(_reason(error), "check who reads the program's standard output") from error
        return 0

    def reopen(self) -> None:
        """Nothing to open."""

    def close(self) -> None:
        """Standard output stays open: the statistics follow."""


def _reason(error: OSError) -> str:
    if error.errno == errno.EPIPE:
        return "the reader of standard output has gone"
    return f"writing to standard output failed: {error.strerror}"
