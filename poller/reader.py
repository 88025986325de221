"""One cluster: its passes, the calls that are to be made for them, and what becomes of each.

In: the clock, pages and failures. Out: `Call`s to make, one after the other, and counters. Called by the dispatcher
under its lock; nothing here waits, calls AWS or evaluates.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from enum import IntEnum

from .budget import Budget
from .checkpoint import AlertLog, Checkpoint, PassState
from .clock import Instant, utc
from .failures import Failure, Kind, pause_s
from .lateness import Lateness
from .looks import LookInput, LookPlan, plan_looks
from .messages import Level, Reporter
from .page import Cluster, PageReport
from .passes import EarlyPass, LaggingPass
from .rates import Rates
from .resume import open_ledgers, skipped_ms
from .settings import EARLY, PollerSettings
from .status import ClusterStatus, Counters
from .windows import Ledger, Span, Window

_MAX_OPEN_WINDOWS = 200
_PLAN_FOR_S = 0.5
_MAX_WAITING = 6  # early calls that wait for the budget: no new look before they went out
_BACKLOG_PAGES = 6  # a walk of a backlog window: long enough that its half empty last page costs little
_UNKNOWN_WIDTH_MS = 30_000


class CallClass(IntEnum):
    early = 0
    settled = 1
    backlog = 2


@dataclass(slots=True, eq=False)
class Call:
    """One page to fetch. Times are monotonic seconds."""

    reader: ClusterReader
    window: Window
    generation: int
    token: str | None
    call_class: CallClass
    due: float
    not_before: float
    failures: int = 0
    sent: float = 0.0

    @property
    def stale(self) -> bool:
        """The window was begun anew, or is done: this call is no longer needed."""
        return self.generation != self.window.generation


class ClusterReader:
    def __init__(
        self,
        cluster: Cluster,
        settings: PollerSettings,
        budget: Budget,
        reporter: Reporter,
        rng: random.Random,
        now: Instant,
        restored: Checkpoint | None,
    ) -> None:
        self.cluster = cluster
        self.budget = budget
        self._settings = settings
        self._reporter = reporter
        self._rng = rng
        self.counters = Counters()
        self.lateness = Lateness()
        self.rates = Rates()
        self.alert_log = AlertLog()
        if restored is not None:
            self.alert_log.add(AlertLog.unpacked(restored.alerts))
        self.ledgers = open_ledgers(settings, now, restored)
        self._early: EarlyPass | None = None
        self._lagging: list[LaggingPass] = []
        if settings.time_range is None:
            first, *others = self.ledgers
            self._early = EarlyPass(first, now.mono)
            pairs = zip(others, settings.trailing, strict=True)
            self._lagging = [LaggingPass(ledger, one.lag_ms) for ledger, one in pairs]
        self._ready: list[Call] = []
        self._serial = 0
        self._plan = LookPlan(period_s=0.5)
        self._plan_until = -math.inf
        self._stretch = 1.0
        self._live_fresh = 0.0
        self._edge_fresh = 0.0
        self.calls_per_s = budget.rate  # this cluster's share, set by the dispatcher
        self.in_flight = 0
        self.usage = 0.0  # calls of the last seconds, fading
        self.virtual_time = 0.0
        self._blocked_until = -math.inf
        self._failures_in_a_row = 0
        self._cluster_wide = False
        self._trouble = ""
        self._page_troubles: dict[Kind, float] = {}
        self._succeeded = False
        self.fatal = ""
        self.clock_skew_ms = 0
        self.changed = True

    # What to do next

    @property
    def done(self) -> bool:
        """A time range was read to its end."""
        return self._early is None and not any(ledger.open or ledger.backlog for ledger in self.ledgers)

    @property
    def catching_up(self) -> bool:
        return any(ledger.backlog for ledger in self.ledgers) or any(
            window.backlog for ledger in self.ledgers for window in ledger.open.values()
        )

    def wanted_at(self, call_class: CallClass, now: Instant) -> float:
        """When (monotonic) a call of this class may be made; infinity for none in sight."""
        if self.fatal or (self._cluster_wide and self.in_flight):
            return math.inf
        at = min((call.not_before for call in self._ready if call.call_class is call_class), default=math.inf)
        if call_class is CallClass.early and self._early is not None and self._may_look():
            at = min(at, self._early.due(now, self._current_plan(now)))
        elif call_class is CallClass.settled:
            for one in self._lagging:
                if self._may_open(one.ledger):
                    at = min(at, one.due(now, self._width_ms(one.ledger)))
        elif call_class is CallClass.backlog and any(
            ledger.backlog and self._may_open(ledger) for ledger in self.ledgers
        ):
            at = min(at, now.mono)
        return max(at, self._blocked_until)

    def take(self, call_class: CallClass, now: Instant) -> Call | None:
        """The most urgent call of this class. Its window is registered. None where there is none after all."""
        self._ready = [call for call in self._ready if not call.stale]
        waiting = [call for call in self._ready if call.call_class is call_class and call.not_before <= now.mono]
        chosen = min(waiting, key=lambda call: call.due, default=None)
        if call_class is CallClass.early and self._early is not None and self._may_look():
            plan = self._current_plan(now)
            due = self._early.due(now, plan)
            if due <= now.mono and (chosen is None or due < chosen.due):
                for cut in self._early.next(now, plan):
                    self._open(self._early.ledger, cut.span, CallClass.early, now, edge=cut.edge)
                return self._pop_newest(CallClass.early, now)
        elif chosen is None and call_class is CallClass.settled:
            self._open_settled(now)
            return self._pop_newest(CallClass.settled, now)
        elif chosen is None and call_class is CallClass.backlog:
            self._open_backlog(now)
            return self._pop_newest(CallClass.backlog, now)
        if chosen is not None:
            self._ready.remove(chosen)
        return chosen

    def _pop_newest(self, call_class: CallClass, now: Instant) -> Call | None:
        fresh = [call for call in self._ready if call.call_class is call_class and call.not_before <= now.mono]
        if not fresh:
            return None
        newest = max(fresh, key=lambda call: (call.due, call.window.span.end_ms))
        self._ready.remove(newest)
        return newest

    def _may_look(self) -> bool:
        waiting = sum(call.call_class is CallClass.early for call in self._ready)
        return self._early is not None and waiting < _MAX_WAITING and self._may_open(self._early.ledger)

    def _may_open(self, ledger: Ledger) -> bool:
        return len(ledger.open) < _MAX_OPEN_WINDOWS

    def _open(self, ledger: Ledger, span: Span, call_class: CallClass, now: Instant, *, edge: bool = False) -> None:
        self._serial += 1
        youngest_s = (now.ms - span.end_ms) / 1000.0
        visible_s = self.lateness.visible_s(now.ms - span.end_ms, now.ms - span.start_ms)
        window = Window(self._serial, ledger.name, span, visible_s, youngest_s, call_class is CallClass.backlog, edge)
        ledger.register(window)
        self._ready.append(Call(self, window, 0, None, call_class, now.mono, now.mono))
        self.changed = True

    def _open_settled(self, now: Instant) -> None:
        for one in self._lagging:
            span = one.next(now, self._width_ms(one.ledger)) if self._may_open(one.ledger) else None
            if span is not None:
                self._open(one.ledger, span, CallClass.settled, now)

    def _open_backlog(self, now: Instant) -> None:
        newest_first = self._early is not None
        for ledger in self.ledgers:
            if not ledger.backlog or not self._may_open(ledger):
                continue
            per_s = self.rates.at(ledger.backlog[-1].end_ms if newest_first else ledger.backlog[0].start_ms)
            width = _UNKNOWN_WIDTH_MS
            if per_s > 0.0:
                width = round(1000.0 * _BACKLOG_PAGES * self.rates.page_events / per_s)
            span = ledger.carve(min(max(width, 500), 600_000), newest_first=newest_first)
            if span is not None:
                self._open(ledger, span, CallClass.backlog, now)
                return

    def _width_ms(self, ledger: Ledger) -> int:
        """Of a window of a trailing pass: about a page, so that calls are well used, within a few seconds."""
        per_s = self.rates.at(ledger.frontier_ms)
        full = 1000.0 * 0.9 * self.rates.page_events / per_s if per_s > 0.0 else 1e9
        widest = 5_000 if self.calls_per_s >= 1.0 else 8_000
        return round(min(max(200.0, full), widest))

    def _current_plan(self, now: Instant) -> LookPlan:
        if now.mono >= self._plan_until:
            self._plan_until = now.mono + _PLAN_FOR_S
            per_s = self.rates.live.events_per_s
            needed = per_s / self.rates.page_events  # calls/s that read everything once
            share = self.calls_per_s
            settled = sum(1000.0 / self._width_ms(one.ledger) for one in self._lagging)
            calls = max(0.95 * share - settled, 0.4 * share)
            if self.catching_up:
                calls = min(calls, 0.35 * share)
            calls = max(calls, min(share, 1.15 * needed))
            self._plan = plan_looks(
                LookInput(
                    self.lateness,
                    per_s,
                    self.rates.page_events,
                    calls,
                    self._settings.polling_interval_ms,
                    self._settings.max_overlap_ms,
                    self._stretch,
                )
            )
        return self._plan

    # What became of a call

    def sent(self, call: Call, now: Instant) -> None:
        call.sent = now.mono
        self.in_flight += 1
        self.counters.calls += 1

    def page_fetched(self, call: Call, body_bytes: int, token: str | None, now: Instant) -> bool:
        """A page came. False: it is no longer wanted, and must not be evaluated."""
        self.in_flight -= 1
        counters, window = self.counters, call.window
        counters.pages += 1
        counters.bytes += body_bytes
        counters.bytes_by_pass[window.pass_name] = counters.bytes_by_pass.get(window.pass_name, 0) + body_bytes
        self._call_worked(now)
        if call.stale:
            return False
        window.pending += 1
        window.unevaluated += 1
        if token is None:
            window.walk_ended = True
        else:
            following = Call(self, window, call.generation, token, call.call_class, now.mono, now.mono)
            self._ready.append(following)
        return True

    def page_evaluated(self, call: Call, body_bytes: int, report: PageReport, now: Instant) -> None:
        counters, window = self.counters, call.window
        counters.messages += report.messages
        counters.fresh += report.fresh
        counters.repeated += report.repeated
        counters.truncated += report.truncated
        counters.malformed += report.malformed
        counters.alerts += report.alerts
        counters.empty_pages += report.messages == 0
        self.lateness.add(report.lateness_ms, now.mono)
        if call.call_class is CallClass.settled and not window.failures:
            counters.late += report.fresh
        if call.stale:
            return
        window.unevaluated -= 1
        last = window.walk_ended and not window.unevaluated
        self.rates.page(report.messages, body_bytes, continued=not window.walk_ended)
        if not window.failures:
            self._measure(window, report, now, last=last)
        if call.call_class is CallClass.early:
            self._adapt_overlap(window, report)

    def _measure(self, window: Window, report: PageReport, now: Instant, *, last: bool) -> None:
        """Pages of a walk tell the rate one by one: a long walk must not be over before it is known."""
        span = window.span
        begin = max(window.measured_until_ms, span.start_ms - 1)
        until = span.end_ms if last else max(begin, min(report.newest_ms, span.end_ms))
        window.measured_until_ms = until
        rate = self.rates.live if window.pass_name == EARLY and not window.backlog else self.rates.backlog
        rate.add(report.messages, window.visible_s * (until - begin) / span.length_ms, now.mono)

    def _adapt_overlap(self, window: Window, report: PageReport) -> None:
        """Fresh events in the oldest part of the deep looks mean that these do not reach far enough.

        The lateness alone cannot tell: an event may become visible long after its ingestion.
        """
        self._live_fresh = 0.98 * self._live_fresh + report.fresh
        self._edge_fresh = 0.98 * self._edge_fresh + (report.fresh if window.edge else 0)
        if window.edge:
            expected = 1.5 * (1.0 - self.lateness.fraction_within(1000.0 * window.youngest_s))
            too_many = self._edge_fresh > 3.0 + (0.015 + expected) * self._live_fresh
            self._stretch = min(3.0, max(1.0, self._stretch * (1.03 if too_many else 0.98)))

    def page_accepted(self, call: Call, report: PageReport) -> bool:
        """Every output has the page's alerts. True: now there is room again for a window that had to wait."""
        self.alert_log.add(report.alert_ids)
        self.changed = True
        if call.stale:
            return False
        call.window.pending -= 1
        if not call.window.done:
            return False
        ledger = self.ledger(call.window)
        was_full = not self._may_open(ledger)
        ledger.close(call.window)
        call.window.generation += 1
        self.counters.windows_done += 1
        return was_full

    def read_again(self, call: Call, failure: Failure, now: Instant) -> None:
        """Its page was refused, or not delivered: begin the window anew."""
        self._count_failure(failure, now)
        if call.stale:
            return
        window = call.window
        window.restart()
        window.failures += 1
        self.counters.windows_read_again += 1
        at = now.mono + pause_s(failure.kind, window.failures, self._rng)
        self._ready.append(Call(self, window, window.generation, None, call.call_class, at, at))

    def call_failed(self, call: Call, failure: Failure, now: Instant) -> None:
        """No page came."""
        self.in_flight -= 1
        if failure.kind is Kind.throttled:
            self.counters.throttles += 1
            self.budget.throttled(call.sent, now.mono)
        else:
            self._failures_in_a_row += 1
        if failure.kind is Kind.bad_token:
            self.read_again(call, failure, now)
            return
        self._count_failure(failure, now)
        call.failures += 1
        call.not_before = now.mono + pause_s(failure.kind, call.failures, self._rng)
        if not call.stale:
            self._ready.append(call)
        if failure.fatal and not self._succeeded:
            self.fatal = failure.text
        if failure.cluster_wide or self._failures_in_a_row >= 8:
            self._cluster_wide = True
            pause = pause_s(failure.kind, self._failures_in_a_row, self._rng)
            self._blocked_until = max(self._blocked_until, now.mono + pause)

    def _count_failure(self, failure: Failure, now: Instant) -> None:
        kind = failure.kind
        if kind is not Kind.throttled:
            self.counters.failures[kind] = self.counters.failures.get(kind, 0) + 1
        if failure.cluster_wide:
            self._trouble = failure.text
            self._reporter.trouble("error", kind, f"{failure.text}; trying again", now.mono, self.cluster.name)
        else:
            self._page_troubles[kind] = now.mono
            level: Level = "info" if kind is Kind.throttled else "warning"
            self._reporter.trouble(level, kind, failure.text, now.mono, self.cluster.name)

    def _call_worked(self, now: Instant) -> None:
        self._succeeded = True
        self._failures_in_a_row = 0
        if self._cluster_wide:
            self._cluster_wide = False
            self._blocked_until = -math.inf
            self._trouble = ""
            for kind in Kind:
                if kind not in self._page_troubles:
                    self._reporter.over(
                        kind, f"cluster {self.cluster.name}: reading again", now.mono, self.cluster.name
                    )

    # Bookkeeping

    def ledger(self, window: Window) -> Ledger:
        return next(one for one in self.ledgers if one.name == window.pass_name)

    def tidy(self, now: Instant) -> int:
        """Once a second or so. Returns the event time before which nothing will be read again."""
        for kind, last in list(self._page_troubles.items()):
            if now.mono - last > 120.0:
                del self._page_troubles[kind]
                self._reporter.over(
                    kind, f"cluster {self.cluster.name}: no {kind} any more", now.mono, self.cluster.name
                )
        if self._early is not None:
            self._early.ledger.drop_backlog_before(now.ms - self._lagging[0].lag_ms)
            self._drop_too_old(now)
        self.rates.note(now.ms)
        oldest = min(ledger.cursor_ms for ledger in self.ledgers)
        if self._early is not None:
            oldest = min(oldest, now.ms - self._settings.max_overlap_ms)
        self.alert_log.expire(oldest)
        return oldest

    def _drop_too_old(self, now: Instant) -> None:
        limit = self._settings.max_catch_up_ms
        skipped = skipped_ms(self.ledgers[1:], now, limit)
        if skipped:
            self.counters.skipped_ms += skipped
            text = (
                f"cluster {self.cluster.name}: {skipped / 1000:.0f} s of the log before {utc(now.ms - limit)} are "
                f"older than max_catch_up ({limit / 1000:.0f} s) and were not read; read them with --since"
            )
            self._reporter.trouble("warning", "max_catch_up", text, now.mono, self.cluster.name)

    def checkpoint(self, now: Instant) -> Checkpoint:
        passes = {one.name: PassState(one.frontier_ms, tuple(one.todo())) for one in self.ledgers}
        return Checkpoint(now.ms, passes, self.cluster.account, self.alert_log.packed())

    def status(self, now: Instant) -> ClusterStatus:
        quantiles = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}
        first = self.ledgers[0]
        return ClusterStatus(
            cluster=self.cluster.name,
            region=self.cluster.region,
            account=self.cluster.account,
            state=self._state(),
            trouble=self.fatal or self._trouble,
            counters=self.counters,
            lag_ms=max(0, now.ms - first.cursor_ms) if self._early is not None else 0,
            backlog_ms=sum(ledger.backlog_ms for ledger in self.ledgers),
            cursors_ms={ledger.name: ledger.cursor_ms for ledger in self.ledgers},
            windows_open=sum(len(ledger.open) for ledger in self.ledgers),
            lateness_ms={name: self.lateness.quantile_ms(q) for name, q in quantiles.items()},
            overlap_ms=max([self._plan.near_ms, self._plan.deep_ms, *self._plan.sweep_ages_ms]),
            events_per_s=self.rates.live.events_per_s,
            clock_skew_ms=self.clock_skew_ms,
        )

    def _state(self) -> str:
        if self.fatal:
            return "failed"
        if self._cluster_wide:
            return "retrying"
        if self.done:
            return "done"
        if not self._succeeded:
            return "starting"
        return "catching up" if self.catching_up else "reading"
