"""Measuring on a machine that others use too: cases side by side, ratios within a round, medians over the rounds.

In: cases, each a function that handles a known number of events. Out: `Samples` for each, and `Ratio`s between them.
Called by the tables. CPU time of this process is what counts, so that a busy neighbour takes time but little truth.
"""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROUNDS = 5
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Case:
    """`work` does the whole of it once and returns how many events it handled."""

    name: str
    work: Callable[[], int]


@dataclass(slots=True)
class Samples:
    """CPU seconds of each round of a case."""

    events: int = 0
    cpu_s: list[float] = field(default_factory=list)

    @property
    def events_per_cpu_s(self) -> float:
        return self.events / statistics.median(self.cpu_s)

    @property
    def ns_per_event(self) -> float:
        return statistics.median(self.cpu_s) / self.events * 1e9


@dataclass(frozen=True, slots=True)
class Ratio:
    """A median with the least and the greatest of its rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Ratio:
        return cls(statistics.median(values), min(values), max(values))

    @property
    def spread(self) -> float:
        """Half of the range as a share of the median."""
        return (self.high - self.low) / 2 / self.median if self.median else 0.0


def interleave(cases: Sequence[Case], rounds: int = ROUNDS) -> dict[str, Samples]:
    """Run all cases once to warm up, then `rounds` times one after the other, each round from another start.

    What lives before is hidden from Python's garbage collector: it would be looked through in some rounds only.
    """
    gc.collect()
    gc.freeze()
    samples = {case.name: Samples() for case in cases}
    for case in cases:
        samples[case.name].events = case.work()
    for number in range(rounds):
        turn = number % len(cases)
        for case in (*cases[turn:], *cases[:turn]):
            _once(case, samples[case.name])
    gc.unfreeze()
    return samples


def _once(case: Case, sample: Samples) -> None:
    start_s = time.process_time()
    events = case.work()
    sample.cpu_s.append(time.process_time() - start_s)
    if events != sample.events:
        raise RuntimeError(f"{case.name} handled {events} events, {sample.events} the time before")


def speed_ratio(fast: Samples, slow: Samples) -> Ratio:
    """Events per CPU second of the first over those of the second, round by round."""
    return Ratio.of(
        [(s / slow.events) / (f / fast.events) for f, s in zip(fast.cpu_s, slow.cpu_s, strict=True) if f and s]
    )


def cost_ratio(case: Samples, base: Samples) -> Ratio:
    """CPU per event of the first over that of the second, round by round."""
    return speed_ratio(base, case)


def machine_busy_s() -> tuple[float, float]:
    """CPU seconds that all processes of the machine used since boot, and those that passed; (0, 0) without /proc."""
    try:
        words = Path("/proc/stat").read_text("ascii").split("\n", 1)[0].split()[1:9]
    except OSError:
        return 0.0, 0.0
    ticks = [int(word) for word in words]
    return (sum(ticks) - ticks[3] - ticks[4]) / _TICKS_PER_S, sum(ticks) / _TICKS_PER_S


def machine_name() -> str:
    """The processor, its cores and the system, for beside the figures."""
    model = ""
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        model = ""
    system = os.uname()
    return f"{model or system.machine}, {os.cpu_count()} cores, {system.sysname} {system.release}"
