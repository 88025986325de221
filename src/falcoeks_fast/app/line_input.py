"""Files of JSON lines as an input."""

from __future__ import annotations

import threading
from pathlib import Path

from falcoeks_fast.config.model import AuditSettings
from falcoeks_fast.poller.lines import LineSink
from falcoeks_fast.poller.status import SourceStatus

from .inputs import Input, InputError

_CHUNK_BYTES = 1 << 20


class _FileInput:
    plugin = "k8saudit"

    def __init__(self, path: str, sink: LineSink) -> None:
        self.description = path
        self._path = path
        self._sink = sink
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._error = ""
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(5)

    def join(self, timeout_s: float | None) -> bool:
        return self._ended.wait(timeout_s)

    @property
    def error(self) -> str:
        return self._error

    def status(self) -> SourceStatus | None:
        return None

    def _run(self) -> None:
        rest = b""
        with Path(self._path).open("rb") as file:
            while not self._stopping.is_set():
                chunk = file.read(_CHUNK_BYTES)
                data = rest + chunk
                used = self._sink.accept_lines(data, not chunk)
                rest = data[used:]
                if not chunk:
                    break
        self._ended.set()


def line_input(settings: AuditSettings, sink: LineSink) -> Input:
    if not Path(settings.open_params).is_file():
        raise InputError(f"{settings.open_params} is no file")
    return _FileInput(settings.open_params, sink)
