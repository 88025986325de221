"""A `PageSink` in plain Python, for tests: what the native one must do, in the simplest way.

In: pages. Out: an alert for each event not seen before, with its time. Every message is parsed, so that pages are
checked too.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from falcoeks_fast.poller.page import Clock, Cluster, OpenPage, Page, PageReport


@dataclass(frozen=True, slots=True)
class Alert:
    event_id: str
    alert_id: str
    at_ms: int
    pass_name: str
    cluster: str


class NotAccepted(Exception):
    """The output refused."""


class ReferenceSink:
    """Thread-safe. `accept` gets each page and the future to resolve, at once or later; the default accepts."""

    def __init__(self, clock: Clock, accept: Callable[[Page, Future[None]], None] | None = None) -> None:
        self._clock = clock
        self._accept = accept if accept is not None else lambda page, future: future.set_result(None)
        self._lock = threading.Lock()
        self._seen: dict[Cluster, dict[str, int]] = {}
        self._held_back: set[str] = set()
        self.alerts: list[Alert] = []
        self.repeats = 0
        self.pages: list[Page] = []
        self.keep_pages = False

    def open(self, page: Page) -> OpenPage:
        return _OpenPage(self, page)

    def evaluate(self, page: Page, document: dict[str, Any]) -> PageReport:
        """Called by the open page."""
        cluster = page.cluster
        fresh = []
        with self._lock:
            if self.keep_pages:
                self.pages.append(page)
            seen = self._seen.setdefault(cluster, {})
            for event in document["events"]:
                if event["eventId"] not in seen:
                    seen[event["eventId"]] = event["timestamp"]
                    fresh.append(event)
        buckets = [0] * 24
        ids = []
        for event in fresh:
            buckets[min(23, max(0, event["ingestionTime"] - event["timestamp"]).bit_length())] += 1
            ids.append((self._alert_id(cluster, event["eventId"]), event["timestamp"]))
        accepted: Future[None] = Future()
        accepted.add_done_callback(lambda done: self._settle(done, page, fresh, ids))
        self._accept(page, accepted)
        return PageReport(
            accepted,
            messages=len(document["events"]),
            fresh=len(fresh),
            repeated=len(document["events"]) - len(fresh),
            alerts=len(fresh),
            newest_ms=max((event["timestamp"] for event in document["events"]), default=-1),
            oldest_fresh_ms=min((event["timestamp"] for event in fresh), default=-1),
            lateness_ms=tuple(buckets),
            alert_ids=tuple(ids),
        )

    def _settle(self, done: Future[None], page: Page, fresh: list[dict[str, str]], ids: list[tuple[str, int]]) -> None:
        now_ms = self._clock.now_ms()
        with self._lock:
            if done.exception() is not None:
                for event in fresh:
                    self._seen[page.cluster].pop(event["eventId"], None)
                return
            for event, (alert_id, _) in zip(fresh, ids, strict=True):
                if alert_id not in self._held_back:
                    self.alerts.append(Alert(event["eventId"], alert_id, now_ms, page.pass_name, page.cluster.name))

    def restore(self, cluster: Cluster, alert_ids: list[tuple[str, int]]) -> None:
        self._held_back.update(alert_id for alert_id, _ in alert_ids)

    def expire(self, cluster: Cluster, before_ms: int) -> None:
        with self._lock:
            seen = self._seen.get(cluster, {})
            for event in [event for event, time_ms in seen.items() if time_ms < before_ms]:
                del seen[event]

    def remembered(self) -> int:
        """How many event ids are kept."""
        return sum(map(len, self._seen.values()))

    @staticmethod
    def _alert_id(cluster: Cluster, event_id: str) -> str:
        return hashlib.sha256(f"{cluster.name}/{cluster.region}/{event_id}".encode()).hexdigest()[:32]


class _OpenPage:
    """Implements `OpenPage`. Raises ValueError for anything but JSON."""

    def __init__(self, sink: ReferenceSink, page: Page) -> None:
        self._sink = sink
        self._page = page
        self._document = json.loads(bytes(page.body))
        self.next_token: str | None = self._document.get("nextToken")

    def evaluate(self) -> PageReport:
        return self._sink.evaluate(self._page, self._document)
