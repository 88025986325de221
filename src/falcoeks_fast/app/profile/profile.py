"""One profile: rules and macros with what they cost and catch.

In: loaded rules, chunks of events. Out: `Profile`. Called by the `profile` command. Everything is counted on all
events; times are taken over the first ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from falcoeks_fast.app.replay.events import Chunk
from falcoeks_fast.engine._core import Format
from falcoeks_fast.rules import LoadResult
from falcoeks_fast.rules.advice.firing import Firing

from .counts import Counts
from .single import single_events
from .timing import Cost, Stopwatch, make_scanner, no_rules, only, without

_BATCH_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class Settings:
    """`timed_events` 0: take no times. `style`: how alerts are written in a run."""

    match_all: bool
    prefilter: bool
    style: Format
    timed_events: int = 2_000
    rounds: int = 7


@dataclass(frozen=True, slots=True)
class Row:
    """A rule or macro. `saves` is None for macros. `impossible`: true on no event at all.

    `alerts`: of a rule, matches that were not taken by an earlier rule. `shadows`: (earlier rule, events it took).
    """

    name: str
    looked_at: int
    matches: int
    alerts: int = 0
    alone: Cost | None = None
    saves: Cost | None = None
    impossible: bool = False
    shadows: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Profile:
    """`whole`: all rules together; `base`: reading and parsing alone. None where no times were taken."""

    events: int
    timed_events: int
    match_all: bool
    rules: tuple[Row, ...]
    macros: tuple[Row, ...]
    whole: Cost | None = None
    base: Cost | None = None


def make_profile(result: LoadResult, chunks: Iterable[Chunk], settings: Settings) -> Profile:
    """Raises ValueError for a page that is none, and what reading the chunks raises."""
    counts = Counts(result, match_all=settings.match_all)
    sample = _Sample(settings.timed_events)
    for chunk in chunks:
        counts.add(chunk)
        sample.add(chunk)
    times = _Times(result, counts, sample, settings) if sample.chunks else None
    return Profile(
        events=counts.events,
        timed_events=sample.count if times else 0,
        match_all=settings.match_all,
        rules=tuple(_rule_rows(result, counts, times)),
        macros=tuple(
            Row(
                macro.name,
                counts.macro_looked_at[number],
                counts.macro_matches[number],
                alone=times.macros[number] if times else None,
            )
            for number, macro in enumerate(counts.macros)
        ),
        whole=times.whole if times else None,
        base=times.base if times else None,
    )


def _rule_rows(result: LoadResult, counts: Counts, times: _Times | None) -> Iterable[Row]:
    compiled = result.compiled
    assert compiled is not None
    for number, name in enumerate(result.order):
        firing = Firing(compiled.condition(compiled.rules[name]), result.fields)
        taken = [(by, events) for (rule, by), events in counts.shadowed.items() if rule == number]
        taken.sort(key=lambda entry: (-entry[1], entry[0]))
        yield Row(
            name,
            counts.looked_at[number],
            counts.matches[number],
            counts.alerts[number],
            times.alone[number] if times else None,
            times.saves[number] if times else None,
            not firing.possible(),
            tuple((result.order[by], events) for by, events in taken),
        )


class _Sample:
    """The first events, in chunks of a size that a run would see."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.count = 0
        self.chunks: list[Chunk] = []

    def add(self, chunk: Chunk) -> None:
        if self.count >= self._limit:
            return
        lines: list[bytes] = []
        for event in single_events(chunk):
            if self.count >= self._limit:
                break
            self.count += 1
            if event.kind is not event.kind.LINES:
                self.chunks.append(event)
                continue
            lines.append(event.data)
            if sum(map(len, lines[-1:])) and len(lines) * len(lines[0]) > _BATCH_BYTES:
                self.chunks.append(Chunk(event.kind, b"\n".join(lines) + b"\n"))
                lines = []
        if lines:
            self.chunks.append(Chunk(chunk.kind, b"\n".join(lines) + b"\n"))


class _Times:
    """All measurements, the sets of rules taken in turn."""

    def __init__(self, result: LoadResult, counts: Counts, sample: _Sample, settings: Settings) -> None:
        plan = result.plan
        assert plan is not None
        rules, macros = range(len(plan.rules)), range(len(counts.macros))
        exact = {"match_all": settings.match_all, "prefilter": False}
        usual = {"match_all": settings.match_all, "prefilter": settings.prefilter}
        scanners = [make_scanner(no_rules(plan), settings.style, **exact)]
        scanners += [make_scanner(only(plan, rule), settings.style, **exact) for rule in rules]
        scanners += [make_scanner(only(counts.macro_plan, macro), settings.style, **exact) for macro in macros]
        watch = Stopwatch(sample.chunks)
        self.base, *costs = watch.costs(scanners, settings.rounds)
        self.alone = [cost.minus(self.base) for cost in costs[: len(rules)]]
        self.macros = [cost.minus(self.base) for cost in costs[len(rules) :]]
        whole = make_scanner(plan, settings.style, **usual)
        self.whole = watch.costs([whole], settings.rounds)[0]
        self.saves = [
            watch.difference(whole, make_scanner(without(plan, rule), settings.style, **usual), settings.rounds)
            for rule in rules
        ]
