"""What somebody's rules do with somebody's events on this machine.

In: a loaded plan, pages. Out: a `Report`. Called by `falcoeks-fast bench`. Nothing here knows the table of goals.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from falcoeks_fast.bench.measure import ROUNDS, Case, Samples, interleave, machine_name
from falcoeks_fast.bench.workload import Pages, Rules, load, never_files, scan_case
from falcoeks_fast.engine import _core
from falcoeks_fast.rules.optimiser.prune import drop_unused
from falcoeks_fast.rules.plan import Plan

RULE_ROUNDS = 3
RULES_BUDGET_S = 15.0
_GUESS_S_PER_EVENT = 1e-6
_SEEN_KEY = bytes(16)

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the way of an event that takes the exact path, in ns of CPU per event."""

    name: str
    ns_per_event: float


@dataclass(frozen=True, slots=True)
class RuleCost:
    """`ns_per_event`: what the rule alone costs above reading the events. Rules share work: costs do not add up."""

    name: str
    ns_per_event: float
    alerts: int


@dataclass(slots=True)
class Report:
    """All speeds are of one core, in CPU time; memory in bytes."""

    machine: str
    events_name: str
    events: int
    bytes: int
    rules_name: str
    rules: int
    compiled: bool
    events_per_core_s: float = 0.0
    mb_per_core_s: float = 0.0
    ns_per_event: float = 0.0
    spread: float = 0.0
    exact_ns_per_event: float = 0.0
    interpreter_ns_per_event: float = 0.0
    alerts: int = 0
    prefiltered: int = 0
    rate: float = 0.0
    core_share: float = 0.0
    seen_bytes_per_event: float = 0.0
    peak_rss_bytes: int = 0
    phases: list[Phase] = field(default_factory=list)
    rule_costs: list[RuleCost] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def json(self) -> dict[str, Any]:
        return asdict(self)


def measure(
    rules: Rules,
    pages: Pages,
    events_name: str,
    *,
    rate: float,
    rounds: int = ROUNDS,
    progress: Progress = lambda _: None,
) -> Report:
    """`rate`: events a second whose share of a core is asked for."""
    report = Report(
        machine_name(), events_name, pages.events, pages.size_bytes, rules.name, rules.count, rules.module is not None
    )
    progress("speed")
    _speed(report, rules, pages, rate, rounds)
    progress("cost of each rule")
    _rule_costs(report, rules.plan, pages)
    return report


def _speed(report: Report, rules: Rules, pages: Pages, rate: float, rounds: int) -> None:
    active, interpreter = rules.rule_set(), rules.rule_set(compiled=False)
    never = load("never", never_files()).rule_set()
    seen = _core.SeenSet(_SEEN_KEY)
    samples = interleave(
        [
            scan_case("on", pages, active, prefilter=True),
            scan_case("off", pages, active, prefilter=False),
            scan_case("interpreter", pages, interpreter, prefilter=True),
            scan_case("read", pages, never, prefilter=False),
            repeats_case("repeats", pages, never, seen),
        ],
        rounds,
    )
    on = samples["on"]
    report.events_per_core_s = on.events_per_cpu_s
    report.ns_per_event = on.ns_per_event
    report.spread = spread(on)
    report.mb_per_core_s = pages.size_bytes / 1e6 * on.events_per_cpu_s / pages.events
    report.exact_ns_per_event = samples["off"].ns_per_event
    report.interpreter_ns_per_event = samples["interpreter"].ns_per_event
    report.rate, report.core_share = rate, rate * on.ns_per_event / 1e9
    report.seen_bytes_per_event = seen.memory_bytes / len(seen) if len(seen) else 0.0
    report.alerts, report.prefiltered = alerts_of(active, pages)
    split, read = samples["repeats"].ns_per_event, samples["read"].ns_per_event
    report.phases = [
        Phase("take the page apart, recognise repeats", split),
        Phase("unescape, index and read the event", max(read - split, 0.0)),
        Phase("rules, and alerts as JSON", max(report.exact_ns_per_event - read, 0.0)),
    ]


def repeats_case(name: str, pages: Pages, rules: _core.RuleSet, seen: _core.SeenSet) -> Case:
    """Pages whose events are all known already."""
    scanner = _core.Scanner(rules, _core.Numbering())
    origin = _core.Origin()
    ticket = seen.ticket()
    for body in pages.bodies:
        scanner.scan_page(body, origin, seen, ticket)
    seen.confirm(ticket)

    def work(bodies: Sequence[memoryview]) -> int:
        return sum(scanner.scan_page(body, origin, seen, seen.ticket()).messages for body in bodies)

    return Case.over(name, pages.bodies, work)


def alerts_of(rules: _core.RuleSet, pages: Pages) -> tuple[int, int]:
    """Alerts, and events that the prefilter answered for."""
    scanner = _core.Scanner(rules, _core.Numbering())
    origin = _core.Origin()
    batches = [scanner.scan_page(body, origin) for body in pages.bodies]
    return sum(batch.alert_count for batch in batches), sum(batch.prefiltered for batch in batches)


def _rule_costs(report: Report, plan: Plan, pages: Pages) -> None:
    most_events = RULES_BUDGET_S / (len(plan.rules) * RULE_ROUNDS * _GUESS_S_PER_EVENT) if plan.rules else 0
    some = first_pages(pages, max(int(most_events), 1))
    base = "\0reading"
    cases = [scan_case(base, some, load("never", never_files()).rule_set(), prefilter=True)]
    alerts = {}
    for rule in plan.rules:
        alone = drop_unused(replace(plan, rules=(rule,)))
        name = rule.name.decode("utf-8", "replace")
        rule_set = Rules(name, alone, 1).rule_set()
        alerts[name], _ = alerts_of(rule_set, pages)
        cases.append(scan_case(name, some, rule_set, prefilter=True))
    samples = interleave(cases, RULE_ROUNDS)
    reading = least_ns(samples.pop(base))
    costs = [RuleCost(name, max(least_ns(sample) - reading, 0.0), alerts[name]) for name, sample in samples.items()]
    report.rule_costs = sorted(costs, key=lambda cost: cost.ns_per_event, reverse=True)


def first_pages(pages: Pages, events: int) -> Pages:
    """The first pages with about so many events, one at least."""
    count = max(1, round(len(pages.padded) * events / pages.events)) if events < pages.events else len(pages.padded)
    padded = pages.padded[:count]
    return Pages(padded, round(pages.events * len(padded) / len(pages.padded)))


def least_ns(sample: Samples) -> float:
    """The least of a few short rounds: noise only ever adds."""
    return min(sample.cpu_s) / sample.events * 1e9


def spread(sample: Samples) -> float:
    """Half of the range of the rounds, as a share of their median."""
    return (max(sample.cpu_s) - min(sample.cpu_s)) / 2 / statistics.median(sample.cpu_s)


def messages(pages: Pages, most_bytes: int) -> Iterator[bytes]:
    """The events of pages as single lines, up to about `most_bytes`."""
    total_bytes = 0
    for body in pages.bodies:
        for event in json.loads(bytes(body))["events"]:
            message = event["message"].encode("utf-8", "surrogatepass").replace(b"\n", b" ")
            total_bytes += len(message)
            if total_bytes > most_bytes:
                return
            yield message
