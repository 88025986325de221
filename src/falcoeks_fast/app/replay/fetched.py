"""Events of a stretch of time from CloudWatch Logs, for whoever looks at them outside a run.

In: the configuration, a stretch of time. Out: pages to a callback. Called by `diff --since`. Nothing is written: no
checkpoint, no lock, no output.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from falcoeks_fast.app.cloudwatch_input import CloudWatchInput
from falcoeks_fast.app.inputs import InputError
from falcoeks_fast.config import Config
from falcoeks_fast.config.model import EksSettings
from falcoeks_fast.engine._core import Batch, Origin, SplitPage
from falcoeks_fast.poller.page import Cluster, OpenPage, Page, PageReport
from falcoeks_fast.poller.settings import TimeRange

from .events import Chunk, Kind, ReplayError

Look = Callable[[Chunk, Origin], Batch]


def fetch_events(config: Config, time_range: TimeRange, look: Look, *, patience_s: float = 30.0) -> None:
    """Call `look` for each page, from several threads.

    Raises ReplayError where the log cannot be read: at once if it never can, else after `patience_s` of trying.
    """
    settings = next((it.settings for it in config.plugins if isinstance(it.settings, EksSettings)), None)
    if settings is None:
        raise ReplayError(
            "--since reads from CloudWatch Logs: give --cluster NAME --region REGION, or -c falco.yaml with plugin "
            "k8saudit-eks"
        )
    try:
        source = CloudWatchInput(settings, config.own, _Sink(look), time_range=time_range)
        source.start()
    except InputError as error:
        raise ReplayError(str(error)) from error
    try:
        well_at = time.monotonic()
        while not source.join(min(patience_s / 4, 1.0)):
            trouble = _trouble(source)
            if not trouble:
                well_at = time.monotonic()
            elif time.monotonic() - well_at > patience_s:
                raise ReplayError(trouble)
    finally:
        source.stop()
    if source.error:
        raise ReplayError(source.error)


def _trouble(source: CloudWatchInput) -> str:
    status = source.status()
    clusters = status.clusters if status is not None else ()
    return next((f"cluster {cluster.cluster}: {cluster.trouble}" for cluster in clusters if cluster.trouble), "")


class _Sink:
    """Implements `PageSink`."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._lock = threading.Lock()
        self._origins: dict[Cluster, Origin] = {}

    def open(self, page: Page) -> OpenPage:
        return _OpenPage(self, page)

    def evaluate(self, page: Page) -> PageReport:
        """Called by the open page."""
        batch = self._look(Chunk(Kind.PAGE, bytes(page.body)), self._origin(page.cluster))
        accepted: Future[None] = Future()
        accepted.set_result(None)
        return PageReport(
            accepted,
            messages=batch.messages,
            fresh=batch.messages - batch.repeated,
            repeated=batch.repeated,
            newest_ms=batch.newest_ms,
            oldest_fresh_ms=batch.oldest_fresh_ms,
        )

    def restore(self, cluster: Cluster, alert_ids: list[tuple[str, int]]) -> None:
        """Nothing was delivered before."""

    def expire(self, cluster: Cluster, before_ms: int) -> None:
        """The stretch ends before memory does."""

    def _origin(self, cluster: Cluster) -> Origin:
        with self._lock:
            if cluster not in self._origins:
                self._origins[cluster] = Origin(
                    cluster=cluster.name, account=cluster.account, region=cluster.region, log_group=cluster.log_group
                )
            return self._origins[cluster]


class _OpenPage:
    """Implements `OpenPage`."""

    def __init__(self, sink: _Sink, page: Page) -> None:
        self._sink = sink
        self._page = page
        self.next_token = SplitPage(page.body).next_token

    def evaluate(self) -> PageReport:
        return self._sink.evaluate(self._page)
