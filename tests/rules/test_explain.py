"""Explanations of rules and of decisions, and advice."""

from __future__ import annotations

import json
from typing import Any

import pytest

from falcoeks_fast.rules import LoadResult
from falcoeks_fast.rules.advice.explain import EventExplanation, UnknownRule, explain, find_rule
from falcoeks_fast.rules.advice.firing import Firing, in_words
from falcoeks_fast.rules.advice.validate import advise
from falcoeks_fast.rules.plan import Plan

from .files import good, rule

EVENT: dict[str, Any] = {
    "kind": "Event",
    "apiVersion": "audit.k8s.io/v1",
    "auditID": "00000000-0000-4000-8000-000000000001",
    "stage": "ResponseComplete",
    "requestURI": "/api/v1/namespaces/default/pods/web",
    "verb": "get",
    "user": {"username": "alice", "groups": ["dev", "ops"]},
    "objectRef": {"resource": "pods", "namespace": "default", "name": "web"},
    "stageTimestamp": "2026-01-02T03:04:05.123456Z",
}


def kinds(condition: str, *, policy: bool = False) -> list[str]:
    result = good(rule(condition=condition))
    compiled, found = find_rule(result, "r")
    firing = Firing(compiled.condition(found), result.fields)
    return in_words(firing.possible(policy=policy), firing)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("ka.uri exists", ["stage any; verb any; resource any"]),
        ("ka.verb = get and ka.verb = list", []),
        ("ka.verb = get and not ka.verb = get", []),
        (
            "ka.verb in (create, update) and ka.target.resource = pods and ka.stage = ResponseComplete",
            ["stage ResponseComplete; verb create, update; resource pods"],
        ),
        ("jevt.value[/verb] = get and not ka.target.resource exists", ["stage any; verb get; resource (none)"]),
        ("not ka.verb in (get, list)", ["stage any; verb any but get, list; resource any"]),
        ("ka.verb startswith delete", ["stage any; verb delete, deletecollection, (any other); resource any"]),
        ("ka.target.resource != pods", ["stage any; verb any; resource (any other)"]),
        (
            "(ka.verb = get and ka.target.resource = pods) or (ka.verb = list and ka.target.resource = nodes)",
            ["stage any; verb get; resource pods", "stage any; verb list; resource nodes"],
        ),
        ("ka.verb = impersonate", ["stage any; verb impersonate; resource any"]),
        ("ka.verb = val(ka.uri) and ka.verb = get", ["stage any; verb get; resource any"]),
    ],
)
def test_where_a_condition_can_be_true(condition: str, expected: list[str]) -> None:
    assert kinds(condition) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("ka.target.resource = secrets and json.value[/requestObject/data] exists", []),
        ("ka.verb = get and ka.req.pod.host_network exists", []),
        ("ka.target.resource = events", []),
        (
            "ka.target.resource = configmaps and ka.req.configmap.obj contains x",
            ["stage any; verb update, patch, delete; resource configmaps"],
        ),
        ("ka.target.resource = secrets and not ka.resp.name exists", ["stage any; verb any; resource secrets"]),
        ("ka.target.resource = secrets and ka.verb = get", ["stage any; verb get; resource secrets"]),
    ],
)
def test_what_eks_logs_of_it(condition: str, expected: list[str]) -> None:
    assert kinds(condition, policy=True) == expected


def test_explanation() -> None:
    text = "- list: l\n  items: [create, delete]\n- macro: m\n  condition: ka.verb in (l)\n" + rule(
        "Some rule", "m and ka.uri.param[x] = y", "exceptions: [{name: e, fields: ka.user.name, values: [bob]}]"
    )
    shown = explain(good(text), "some RULE")
    assert "Some rule  (Notice, k8s_audit, it runs)\n  defined in f0.yaml, line 5\n" in shown
    assert "(ka.verb in (create, delete) and ka.uri.param[x] = y)" in shown
    assert "and not ka.user.name in (bob)" in shown
    assert "Macros: m\n" in shown
    assert "Exceptions: e\n" in shown
    assert "ka.user.name     user.username\n" in shown
    assert "stage any; verb create, delete; resource any" in shown


