"""What rules cost, in CPU time of the evaluating thread.

In: a plan, events. Out: nanoseconds for each event. Called by `profile` and by the sampler of a run. Nothing in the hot
path is touched: smaller rule sets are made of the same plan, and timed over the same events.

*Alone*: a set of this rule only, minus a set without rules: all that the rule would cost if it were the only one. Rules
share the fields they read, so these figures add up to more than the whole. *Saves*: the whole set minus the set without
this rule: what leaving it out would bring. *Alone*: of several rounds over all sets, taken in turn, the least time of
each set counts; half the difference between its two best rounds is the uncertainty. *Saves*: the two sets are timed one
right after the other, in turn first; the median of the differences counts, and half the spread of their middle half is
the uncertainty.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from falcoeks_fast.app.replay.events import Chunk, scan
from falcoeks_fast.engine._core import Format, Numbering, Origin, RuleSet, Scanner
from falcoeks_fast.rules.optimiser.prune import drop_unused
from falcoeks_fast.rules.plan import Plan


@dataclass(frozen=True, slots=True)
class Cost:
    """Nanoseconds for each event."""

    ns: float
    uncertainty_ns: float

    def minus(self, other: Cost) -> Cost:
        return Cost(self.ns - other.ns, self.uncertainty_ns + other.uncertainty_ns)


def only(plan: Plan, rule: int) -> Plan:
    """The plan of one rule."""
    return drop_unused(replace(plan, rules=(plan.rules[rule],)))


def without(plan: Plan, rule: int) -> Plan:
    """The plan of all rules but one."""
    return drop_unused(replace(plan, rules=plan.rules[:rule] + plan.rules[rule + 1 :]))


def no_rules(plan: Plan) -> Plan:
    """The plan of nothing: what remains is reading and parsing."""
    return drop_unused(replace(plan, rules=()))


def make_scanner(plan: Plan, style: Format, *, match_all: bool, prefilter: bool) -> Scanner:
    rules = RuleSet(plan.wire(), plan.predicate_digest(), style, match_all=match_all)
    return Scanner(rules, Numbering(), prefilter=prefilter)


class Stopwatch:
    """Times scanners over the same chunks."""

    def __init__(self, chunks: Sequence[Chunk], clock_ns: Callable[[], int] = time.thread_time_ns) -> None:
        self._chunks = tuple(chunks)
        self._clock_ns = clock_ns
        self._origin = Origin()

    def costs(self, scanners: Sequence[Scanner], rounds: int) -> list[Cost]:
        """In the order of `scanners`. The first round only warms up."""
        times: list[list[float]] = [[] for _ in scanners]
        for turn in range(rounds + 1):
            for scanner, found in zip(scanners, times, strict=True):
                ns = self._once(scanner)
                if turn:
                    found.append(ns)
        return [_cost(found) for found in times]

    def difference(self, one: Scanner, other: Scanner, rounds: int) -> Cost:
        """What `one` costs more than `other`, from pairs of runs."""
        self._once(other)
        found = []
        for turn in range(rounds):
            if turn % 2:
                second = self._once(other)
                found.append(self._once(one) - second)
            else:
                first = self._once(one)
                found.append(first - self._once(other))
        found.sort()
        quarter = len(found) // 4
        return Cost(statistics.median(found), (found[-1 - quarter] - found[quarter]) / 2)

    def _once(self, scanner: Scanner) -> float:
        events = 0
        start = self._clock_ns()
        for chunk in self._chunks:
            events += scan(scanner, chunk, self._origin).events
        return (self._clock_ns() - start) / max(events, 1)


def _cost(times: Sequence[float]) -> Cost:
    best = sorted(times)[:2]
    return Cost(best[0], (best[-1] - best[0]) / 2)
