"""What rules cost, sampled while the program runs.

In: now and then a page or chunk that was just evaluated. Out: for each rule its cost alone, for `/metrics`. Called by
the sinks (`offer`), the web server (`costs`) and the main thread. A thread of its own measures one rule after another
on the sample, in at most 0.5 % of the CPU time that the program uses. See `timing` for what "alone" means; the rule is
always interpreted here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from falcoeks_fast.app.generation import Generation
from falcoeks_fast.app.replay.events import Chunk, Kind, scan
from falcoeks_fast.engine._core import Format, Origin, Scanner

from .timing import make_scanner, no_rules, only

_SHARE = 0.005
_LARGEST_SAMPLE_BYTES = 2 << 20
_RULES_PER_SAMPLE = 16
_RUNS = 3
_WEIGHT = 0.2
_PAUSE_S = 0.5


@dataclass(frozen=True, slots=True)
class SampledCost:
    """`ns`: of the rule alone for each event. `events`, `matches`: of the samples, since the rules were loaded."""

    rule: str
    ns: float
    events: int
    matches: int


class CostSampler:
    """Thread-safe. `cpu_s` and `own_cpu_s`: clocks of the process and of the measuring thread."""

    def __init__(
        self,
        generation: Callable[[], Generation],
        style: Callable[[], Format],
        *,
        cpu_s: Callable[[], float] = time.process_time,
        own_cpu_s: Callable[[], float] = time.thread_time,
    ) -> None:
        self._current = generation
        self._style = style
        self._cpu_s = cpu_s
        self._own_cpu_s = own_cpu_s
        self._began_s = cpu_s()
        self._spent_s = 0.0
        self._lock = threading.Lock()
        self._sample: Chunk | None = None
        self._generation: Generation | None = None
        self._next = 0
        self._costs: dict[str, SampledCost] = {}
        self._base_ns = 0.0
        self._origin = Origin()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rule-costs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(2.0)

    def offer(self, kind: Kind, data: bytes | memoryview) -> None:
        """Something that was evaluated. It is copied if a sample is wanted; costs next to nothing otherwise."""
        if self._sample is None and 0 < len(data) <= _LARGEST_SAMPLE_BYTES:
            self._sample = Chunk(kind, bytes(data))

    def costs(self) -> list[SampledCost]:
        """Of the rules measured so far."""
        with self._lock:
            return list(self._costs.values())

    @property
    def spent_s(self) -> float:
        """CPU time that measuring has taken."""
        return self._spent_s

    def _run(self) -> None:
        while not self._stopping.wait(_PAUSE_S):
            while not self._stopping.is_set() and self.step():
                pass

    def step(self) -> bool:
        """Measure one rule; False if there is no sample, or the budget is used up."""
        if self._sample is None or self._spent_s > _SHARE * (self._cpu_s() - self._began_s):
            return False
        began_s = self._own_cpu_s()
        self._measure(self._sample)
        self._spent_s += self._own_cpu_s() - began_s
        return True

    def _measure(self, sample: Chunk) -> None:
        generation = self._current()
        if generation is not self._generation:
            self._generation, self._next = generation, 0
            with self._lock:
                self._costs = {}
        rules = generation.plan.rules
        turn = self._next % _RULES_PER_SAMPLE
        if not rules or turn == _RULES_PER_SAMPLE - 1:
            self._sample = None
        if not rules:
            return
        if turn == 0:
            self._base_ns = self._timed(make_scanner(no_rules(generation.plan), self._style(), **_EXACT), sample)[0]
        number = self._next % len(rules)
        self._next += 1
        ns, events, matches = self._timed(make_scanner(only(generation.plan, number), self._style(), **_EXACT), sample)
        if events:
            self._note(generation.facts[number].name, max(ns - self._base_ns, 0.0), events, matches)

    def _note(self, rule: str, ns: float, events: int, matches: int) -> None:
        with self._lock:
            former = self._costs.get(rule)
            if former is not None:
                ns = former.ns + _WEIGHT * (ns - former.ns)
                events, matches = events + former.events, matches + former.matches
            self._costs[rule] = SampledCost(rule, ns, events, matches)

    def _timed(self, scanner: Scanner, sample: Chunk) -> tuple[float, int, int]:
        """Least time for each event in ns, events, alerts. A chunk that is no page counts as nothing."""
        best_s = 0.0
        events = matches = 0
        for turn in range(_RUNS + 1):
            began_s = self._own_cpu_s()
            try:
                batch = scan(scanner, sample, self._origin)
            except ValueError:
                return 0.0, 0, 0
            lasted_s = self._own_cpu_s() - began_s
            best_s = lasted_s if turn < 2 else min(best_s, lasted_s)
            events, matches = batch.events, batch.alert_count
        return best_s * 1e9 / max(events, 1), events, matches


_EXACT = {"match_all": False, "prefilter": False}