def test_rules_that_cannot_be_explained() -> None:
    result = good(rule("Read a secret") + rule("b", source="okta"))
    with pytest.raises(UnknownRule, match="did you mean 'Read a secret'"):
        explain(result, "Read a secrt")
    with pytest.raises(UnknownRule, match="was left out"):
        explain(result, "b")


def advice(text: str) -> list[str]:
    return [diagnostic.message for diagnostic in advise(good(text))]


def test_advice_on_what_falco_reads_oddly_goes_away_with_the_fix() -> None:
    text = rule(output="'%ka.sourceips'")
    assert len(advice(text)) == 1
    assert advise(good(text, field_fixes=frozenset({"ka.sourceips"}))) == []


def test_no_advice_where_falcos_reading_only_alerts_more() -> None:
    shown = rule(output="'%ka.uri.param[container]'")
    against = rule(condition="ka.verb = get and not (ka.uri.param[dryRun] = All and ka.verb exists)")
    asked = rule(condition="ka.verb = get and not not ka.uri.param[dryRun] = All")
    assert advice(shown) == advice(against) == []
    assert len(advice(asked)) == 1


def test_a_word_that_is_meant_is_no_misspelt_list() -> None:
    lists = "- list: allowed_users\n  items: [allowed_user, bob]\n"
    assert advice(lists + rule(condition="ka.user.name in (allowed_users, alice)")) == []
    assert advice(lists + rule(condition='ka.user.name in ("allowed_user")')) == []
    assert advice("- list: one\n  items: [x]\n" + rule(condition="ka.user.name in one")) == []
    assert len(advice(rule(condition="ka.user.name in one"))) == 1


def on_event(result: LoadResult, event: dict[str, Any], name: str = "r") -> EventExplanation:
    core = pytest.importorskip("falcoeks_fast.engine._core", reason="the native core is not built")

    def evaluate(plan: Plan) -> dict[int, str]:
        form = core.Format(json_output=True, include_message=True)
        rules = core.RuleSet(plan.wire(), plan.predicate_digest(), form, match_all=True)
        batch = core.Scanner(rules, core.Numbering()).scan_payload(json.dumps(event).encode(), core.Origin())
        found = [batch.alert(number) for number in range(batch.alert_count)]
        return {alert.rule_index: json.loads(alert.body)["message"] for alert in found}

    return EventExplanation(result, name, evaluate)


def decided(explanation: EventExplanation) -> list[tuple[bool | None, str, str]]:
    return [(step.value, step.text, step.note) for step in explanation.deciding()]


def test_what_decided_that_a_rule_did_not_fire() -> None:
    result = good(rule(condition="ka.verb = get and ka.target.resource = secrets and ka.user.name = bob"))
    explanation = on_event(result, EVENT)
    assert not explanation.fires
    assert decided(explanation) == [
        (False, "ka.target.resource = secrets", "ka.target.resource is pods"),
        (False, "ka.user.name = bob", "ka.user.name is alice"),
    ]
    assert "r: does not fire" in explanation.text()


def test_what_decided_that_a_rule_fired() -> None:
    macro = "- macro: m\n  condition: ka.verb = list or ka.user.groups intersects (ops)\n"
    explanation = on_event(good(macro + rule(condition="m and not ka.user.name = bob")), EVENT)
    assert explanation.fires
    assert decided(explanation) == [
        (True, "ka.user.groups intersects (ops)", "ka.user.groups is (dev,ops)"),
        (False, "ka.user.name = bob", "ka.user.name is alice"),
    ]
    assert [(step.depth, step.text, step.value) for step in explanation.steps][:3] == [
        (0, "all of", True),
        (1, "macro m", True),
        (2, "any of", True),
    ]


def test_missing_fields_are_said_to_be_missing() -> None:
    explanation = on_event(good(rule(condition="ka.impuser.name != bob")), EVENT)
    assert decided(explanation) == [(False, "ka.impuser.name != bob", "ka.impuser.name is missing")]


def test_the_outcome_is_that_of_the_engine() -> None:
    conditions = ["ka.verb = get", "not ka.verb = get", "not (ka.verb = get and ka.uri exists) or ka.impuser.name = x"]
    for condition, fires in zip(conditions, [True, False, False], strict=True):
        assert on_event(good(rule(condition=condition)), EVENT).fires is fires
