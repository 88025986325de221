"""Evaluates pages of CloudWatch Logs: the app's side of the poller's `PageSink`.

In: pages, as AWS sent them. Out: reports with a future for their acceptance. Called by the poller's threads. Each log
group has its own set of event ids: an id is entered when its event is scanned, made permanent when the page's alerts
are accepted, and taken out again when they are not.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Collection
from concurrent.futures import Future
from dataclasses import dataclass, field

from falcoeks_fast.engine._core import Batch, Origin, SeenSet, SplitPage
from falcoeks_fast.engine.outputs.dispatcher import NotAcceptedError
from falcoeks_fast.poller.page import Cluster, OpenPage, Page, PageReport

from .delivery import Delivery
from .evaluation import Evaluation
from .held_back import EVERY_OUTPUT, HeldBack
from .replay.events import Kind

_log = logging.getLogger("falcoeks_fast.events")


@dataclass(frozen=True, slots=True)
class _Group:
    """What is kept for one log group."""

    name: str
    origin: Origin
    seen: SeenSet
    held_back: HeldBack = field(default_factory=HeldBack)


class EnginePageSink:
    """Implements `PageSink`. Thread-safe."""

    def __init__(
        self, evaluation: Evaluation, delivery: Delivery, *, ambiguous_names: Collection[str] = frozenset()
    ) -> None:
        """`ambiguous_names`: names that several clusters have, in other regions or accounts; they count apart."""
        self._evaluation = evaluation
        self._delivery = delivery
        self._ambiguous_names = frozenset(ambiguous_names)
        self._lock = threading.Lock()
        self._groups: dict[Cluster, _Group] = {}

    def open(self, page: Page) -> OpenPage:
        return _OpenPage(self, page)

    def evaluate(self, page: Page, split: SplitPage) -> PageReport:
        """Called by the open page."""
        group = self._group(page.cluster)
        scanner, generation = self._evaluation.scanner()
        ticket = group.seen.ticket()
        try:
            batch = scanner.scan_page(split, group.origin, group.seen, ticket)
            ids = tuple((alert.id, alert.event_time_ms) for alert in map(batch.alert, range(batch.alert_count)))
            delivered = self._delivery.deliver(group.name, batch, generation, held_back=group.held_back)
        except BaseException:  # whatever it was: the page will be read again, and its events must not look known then
            group.seen.forget(ticket)
            raise
        self._evaluation.sample(Kind.PAGE, page.body)
        accepted: Future[None] = Future()

        def settle(outcome: Future[None]) -> None:
            error = outcome.exception()
            if error is None:
                group.seen.confirm(ticket)
                accepted.set_result(None)
                return
            group.seen.forget(ticket)
            if isinstance(error, NotAcceptedError):
                group.held_back.add(ids, error.accepted or frozenset({""}))
            self._delivery.count_unaccepted(group.name, len(ids))
            accepted.set_exception(error)

        delivered.add_done_callback(settle)
        return _report(batch, accepted, ids)

    def restore(self, cluster: Cluster, alert_ids: list[tuple[str, int]]) -> None:
        left_out = self._group(cluster).held_back.add(alert_ids, EVERY_OUTPUT)
        if left_out:
            _log.warning(
                "cluster %s: there is no room for %d ids of alerts of before the restart; these may come again",
                cluster.name,
                left_out,
            )

    def expire(self, cluster: Cluster, before_ms: int) -> None:
        group = self._group(cluster)
        group.seen.expire(before_ms)
        group.held_back.forget_before(before_ms)

    def seen_ids(self) -> dict[str, tuple[int, int]]:
        """By cluster: how many event ids are remembered, and in how many bytes."""
        with self._lock:
            groups = list(self._groups.values())
        return {group.name: (len(group.seen), group.seen.memory_bytes) for group in groups}

    def _group(self, cluster: Cluster) -> _Group:
        with self._lock:
            group = self._groups.get(cluster)
            if group is None:
                origin = Origin(
                    cluster=cluster.name, account=cluster.account, region=cluster.region, log_group=cluster.log_group
                )
                name = cluster.name
                if name in self._ambiguous_names:
                    name = f"{name} ({', '.join(part for part in (cluster.region, cluster.account) if part)})"
                group = self._groups[cluster] = _Group(name, origin, SeenSet(secrets.token_bytes(16)))
            return group


class _OpenPage:
    """Implements `OpenPage`."""

    def __init__(self, sink: EnginePageSink, page: Page) -> None:
        self._sink = sink
        self._page = page
        self._split = SplitPage(page.body)

    @property
    def next_token(self) -> str | None:
        return self._split.next_token

    def evaluate(self) -> PageReport:
        return self._sink.evaluate(self._page, self._split)


def _report(batch: Batch, accepted: Future[None], ids: tuple[tuple[str, int], ...]) -> PageReport:
    return PageReport(
        accepted=accepted,
        messages=batch.messages,
        fresh=batch.messages - batch.repeated,
        repeated=batch.repeated,
        truncated=batch.truncated,
        malformed=batch.malformed + batch.not_audit,
        alerts=batch.alert_count,
        newest_ms=batch.newest_ms,
        oldest_fresh_ms=batch.oldest_fresh_ms,
        lateness_ms=tuple(batch.lateness_ms),
        alert_ids=ids,
    )
