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
from typing import TypeVar

ROUNDS = 5
PIECES = 12

T = TypeVar("T")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Case:
    """`work(piece)` handles one of `pieces` parts of the events and returns how many events they were."""

    name: str
    pieces: int
    work: Callable[[int], int]

    @classmethod
    def over(cls, name: str, items: Sequence[T], work: Callable[[Sequence[T]], int]) -> Case:
        """A case whose pieces are runs of `items`, pages for instance."""
        size = max(1, len(items) // PIECES)
        parts = [items[start : start + size] for start in range(0, len(items), size)]
        return cls(name, len(parts), lambda piece: work(parts[piece]))


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
    """Run all cases once to warm up, then in `rounds` rounds, piece by piece in turn, so that all see the same weather.

    What lives before is hidden from Python's garbage collector: it would be looked through in some rounds only.
    """
    gc.collect()
    gc.freeze()
    samples = {case.name: Samples() for case in cases}
    for case in cases:
        samples[case.name].events = sum(case.work(piece) for piece in range(case.pieces))
    for number in range(rounds):
        turn = number % len(cases)
        _round((*cases[turn:], *cases[:turn]), samples)
    gc.unfreeze()
    return samples


def _round(cases: Sequence[Case], samples: dict[str, Samples]) -> None:
    cpu_s = dict.fromkeys(samples, 0.0)
    events = dict.fromkeys(samples, 0)
    for piece in range(max(case.pieces for case in cases)):
        for case in cases:
            if piece < case.pieces:
                start_s = time.process_time()
                events[case.name] += case.work(piece)
                cpu_s[case.name] += time.process_time() - start_s
    for name, sample in samples.items():
        if events[name] != sample.events:
            raise RuntimeError(f"{name} handled {events[name]} events, {sample.events} the time before")
        sample.cpu_s.append(cpu_s[name])


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
