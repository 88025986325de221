"""The passes over one log group: cursors that trail the clock and cut the log into windows.

In: the clock, the plan of the early pass, widths. Out: spans to read. Called by the reader, which registers a window
for each span before its first call goes out.

A pass never gives up what it has not read, with one exception: the backlog of the early pass is dropped once it is
older than the lag of the first trailing pass, because that pass reads it anyway, exactly once.
"""

from __future__ import annotations

from dataclasses import dataclass

from .clock import Instant
from .looks import LookPlan, calls_for
from .windows import Ledger, Span, split

# Further behind than this, a pass is catching up: what is old goes to the backlog and is read newest first.
CATCH_UP_MS = 60_000
_CLOCK_WENT_BACK_MS = 5_000


@dataclass(frozen=True, slots=True)
class Cut:
    """A span that the early pass wants read. `edge`: the oldest part of a deep look, where hardly any is new."""

    span: Span
    edge: bool


class EarlyPass:
    """Trails by almost nothing."""

    def __init__(self, ledger: Ledger, mono: float) -> None:
        self.ledger = ledger
        self._near_due = mono
        self._deep_due = mono + 1.0
        self._near_at_ms = self._deep_at_ms = ledger.frontier_ms
        self._sweeps_ms: list[int] = []

    def due(self, now: Instant, plan: LookPlan) -> float:
        """When (monotonic) there is something to read."""
        if plan.sweep_ages_ms:
            waits = [
                frontier + plan.slice_ms + age - now.ms
                for age, frontier in zip(plan.sweep_ages_ms, self._frontiers(now, plan), strict=True)
            ]
            return now.mono + max(0, min(waits)) / 1000.0
        return min(self._near_due, self._deep_due) if plan.deep_ms else self._near_due

    def next(self, now: Instant, plan: LookPlan) -> list[Cut]:
        """What to read now, newest first; nothing before `due`."""
        if plan.sweep_ages_ms:
            return self._sweep(now, plan)
        if plan.deep_ms and now.mono >= self._deep_due and self._deep_due < self._near_due:
            return self._deep(now, plan)
        return self._near(now, plan) if now.mono >= self._near_due else []

    def _near(self, now: Instant, plan: LookPlan) -> list[Cut]:
        self._near_due = max(self._near_due + plan.period_s, now.mono + 0.5 * plan.period_s)
        before, self._near_at_ms = self._near_at_ms, now.ms
        start = min(self.ledger.frontier_ms + 1, now.ms - plan.near_reach_ms, before - plan.near_reach_ms)
        oldest = now.ms - max(10_000, 2 * plan.near_ms)
        if start < oldest:
            if self.ledger.frontier_ms < oldest:
                self.ledger.defer(Span(self.ledger.frontier_ms + 1, oldest - 1))
            start = oldest
        span = Span(start, now.ms)
        return _cuts(span, plan.near_pages * span.length_ms / max(1, plan.near_ms), edge=not plan.deep_ms)

    def _deep(self, now: Instant, plan: LookPlan) -> list[Cut]:
        self._deep_due = max(self._deep_due + plan.deep_period_s, now.mono + 0.5 * plan.deep_period_s)
        before, self._deep_at_ms = self._deep_at_ms, now.ms
        end = now.ms - plan.near_reach_ms
        start = max(before - plan.deep_reach_ms, now.ms - 2 * plan.deep_ms)
        if start > end:
            return []
        span = Span(start, end)
        return _cuts(span, plan.deep_pages * span.length_ms / max(1, plan.deep_ms - plan.near_ms), edge=True)

    def _frontiers(self, now: Instant, plan: LookPlan) -> list[int]:
        """Of each sweep; the first one is the frontier of the pass."""
        ages = plan.sweep_ages_ms
        later = self._sweeps_ms[: len(ages) - 1]
        later += [now.ms - age - 1 for age in ages[1 + len(later) :]]
        return [self.ledger.frontier_ms, *later]

    def _sweep(self, now: Instant, plan: LookPlan) -> list[Cut]:
        frontiers = self._frontiers(now, plan)
        self._sweeps_ms = frontiers[1:]
        for index, age in enumerate(plan.sweep_ages_ms):
            end = now.ms - age
            frontier = frontiers[index]
            if end - frontier < plan.slice_ms:
                continue
            if end - frontier > max(600, 4 * plan.slice_ms):
                behind = Span(frontier + 1, end - plan.slice_ms)
                frontier = behind.end_ms
                if index == 0:
                    self.ledger.defer(behind)
            span = Span(frontier + 1, frontier + plan.slice_ms)
            if index:
                self._sweeps_ms[index - 1] = span.end_ms
            return [Cut(span, edge=False)]
        return []


def _cuts(span: Span, pages: float, *, edge: bool) -> list[Cut]:
    """A span in as many parts as are to be read side by side, newest first."""
    pieces = split(span, min(16, calls_for(pages)))
    return [Cut(piece, edge and piece is pieces[-1] and len(pieces) > 1) for piece in pieces]


class LaggingPass:
    """Reads each window once, a fixed lag behind the clock."""

    def __init__(self, ledger: Ledger, lag_ms: int) -> None:
        self.ledger = ledger
        self.lag_ms = lag_ms

    def due(self, now: Instant, width_ms: int) -> float:
        waited = now.ms - self.lag_ms - self.ledger.frontier_ms
        return now.mono + max(0, width_ms - waited) / 1000.0

    def next(self, now: Instant, width_ms: int) -> Span | None:
        """The next window, if a whole one lies behind the lag."""
        end = now.ms - self.lag_ms
        if self.ledger.frontier_ms > now.ms + _CLOCK_WENT_BACK_MS:
            self.ledger.frontier_ms = end
        behind = end - self.ledger.frontier_ms
        if behind < width_ms:
            return None
        start = self.ledger.frontier_ms + 1
        if behind > max(CATCH_UP_MS, 4 * width_ms):
            self.ledger.defer(Span(start, end))
            return None
        return Span(start, start + width_ms - 1)
