"""Parser, field table and reference evaluator against what real Falco answered."""

from __future__ import annotations

import gzip
import json

import pytest

from falcoeks_fast.rules.fields.lookup import Fields
from falcoeks_fast.rules.language.errors import ConditionError, TemplateError
from falcoeks_fast.rules.language.parser import parse_condition
from falcoeks_fast.rules.lowering.lower import Lowering
from falcoeks_fast.rules.lowering.template import parse_template

from .corpus import events, recorded, rules
from .reference import Reference, Surroundings

PRIORITY = "Informational"


def test_conditions_match_the_recorded_events() -> None:
    wanted = {row["rule"]: row["matches"] for row in map(json.loads, recorded("conditions.expected.jsonl").open())}
    reference = Reference(Fields())
    parsed = rules("conditions.yaml")
    around = [Surroundings(number) for number in range(1, len(events()) + 1)]
    for rule in parsed:
        given = [a.number for a, e in zip(around, events(), strict=True) if reference.evaluate(rule.expr, e, a)]
        assert given == wanted[rule.name], rule.name
    assert len(parsed) == len(wanted) > 400


def test_fields_read_as_recorded() -> None:
    fields = Fields()
    reference = Reference(fields)
    templates = {rule.name: parse_template(rule.output, fields) for rule in rules("fields.yaml")}
    prefix = parse_template(b"%evt.time", fields)
    count = 0
    with gzip.open(recorded("fields.expected.jsonl.gz"), "rt") as rows:
        for row in map(json.loads, rows):
            event, around = events()[row["evt.num"] - 1], Surroundings(row["evt.num"])
            template = templates[row["rule"]]
            time = reference.render(prefix, event, around).decode()
            message = reference.render(template, event, around).decode("utf-8", "replace")
            assert f"{time}: {PRIORITY} {message}" == row["output"], row
            shown = reference.output_fields(template, event, around) | reference.output_fields(prefix, event, around)
            assert shown == row["output_fields"], row
            count += 1
    assert count > 20_000


@pytest.mark.parametrize("name", ["k8s_audit_rules.yaml", "conditions.yaml", "fields.yaml"])
def test_recorded_rules_lower(name: str) -> None:
    lowering = Lowering(Fields())
    parsed = rules(name)
    for rule in parsed:
        lowered = lowering.add_rule(rule.name, 4, rule.source, rule.tags, rule.expr, rule.output)
        assert not lowered.output_warnings
    assert len(lowering.plan().rules) == len(parsed)


def test_rejected_texts_are_rejected() -> None:
    for row in map(json.loads, recorded("rejected.jsonl").open()):
        text = row["text"].encode()
        lowering = Lowering(Fields())
        if "LOAD_ERR_COMPILE_OUTPUT" in row["error"]:
            with pytest.raises(TemplateError):
                parse_template(b"%" + text, Fields())
        else:
            with pytest.raises(ConditionError):
                lowering.check_condition(parse_condition(text))
