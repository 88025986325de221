"""Decides which call is made next, for all clusters, and brings each answer to where it belongs.

In: `take` from threads that are free, answers and failures of calls. Out: `Call`s, pages to the sink, checkpoints.
Called by the source (with threads) and by the simulation (without). Everything that changes is behind `lock`; AWS, the
sink and the disk are never called while it is held.

Order: early passes first, then trailing ones, then backlogs; among clusters of one budget, whoever had least so far.
"""

from __future__ import annotations

import functools
import math
import random
import threading
from concurrent.futures import Future

from .budget import Budget
from .checkpoint import Checkpoint
from .client import Fetched
from .clock import Instant, instant
from .failures import Failure, Kind
from .messages import Reporter
from .page import Clock, Cluster, Page, PageReport, PageSink
from .reader import Call, CallClass, ClusterReader
from .settings import PollerSettings
from .status import BudgetStatus, ClusterStatus

_USAGE_HALF_LIFE_S = 5.0
_TIDY_S = 1.0
# Calls a second of somebody whose usage, having faded once a second, stays at 1.
_PER_S = 2.0 ** (_TIDY_S / _USAGE_HALF_LIFE_S) - 1.0
# Of the calls that the lower classes wanted and did not get, each twelfth is theirs: they must end some day.
_LOWER_EVERY = 12
_SKEW_WORTH_SAYING_MS = 30_000


class _Group:
    """The clusters that share a budget."""

    def __init__(self, name: str, budget: Budget) -> None:
        self.name = name
        self.budget = budget
        self.readers: list[ClusterReader] = []
        self.virtual_time = 0.0
        self.passed_over = 0


def budget_name(cluster: Cluster) -> str:
    """Clusters of one account and region share a budget; where the account is unknown, those of one profile or role."""
    who = cluster.account or cluster.role_arn or cluster.profile or "default"
    at = f" at {cluster.endpoint_url}" if cluster.endpoint_url else ""
    return f"{who}/{cluster.region}{at}"


