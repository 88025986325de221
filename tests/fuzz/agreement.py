"""Random conditions over random events: interpreter, compiled module and the slow reference agree.

`python -m tests.fuzz.agreement --conditions 20000`, or `make agreement`. A module takes seconds to compile, so hundreds
of conditions are held against the same events at a time, and each of them with the optimiser on and off. In: a number
and a seed. Out: exit status 0, or 1 with a condition and an event on which they differ.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from falcoeks_fast.engine import _core
from falcoeks_fast.rules.code.build import SOMEBODY_WAITS, build
from falcoeks_fast.rules.code.emit import emit
from falcoeks_fast.rules.code.module import load_module
from falcoeks_fast.rules.fields.lookup import Fields
from falcoeks_fast.rules.language.parser import parse_condition
from falcoeks_fast.rules.lowering.lower import Lowering
from falcoeks_fast.rules.optimiser.optimise import optimise
from falcoeks_fast.rules.plan import Plan

from ..rules import strategies
from ..rules.reference import Reference, Surroundings, time_ns
from ..rules.reference_event import parse

FIELDS = (Fields(), Fields(("all",)))
T = TypeVar("T")
Pairs = set[tuple[int, int]]


@dataclass
class Difference:
    who: str
    condition: str
    event: bytes
    wanted: bool

    def __str__(self) -> str:
        word = "true" if self.wanted else "false"
        return f"{self.who}: not {word}, as the reference says:\n  {self.condition}\n  {self.event!r}"


def drawn(strategy: st.SearchStrategy[T], count: int, number: int) -> list[T]:
    """`count` random values; the same for the same number."""
    values: list[T] = []

    @seed(number)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def gather(value: T) -> None:
        values.append(value)

    gather()
    return values


def fired(plan: Plan, lines: bytes, module: object | None) -> Pairs:
    """(number of the event, number of the condition)."""
    alert_format = _core.Format(json_output=True, hostname="oracle", plugin="k8saudit", raw_text=True)
    rules = _core.RuleSet(plan.wire(), plan.predicate_digest(), alert_format, match_all=True)
    if module is not None:
        rules.attach(module)
    batch = _core.Scanner(rules, _core.Numbering()).scan_lines(lines, _core.Origin(), last=True)
    assert batch.events == lines.count(b"\n")
    alerts = [json.loads(line) for line in batch.text.splitlines()]
    return {(alert["output_fields"]["evt.num"], int(alert["rule"])) for alert in alerts}


def differences(conditions: list[str], events: list[bytes], fields: Fields, *, both_compiled: bool) -> list[Difference]:
    """One of each kind of evaluation that differs from the reference."""
    trees = [parse_condition(text.encode()) for text in conditions]
    lowering = Lowering(fields)
    for number, tree in enumerate(trees):
        lowering.add_rule(str(number), 4, "k8s_audit", (), tree, b"%evt.num")
    plain = lowering.plan()
    optimised = optimise(plain)
    lines = b"".join(event + b"\n" for event in events)
    found = {
        "interpreter": fired(optimised, lines, None),
        "interpreter without optimiser": fired(plain, lines, None),
        "compiled": fired(optimised, lines, compiled(optimised)),
    }
    if both_compiled:
        found["compiled without optimiser"] = fired(plain, lines, compiled(plain))
    reference = Reference(fields)
    first = time_ns(parse(events[0]))
    wanted: Pairs = set()
    for at, event in enumerate(events, 1):
        around = Surroundings(at, first)
        wanted |= {(at, number) for number, tree in enumerate(trees) if reference.evaluate(tree, event, around)}
    result = []
    for who, pairs in found.items():
        for event_number, number in sorted(pairs ^ wanted)[:1]:
            right = (event_number, number) in wanted
            result.append(Difference(who, conditions[number], events[event_number - 1], right))
    return result


def compiled(plan: Plan) -> object:
    source = emit(plan)
    return load_module(build(source, limits=SOMEBODY_WAITS), source.digest)


def round_of(number: int, conditions: int, events: int, *, both_compiled: bool = True) -> list[Difference]:
    """One batch: conditions of all kinds, and those that ask for the same few values again and again."""
    some = conditions // 5
    texts = drawn(strategies.conditions(), conditions - some, number)
    texts += drawn(strategies.class_conditions(), some, number)
    lines = drawn(strategies.events(), events, number)
    lines += [b'{"kind":"Event",' + event[1:] for event in drawn(strategies.class_events(), events // 4, number)]
    return differences(texts, lines, FIELDS[number % 2], both_compiled=both_compiled)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.agreement", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--conditions", type=int, default=20_000)
    parser.add_argument("--at-a-time", type=int, default=500)
    parser.add_argument("--events", type=int, default=60, help="for each batch of conditions")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    started = time.monotonic()
    done = 0
    for number in range(-(-options.conditions // options.at_a_time)):
        both = number // 2 % 2 == 0  # compiling takes most of the time
        found = round_of(options.seed * 1000 + number, options.at_a_time, options.events, both_compiled=both)
        done += options.at_a_time
        print(f"{done} conditions, {time.monotonic() - started:.0f} s", flush=True)
        if found:
            print(*found, sep="\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
