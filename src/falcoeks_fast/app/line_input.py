"""Files, directories, standard input and the audit webhook as inputs.

In: settings of plugin k8saudit, a line sink. Out: an `Input`. Called when that plugin is loaded.
"""

from __future__ import annotations

import os

from falcoeks_fast.config.model import AuditSettings
from falcoeks_fast.poller.file_source import FileSource
from falcoeks_fast.poller.lines import LineSink
from falcoeks_fast.poller.status import SourceStatus
from falcoeks_fast.poller.webhook_source import WebhookError, WebhookSource

from .inputs import Input, InputError
from .source_log import to_log

_STDIN = "-"


class LineInput:
    """Implements `Input` over the poller's file and webhook sources."""

    plugin = "k8saudit"

    def __init__(self, description: str, source: FileSource | WebhookSource) -> None:
        self.description = description
        self._source = source

    def start(self) -> None:
        """Raises InputError if the webhook cannot listen."""
        try:
            self._source.start()
        except WebhookError as error:
            raise InputError(str(error)) from error

    def stop(self) -> None:
        self._source.stop()

    def join(self, timeout_s: float | None) -> bool:
        return self._source.join(timeout_s)

    @property
    def error(self) -> str:
        return self._source.error

    def status(self) -> SourceStatus | None:
        return None


def line_input(settings: AuditSettings, sink: LineSink) -> Input:
    """Raises InputError if there is nothing at `open_params`."""
    target = settings.open_params
    if target.lower().startswith(("http://", "https://")):
        source: FileSource | WebhookSource = WebhookSource(
            target,
            sink,
            on_message=to_log,
            certificate=settings.ssl_certificate,
            max_body_bytes=settings.webhook_max_batch_bytes,
        )
    else:
        _check_exists(target)
        source = FileSource(target, sink, on_message=to_log)
    return LineInput(target, source)


def _check_exists(target: str) -> None:
    if target == _STDIN:
        return
    try:
        os.stat(target)
    except OSError as error:
        # The words are those of the plugin, which is written in Go.
        reason = (error.strerror or str(error)).lower()
        raise InputError(
            f"stat {target}: {reason}: open_params of plugin k8saudit must name a file, a directory, or "
            "http://host:port/path"
        ) from error
