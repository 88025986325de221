"""The poller without threads, in simulated time: an hour takes seconds, and every run is the same.

In: settings, a fake service, a sink. Out: the same calls in the same order as with threads, each taking as long as the
service says. Called by tests and `bench/soak.py`.
"""

from __future__ import annotations

import heapq
import itertools
import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, ConnectionClosedError

from falcoeks_fast.poller.checkpoint import AlertLog, Checkpoint, checkpoint_path, load, save
from falcoeks_fast.poller.client import Fetched
from falcoeks_fast.poller.clock import instant
from falcoeks_fast.poller.dispatch import Dispatcher
from falcoeks_fast.poller.failures import FetchFailed, classify
from falcoeks_fast.poller.messages import Message, Reporter
from falcoeks_fast.poller.page import Cluster, PageSink
from falcoeks_fast.poller.reader import Call
from falcoeks_fast.poller.settings import PollerSettings

from .service import Answer, FakeCloudWatch

BEGIN_MS = 1_764_000_000_000


class SimulatedClock:
    def __init__(self, begin_ms: int = BEGIN_MS) -> None:
        self.elapsed_s = 0.0
        self._begin_ms = begin_ms

    def now_ms(self) -> int:
        return self._begin_ms + int(self.elapsed_s * 1000.0)

    def monotonic(self) -> float:
        return self.elapsed_s

    def wait(self, seconds: float) -> bool:
        self.elapsed_s += seconds
        return False


def request(cluster: Cluster, settings: PollerSettings, call: Call) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        "logGroupName": cluster.log_group,
        "logStreamNamePrefix": settings.stream_prefix,
        "startTime": call.window.span.start_ms,
        "endTime": call.window.span.end_ms,
        "limit": 10_000,
    }
    if call.token is not None:
        parameters["nextToken"] = call.token
    return parameters


def outcome(answer: Answer, cluster: Cluster, *, with_token: bool) -> Fetched:
    """What the client would make of an answer. Raises FetchFailed."""
    if answer.reset_after is not None:
        broken = ConnectionClosedError(endpoint_url="simulated")
        raise FetchFailed(classify(broken, cluster))
    if answer.status == 200:
        return Fetched(answer.body)
    # The form in which botocore hands on an error of the JSON protocol.
    said = json.loads(answer.body)
    response: Any = {
        "Error": {"Code": said["__type"], "Message": said["message"]},
        "ResponseMetadata": {"HTTPStatusCode": answer.status},
    }
    error = ClientError(response, "FilterLogEvents")
    raise FetchFailed(classify(error, cluster, with_token=with_token))


class Simulation:
    """One process of the poller. Make a second one over the same `state_dir` to simulate a restart."""

    def __init__(
        self,
        settings: PollerSettings,
        services: Mapping[Cluster, FakeCloudWatch],
        sink: PageSink,
        clock: SimulatedClock,
        *,
        seed: int = 3,
        every_second: Callable[[], None] = lambda: None,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.sink = sink
        self.messages: list[Message] = []
        self._services = services
        self._every_second = every_second
        self.dispatcher = Dispatcher(settings, sink, Reporter(self.messages.append), clock, random.Random(seed))
        self._busy: list[tuple[float, int, Call, Answer]] = []
        self._order = itertools.count()
        self._tidy_at = clock.monotonic()
        self._save_at = clock.monotonic() + settings.checkpoint_every_s
        for cluster in settings.clusters:
            restored = self._restore(cluster)
            self.dispatcher.add(cluster, restored)

    def _restore(self, cluster: Cluster) -> Checkpoint | None:
        if self.settings.state_dir is None:
            return None
        restored = load(checkpoint_path(self.settings.state_dir, cluster), cluster)
        if restored is not None:
            self.sink.restore(cluster, AlertLog.unpacked(restored.alerts))
        return restored

    def run(self, seconds: float, *, until: Callable[[], bool] = lambda: False) -> None:
        """Let time pass; ends early when `until` says so (asked once a second)."""
        end = self.clock.elapsed_s + seconds
        while self.clock.elapsed_s < end:
            wait = self._dispatch()
            step = min(end, self.clock.elapsed_s + wait, self._tidy_at)
            if self._busy:
                step = min(step, self._busy[0][0])
            self.clock.elapsed_s = max(self.clock.elapsed_s, step)
            while self._busy and self._busy[0][0] <= self.clock.elapsed_s:
                self._arrive()
            if self.clock.elapsed_s >= self._tidy_at:
                self._tidy_at += 1.0
                self._every_second()
                self.dispatcher.tidy()
                self._checkpoint()
                if until():
                    return

    def _dispatch(self) -> float:
        """Send what may be sent; seconds until there may be more."""
        while len(self._busy) < self.settings.threads:
            with self.dispatcher.lock:
                found = self.dispatcher.take(instant(self.clock))
            if not isinstance(found, Call):
                return found
            cluster = found.reader.cluster
            parameters = request(cluster, self.settings, found)
            answer = self._services[cluster].filter_log_events(parameters, self.clock.now_ms())
            arrival = self.clock.elapsed_s + answer.latency_s
            heapq.heappush(self._busy, (arrival, next(self._order), found, answer))
        return 3600.0

    def _arrive(self) -> None:
        _, _, call, answer = heapq.heappop(self._busy)
        try:
            fetched = outcome(answer, call.reader.cluster, with_token=call.token is not None)
        except FetchFailed as error:
            self.dispatcher.failed(call, error.failure)
            return
        self.dispatcher.arrived(call, fetched)

    def _checkpoint(self) -> None:
        if self.settings.state_dir is None or self.clock.elapsed_s < self._save_at:
            return
        self._save_at = self.clock.elapsed_s + self.settings.checkpoint_every_s
        self.save(self.settings.state_dir)

    def save(self, state_dir: Path) -> None:
        for reader, state in self.dispatcher.checkpoints():
            save(checkpoint_path(state_dir, reader.cluster), reader.cluster, state)
