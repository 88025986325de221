"""The native engine as a `PageSink` for the soak: every event alerts, and each alert is noted with its time.

In: pages. Out: serial number, alert id and time of each alert. Called by `soak_rows` and `soak_child`.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import NamedTuple

from falcoeks_fast.engine._core import Format, Numbering, Origin, RuleSet, Scanner, SeenSet, SplitPage
from falcoeks_fast.poller.page import Clock, Cluster, OpenPage, Page, PageReport
from falcoeks_fast.rules import LoadSettings, RuleFile, load_rules

_RULE = b"""
- rule: Everything
  desc: alerts on every event of the soak
  condition: ka.verb in (get, list, create, update)
  output: "%ka.auditid"
  priority: NOTICE
  source: k8s_audit
"""


class Noted(NamedTuple):
    serial: int
    alert_id: str
    at_ms: int
    pass_name: str
    cluster: str


class SoakSink:
    """Thread-safe. `deliver` gets the alerts of a page before they count as accepted."""

    def __init__(self, clock: Clock, deliver: Callable[[list[Noted]], None]) -> None:
        loaded = load_rules([RuleFile("soak.yaml", _RULE)], LoadSettings())
        if loaded.plan is None:
            raise RuntimeError("the rule of the soak does not load")
        self._rules = RuleSet(loaded.plan.wire(), loaded.plan.predicate_digest(), Format())
        self._numbering = Numbering()
        self._clock = clock
        self._deliver = deliver
        self._local = threading.local()
        self._lock = threading.Lock()
        self._groups: dict[Cluster, tuple[Origin, SeenSet]] = {}
        self._held_back: set[str] = set()

    def open(self, page: Page) -> OpenPage:
        return _OpenPage(self, page)

    def evaluate(self, page: Page, split: SplitPage) -> PageReport:
        """Called by the open page."""
        scanner = getattr(self._local, "scanner", None)
        if scanner is None:
            scanner = self._local.scanner = Scanner(self._rules, self._numbering)
        origin, seen = self._group(page.cluster)
        ticket = seen.ticket()
        batch = scanner.scan_page(split, origin, seen, ticket)
        now_ms = self._clock.now_ms()
        noted, ids = [], []
        for alert in map(batch.alert, range(batch.alert_count)):
            ids.append((alert.id, alert.event_time_ms))
            if alert.id not in self._held_back:
                serial = int(alert.body[-12:])
                noted.append(Noted(serial, alert.id, now_ms, page.pass_name, page.cluster.name))
        self._deliver(noted)
        seen.confirm(ticket)
        accepted: Future[None] = Future()
        accepted.set_result(None)
        return PageReport(
            accepted,
            messages=batch.messages,
            fresh=batch.messages - batch.repeated,
            repeated=batch.repeated,
            truncated=batch.truncated,
            malformed=batch.malformed,
            alerts=batch.alert_count,
            newest_ms=batch.newest_ms,
            oldest_fresh_ms=batch.oldest_fresh_ms,
            lateness_ms=tuple(batch.lateness_ms),
            alert_ids=tuple(ids),
        )

    def restore(self, cluster: Cluster, alert_ids: list[tuple[str, int]]) -> None:
        self._held_back.update(alert_id for alert_id, _ in alert_ids)

    def expire(self, cluster: Cluster, before_ms: int) -> None:
        self._group(cluster)[1].expire(before_ms)

    def remembered(self) -> tuple[int, int]:
        """Event ids that are kept, and their bytes."""
        sets = [seen for _, seen in self._groups.values()]
        return sum(map(len, sets)), sum(seen.memory_bytes for seen in sets)

    def _group(self, cluster: Cluster) -> tuple[Origin, SeenSet]:
        with self._lock:
            if cluster not in self._groups:
                origin = Origin(
                    cluster=cluster.name, account=cluster.account, region=cluster.region, log_group=cluster.log_group
                )
                self._groups[cluster] = (origin, SeenSet(secrets.token_bytes(16)))
            return self._groups[cluster]


class _OpenPage:
    """Implements `OpenPage`."""

    def __init__(self, sink: SoakSink, page: Page) -> None:
        self._sink = sink
        self._page = page
        self._split = SplitPage(page.body)
        self.next_token = self._split.next_token

    def evaluate(self) -> PageReport:
        return self._sink.evaluate(self._page, self._split)