class Dispatcher:
    def __init__(
        self, settings: PollerSettings, sink: PageSink, reporter: Reporter, clock: Clock, rng: random.Random
    ) -> None:
        self._settings = settings
        self._sink = sink
        self._reporter = reporter
        self._clock = clock
        self._rng = rng
        self.lock = threading.Lock()
        self.changed = threading.Condition(self.lock)  # there may be a call to make, sooner than was known
        self.settled = threading.Condition(self.lock)  # the outputs have answered for a page
        self._groups: dict[str, _Group] = {}
        self.readers: list[ClusterReader] = []
        self._turn = 0
        self._flying: dict[Call, int] = {}  # bytes reserved or held, by call
        self._shared_at = clock.monotonic()

    def add(self, cluster: Cluster, restored: Checkpoint | None) -> ClusterReader:
        """Begin to read a cluster."""
        now = instant(self._clock)
        name = budget_name(cluster)
        with self.lock:
            group = self._groups.get(name)
            if group is None:
                group = self._groups[name] = _Group(name, Budget(self._settings.budget, now.mono))
            reader = ClusterReader(cluster, self._settings, group.budget, self._reporter, self._rng, now, restored)
            group.readers.append(reader)
            self.readers.append(reader)
            self._share(group)
        return reader

    # Calls

    def take(self, now: Instant) -> Call | float:
        """The next call, whose answer must be brought with `arrived` or `failed`; or seconds until there may be one.

        The lock must be held.
        """
        soonest = math.inf
        if self._flying and self.bytes_in_flight + self._reserve() > self._settings.max_bytes_in_flight:
            return soonest
        groups = list(self._groups.values())
        self._turn += 1
        for offset in range(len(groups)):
            group = groups[(self._turn + offset) % len(groups)]
            wait = group.budget.wait_s(now.mono)
            if wait <= 0.0:
                call = self._choose(group, now)
                if call is not None:
                    return call
            wanted = min((self._wanted_at(one, now) for one in group.readers), default=math.inf)
            soonest = min(soonest, max(wait, wanted - now.mono, 0.002))
        return soonest

    def has_call(self, now: Instant) -> bool:
        """Whether `take` may give another call at once. The lock must be held."""
        return any(
            group.budget.wait_s(now.mono) <= 0.0 and any(self._wanted_at(one, now) <= now.mono for one in group.readers)
            for group in self._groups.values()
        )

    def _wanted_at(self, reader: ClusterReader, now: Instant) -> float:
        classes = CallClass if self._lower_allowed() else (CallClass.early,)
        return min(reader.wanted_at(one, now) for one in classes)

    def _lower_allowed(self) -> bool:
        """Trailing passes and backlogs leave two threads to the early pass."""
        lower = sum(call.call_class is not CallClass.early for call in self._flying)
        return lower < max(1, self._settings.threads - 2)

    def _choose(self, group: _Group, now: Instant) -> Call | None:
        classes = [CallClass.early]
        if self._lower_allowed():
            classes = [CallClass.early, CallClass.settled, CallClass.backlog]
            if group.passed_over >= _LOWER_EVERY:
                classes = [CallClass.settled, CallClass.backlog, CallClass.early]
        for call_class in classes:
            candidates = [one for one in group.readers if one.wanted_at(call_class, now) <= now.mono]
            for reader in sorted(candidates, key=lambda one: one.virtual_time):
                call = reader.take(call_class, now)
                if call is not None:
                    self._send(group, call, now)
                    return call
        return None

    def _send(self, group: _Group, call: Call, now: Instant) -> None:
        reader = call.reader
        group.budget.spend(now.mono)
        group.virtual_time = max(group.virtual_time, min(one.virtual_time for one in group.readers))
        # Who wanted nothing for a while does not save up.
        reader.virtual_time = max(reader.virtual_time, group.virtual_time - 1.0) + 1.0
        if call.call_class is not CallClass.early:
            group.passed_over = 0
        elif any(one.wanted_at(lower, now) <= now.mono for one in group.readers for lower in list(CallClass)[1:]):
            group.passed_over += 1
        reader.usage += 1.0
        reader.sent(call, now)
        self._flying[call] = reader.rates.largest_page_bytes

    def _reserve(self) -> int:
        return max((one.rates.largest_page_bytes for one in self.readers), default=0)

    @property
    def bytes_in_flight(self) -> int:
        return sum(self._flying.values())

    @property
    def calls_in_flight(self) -> int:
        return len(self._flying)

    # Answers

    def arrived(self, call: Call, fetched: Fetched) -> None:
        """A page came: ask for its successor, then evaluate it. Called without the lock."""
        body, span, now = fetched.body, call.window.span, instant(self._clock)
        try:
            page = self._sink.open(
                Page(call.reader.cluster, body, call.window.pass_name, span.start_ms, span.end_ms, now.ms)
            )
        except ValueError as error:
            text = f"cluster {call.reader.cluster.name}: the response is no page of FilterLogEvents: {error}"
            self.failed(call, Failure(Kind.bad_page, f"{text}; fetching it again"))
            return
        token = page.next_token
        if token is not None and token == call.token:
            text = f"cluster {call.reader.cluster.name}: CloudWatch Logs gave the same page token twice"
            self.failed(call, Failure(Kind.bad_token, f"{text}; reading the window again"))
            return
        with self.lock:
            self._flying[call] = len(body)
            self._note_skew(call.reader, fetched, now)
            if not call.reader.page_fetched(call, len(body), token, now):
                del self._flying[call]
                return
            if token is not None:
                self.changed.notify()  # another thread fetches the next page while this one is evaluated
        report = page.evaluate()
        with self.lock:
            del self._flying[call]
            call.reader.page_evaluated(call, len(body), report, instant(self._clock))
        report.accepted.add_done_callback(functools.partial(self._settled, call, report))

    def _settled(self, call: Call, report: PageReport, accepted: Future[None]) -> None:
        """The outputs have answered."""
        error = None if accepted.cancelled() else accepted.exception()
        with self.lock:
            if accepted.cancelled() or error is not None:
                why = "the delivery was cancelled" if error is None else str(error) or type(error).__name__
                text = f"cluster {call.reader.cluster.name}: alerts were not accepted: {why}; reading the window again"
                call.reader.read_again(call, Failure(Kind.delivery, text), instant(self._clock))
                self.changed.notify()
            elif call.reader.page_accepted(call, report):
                self.changed.notify()
            self.settled.notify_all()

    def failed(self, call: Call, failure: Failure) -> None:
        """No page came. Called without the lock."""
        with self.lock:
            self._flying.pop(call, None)
            call.reader.call_failed(call, failure, instant(self._clock))
            self.changed.notify()

    def _note_skew(self, reader: ClusterReader, fetched: Fetched, now: Instant) -> None:
        if fetched.server_time_ms < 0:
            return
        skew = now.ms - fetched.server_time_ms
        reader.clock_skew_ms = skew
        name = reader.cluster.name
        if abs(skew) > _SKEW_WORTH_SAYING_MS:
            word = "ahead of" if skew > 0 else "behind"
            text = f"cluster {name}: the clock of this machine is {abs(skew) / 1000:.0f} s {word} AWS's; set it (NTP)"
            self._reporter.trouble("warning", "clock_off", text, now.mono, name)
        elif abs(skew) < _SKEW_WORTH_SAYING_MS // 2:
            self._reporter.over("clock_off", f"cluster {name}: the clock is right again", now.mono, name)

    # Bookkeeping

    def tidy(self) -> None:
        """Once a second or so: shares of the budget, old event ids, what is over."""
        now = instant(self._clock)
        with self.lock:
            factor = 0.5 ** (max(0.0, now.mono - self._shared_at) / _USAGE_HALF_LIFE_S)
            self._shared_at = now.mono
            for reader in self.readers:
                reader.usage *= factor
            for group in self._groups.values():
                self._share(group)
            oldest = [(reader.cluster, reader.tidy(now)) for reader in self.readers]
            self.changed.notify()
        for cluster, before_ms in oldest:
            self._sink.expire(cluster, before_ms)

    def _share(self, group: _Group) -> None:
        """Each cluster may plan with an equal part of the calls, and with those that nobody uses."""
        rate = group.budget.rate
        used_per_s = [one.usage * _PER_S for one in group.readers]
        spare = max(0.0, 0.95 * rate - sum(used_per_s))
        for reader, own in zip(group.readers, used_per_s, strict=True):
            reader.calls_per_s = max(rate / len(group.readers), own + spare)

    def checkpoints(self, *, all_of_them: bool = False) -> list[tuple[ClusterReader, Checkpoint]]:
        """What is to be stored: of the readers that changed since the last time."""
        now = instant(self._clock)
        with self.lock:
            due = [one for one in self.readers if one.changed or all_of_them]
            for reader in due:
                reader.changed = False
            return [(reader, reader.checkpoint(now)) for reader in due]

    def status(self) -> tuple[list[ClusterStatus], list[BudgetStatus]]:
        now = instant(self._clock)
        with self.lock:
            clusters = [reader.status(now) for reader in self.readers]
            budgets = [
                BudgetStatus(
                    group.name,
                    group.budget.rate,
                    self._settings.budget.ceiling,
                    group.budget.calls,
                    group.budget.throttles,
                )
                for group in self._groups.values()
            ]
        return clusters, budgets
