"""Alerts to a file, opened for append.

In: parcels. Out: lines at the end of the file, a whole parcel in one write. Called by its channel. Without `keep_alive`
the file is opened for every parcel, so that a rotated file is noticed without a signal.
"""

from __future__ import annotations

import os
import stat
import threading

from .parcel import Parcel
from .settings import FileSettings
from .sink import Undelivered
from .stdout import write_all

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC


class FileSink:
    """After a failed write, a disk that is full for example, no half line stays behind."""

    max_attempts = 0

    def __init__(self, settings: FileSettings) -> None:
        self._settings = settings
        self._descriptor = -1

    def deliver(self, parcel: Parcel, start: int, abort: threading.Event) -> int:
        name = self._settings.filename
        if self._descriptor < 0:
            try:
                self._descriptor = os.open(name, _FLAGS, 0o666)
            except OSError as error:
                raise Undelivered(
                    f"failed to open output file {name}: {error.strerror}",
                    "create its directory, or give this user the right to write there",
                ) from error
        data = parcel.text if start == 0 else b"".join(alert.body + b"\n" for alert in parcel.alerts(start))
        try:
            self._append(data)
        except OSError as error:
            self.reopen()
            raise Undelivered(f"failed to write to {name}: {error.strerror}", "free space on its disk") from error
        if not self._settings.keep_alive:
            self.reopen()
        return 0

    def _append(self, data: bytes) -> None:
        before = os.fstat(self._descriptor)
        try:
            write_all(self._descriptor, data)
        except OSError:
            if stat.S_ISREG(before.st_mode) and os.fstat(self._descriptor).st_size > before.st_size:
                os.ftruncate(self._descriptor, before.st_size)
            raise

    def reopen(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def close(self) -> None:
        self.reopen()
