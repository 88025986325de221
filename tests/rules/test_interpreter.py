"""The core's plan interpreter against the reference: random conditions and templates over random events."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from falcoeks_fast.engine import _core
from falcoeks_fast.rules.fields.lookup import Fields
from falcoeks_fast.rules.language.parser import parse_condition
from falcoeks_fast.rules.lowering.lower import Lowering
from falcoeks_fast.rules.lowering.template import parse_template
from falcoeks_fast.rules.optimiser.optimise import optimise
from falcoeks_fast.rules.plan import Plan

from . import strategies
from .reference import Reference, Surroundings, time_ns
from .reference_event import parse

FIELDS = Fields()
FIXED = Fields(("all",))
SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large)


def scan(plan: Plan, events: list[bytes], *, json_output: bool) -> list[bytes]:
    """The alerts of all events, one line each."""
    alert_format = _core.Format(json_output=json_output, hostname="oracle", plugin="k8saudit", raw_text=True)
    rules = _core.RuleSet(plan.wire(), plan.predicate_digest(), alert_format, match_all=True)
    batch = _core.Scanner(rules, _core.Numbering()).scan_lines(
        b"".join(event + b"\n" for event in events), _core.Origin(), last=True
    )
    assert batch.events == len(events)
    return batch.text.split(b"\n")[:-1]


def surroundings(events: list[bytes]) -> list[Surroundings]:
    first = time_ns(parse(events[0]))
    return [Surroundings(number, first) for number in range(1, len(events) + 1)]


@settings(deadline=None, max_examples=150, suppress_health_check=SLOW)
@given(
    st.lists(strategies.conditions(), min_size=1, max_size=4),
    st.lists(strategies.events(), min_size=1, max_size=6),
    st.booleans(),
    st.sampled_from((FIELDS, FIXED)),
)
def test_conditions(conditions: list[str], events: list[bytes], optimised: bool, fields: Fields) -> None:
    lowering = Lowering(fields)
    trees = [parse_condition(text.encode()) for text in conditions]
    for number, tree in enumerate(trees):
        lowering.add_rule(str(number), 4, "k8s_audit", (), tree, b"%evt.num")
    plan = optimise(lowering.plan()) if optimised else lowering.plan()
    alerts = [json.loads(line) for line in scan(plan, events, json_output=True)]
    given_pairs = {(alert["output_fields"]["evt.num"], int(alert["rule"])) for alert in alerts}
    reference = Reference(fields)
    wanted = {
        (around.number, number)
        for around, event in zip(surroundings(events), events, strict=True)
        for number, tree in enumerate(trees)
        if reference.evaluate(tree, event, around)
    }
    assert given_pairs == wanted


@settings(deadline=None, max_examples=100, suppress_health_check=SLOW)
@given(
    st.lists(st.tuples(st.sampled_from(("", "3", "12")), strategies.shown()), min_size=1, max_size=4),
    st.lists(strategies.events(), min_size=1, max_size=3),
)
def test_templates(references: list[tuple[str, str]], events: list[bytes]) -> None:
    text = " | ".join(f"%{width}{operand}" for width, operand in references).encode()
    lowering = Lowering(FIELDS)
    lowering.add_rule("r", 4, "k8s_audit", (), parse_condition(b"evt.num exists"), text)
    template = parse_template(text, FIELDS)
    reference = Reference(FIELDS)
    rows = [json.loads(line) for line in scan(optimise(lowering.plan()), events, json_output=True)]
    for row, around, event in zip(rows, surroundings(events), events, strict=True):
        message = reference.render(template, event, around).decode("utf-8", "replace")
        assert row["output"].split(": Warning ", 1)[1] == message
        fields = reference.output_fields(template, event, around)
        assert {key: row["output_fields"][key] for key in fields} == fields
