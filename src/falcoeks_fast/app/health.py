"""Web server and metrics of the running program.

In: the running program. Out: answers on the web, snapshots at the outputs. Called by the main loop.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable

from falcoeks_fast.config import require_metrics
from falcoeks_fast.engine.metrics import CONTENT_TYPE, exposition
from falcoeks_fast.engine.outputs.parcel import ListParcel
from falcoeks_fast.engine.web import Answer, WebError, WebServer
from falcoeks_fast.versions import version_fields

from .inputs import Problem, input_problems
from .metric_families import metric_families
from .moments import Moments
from .plugins import loaded_plugins
from .readiness import healthz, output_problems, readyz, versions
from .snapshot import Snapshots, append_text
from .view import View

_LONGEST_PAUSE_S = 1.0
_log = logging.getLogger("falcoeks_fast.web")


class HealthError(Exception):
    """Web server or metrics cannot start as configured; the message says why and what to do."""


class Health:
    """`submit` takes the alerts of snapshots. Started and stopped by the main thread."""

    def __init__(self, view: View, submit: Callable[[ListParcel], object]) -> None:
        self._view = view
        self._submit = submit
        self._moments = Moments()
        self._web: WebServer | None = None
        self._snapshots: Snapshots | None = None
        self._open = False
        self._file_trouble = False

    @property
    def web_port(self) -> int:
        return self._web.port if self._web is not None else 0

    def start(self) -> None:
        """Raises HealthError, and ConfigError for metrics that cannot work."""
        config = self._view.config
        if config.web.enabled:
            web = config.web
            routes = {
                web.healthz_path: healthz,
                "/readyz": lambda: readyz(self.problems()),
                "/versions": lambda: versions(version_fields(loaded_plugins(self._view.config))),
                "/metrics": self._metrics,
            }
            threads = web.threadiness or os.cpu_count() or 1
            certificate = web.ssl_certificate if web.ssl_enabled else ""
            self._web = WebServer(web.listen_address, web.listen_port, routes, threads=threads, certificate=certificate)
            try:
                self._web.start()
            except WebError as error:
                raise HealthError(str(error)) from error
            _log.info(
                "Starting health webserver with threadiness %d, listening on %s:%d",
                threads,
                web.listen_address,
                self._web.port,
            )
        require_metrics(config)
        metrics = config.metrics
        if not metrics.enabled:
            return
        _log.info("Setting metrics interval to %s, equivalent to %d (ms)", metrics.interval, metrics.interval_ms)
        if metrics.output_file:
            try:
                append_text(metrics.output_file, "")
            except OSError as error:
                raise HealthError(
                    f"metrics.output_file {metrics.output_file} cannot be opened: {error.strerror}"
                ) from error
        if metrics.output_file or metrics.output_rule:
            self._snapshots = Snapshots(self._view, self._moments)

    def opened(self) -> None:
        """The source was opened: `/metrics` has something to say."""
        self._open = True

    def reloaded(self) -> None:
        self._moments.reloaded_ns = time.time_ns()
        self._moments.reloads += 1
        if self._web is not None:
            try:
                self._web.reload_certificate()
            except WebError as error:
                _log.error("the old certificate stays in use: %s", error)
        metrics = self._view.config.metrics
        wanted = metrics.enabled and (metrics.output_file or metrics.output_rule)
        self._snapshots = Snapshots(self._view, self._moments) if wanted else None

    def reload_failed(self) -> None:
        self._moments.failed_reloads += 1

    def pause_s(self) -> float:
        """How long the main loop may sleep."""
        return min(self._snapshots.due_in_s(), _LONGEST_PAUSE_S) if self._snapshots is not None else _LONGEST_PAUSE_S

    def tick(self) -> None:
        if self._snapshots is None:
            return
        try:
            alert = self._snapshots.take()
        except OSError as error:
            if not self._file_trouble:
                _log.error("metrics.output_file cannot be written: %s; free space or fix rights", error.strerror)
            self._file_trouble = True
            return
        self._file_trouble = False
        if alert is not None:
            self._submit(ListParcel([alert]))

    def problems(self) -> list[Problem]:
        """What makes the program not ready."""
        dispatcher = self._view.dispatcher
        outputs = output_problems(dispatcher.states()) if dispatcher is not None else []
        return input_problems(self._view.input.status(), self._view.config.own.ready_lag_s) + outputs

    def stop(self) -> None:
        self._open = False
        if self._web is not None:
            self._web.stop()

    def _metrics(self) -> Answer:
        config = self._view.config
        if not (self._open and config.metrics.enabled and config.web.prometheus):
            return Answer(404, "text/plain", b"not found\n")
        elapsed_s = time.monotonic() - self._moments.monotonic_s
        return Answer(200, CONTENT_TYPE, exposition(metric_families(self._view, self._moments, elapsed_s)))
