"""Alerts that a receiver refused for good, kept on disk.

In: refused alerts. Out: lines of JSON in `<directory>/<output>.jsonl`, mode 0600, the directory 0700; one older file is
kept as `.1`. Called by the http output.
"""

from __future__ import annotations

import json
import os
import time

from .parcel import Alert
from .stdout import write_all

SIZE_LIMIT_BYTES = 64 << 20


class DeadLetters:
    def __init__(self, directory: str, output: str) -> None:
        self.path = os.path.join(directory, f"{output}.jsonl")
        self._directory = directory

    def add(self, alert: Alert, reason: str) -> None:
        """Raises OSError if the record cannot be written whole; then nothing is left of it."""
        os.makedirs(self._directory, mode=0o700, exist_ok=True)
        record = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "reason": reason,
            "alert_id": alert.id,
            "alert": alert.body.decode("utf-8", "replace"),
        }
        line = json.dumps(record, ensure_ascii=False).encode() + b"\n"
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if size + len(line) > SIZE_LIMIT_BYTES and size:
                os.replace(self.path, self.path + ".1")
                os.close(descriptor)
                descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
                size = 0
            try:
                write_all(descriptor, line)
            except OSError:
                os.ftruncate(descriptor, size)
                raise
        finally:
            os.close(descriptor)
