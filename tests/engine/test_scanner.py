"""Events in all their shapes: what is evaluated, what is counted, and what never ends the process."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcoeks_fast.engine import _core

from .tools import EVENT, alerts, page, rule, rule_set, scanner

ORIGIN = _core.Origin(cluster="c")
RULES = (
    rule("get", "ka.verb = get"),
    rule("not get", "not ka.verb = get"),
    rule("privileged", "ka.req.pod.containers.privileged intersects (true)"),
    rule("not denied", "not ka.auth.decision = forbid"),
)


@pytest.fixture(scope="module")
def rules() -> _core.RuleSet:
    return rule_set(*RULES)


def fired(batch: _core.Batch) -> list[str]:
    return [alert["rule"] for alert in alerts(batch)]


def payload(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_events_lists_and_arrays(rules: _core.RuleSet) -> None:
    reader = scanner(rules)
    item = {key: value for key, value in EVENT.items() if key != "kind"}
    for value, events in (
        (EVENT, 1),
        ([EVENT, [EVENT]], 2),
        ({"kind": "EventList", "items": [item, EVENT | {"kind": "Nope"}]}, 2),
        ([], 0),
        ({"kind": "EventList", "items": []}, 0),
    ):
        batch = reader.scan_payload(payload(value), ORIGIN)
        assert (batch.events, batch.not_audit, batch.malformed) == (events, 0, 0)


def test_one_bad_element_loses_only_itself(rules: _core.RuleSet) -> None:
    batch = scanner(rules).scan_payload(payload([EVENT, {"kind": "Nope"}, 3, EVENT]), ORIGIN)
    assert (batch.events, batch.not_audit) == (2, 2)
    assert [issue.kind for issue in batch.issues] == ["not_audit", "not_audit"]


def test_lines_are_long_empty_unfinished_or_bad(rules: _core.RuleSet) -> None:
    reader = scanner(rules)
    long = payload(EVENT | {"requestURI": "/" + "x" * 300_000})
    chunk = long + b"\r\n\n\n" + payload(EVENT) + b"\nnot json\n" + payload(EVENT)
    batch = reader.scan_lines(chunk, ORIGIN)
    assert (batch.events, batch.malformed, batch.messages) == (2, 1, 3)
    assert chunk[batch.consumed :] == payload(EVENT)
    rest = reader.scan_lines(chunk[batch.consumed :], ORIGIN, last=True)
    assert (rest.events, rest.consumed) == (1, len(payload(EVENT)))
    (issue,) = batch.issues
    assert (issue.kind, issue.offset) == ("malformed", chunk.index(b"not json"))


def test_numbers_run_on_over_batches() -> None:
    rules = rule_set(rule("n", "evt.num >= 0", "%evt.num"))
    numbering = _core.Numbering()
    first, second = _core.Scanner(rules, numbering), _core.Scanner(rules, numbering)
    got = [
        alerts(reader.scan_payload(payload(EVENT), ORIGIN))[0]["output_fields"]["evt.num"]
        for reader in (first, second, first)
    ]
    assert got == [1, 2, 3]
    assert numbering.last == 3


def test_time_and_size_limits(rules: _core.RuleSet) -> None:
    batch = scanner(rules).scan_payload(payload(EVENT | {"stageTimestamp": "yesterday"}), ORIGIN)
    assert (batch.events, batch.bad_time) == (0, 1)
    small = scanner(rules, max_event_size_bytes=len(json.dumps(EVENT, separators=(",", ":"))))
    assert small.scan_payload(json.dumps(EVENT, indent=4).encode(), ORIGIN).events == 1
    batch = small.scan_payload(payload(EVENT | {"verb": "gets"}), ORIGIN)
    assert (batch.events, batch.oversize) == (0, 1)


@pytest.mark.parametrize("mark", ["", "[Truncated...]"])
def test_a_cut_event_fires_only_what_is_certain(rules: _core.RuleSet, mark: str) -> None:
    whole = json.dumps(EVENT | {"annotations": {"authorization.k8s.io/decision": "forbid"}})
    cut = whole[: whole.index('"annotations"')]
    batch = scanner(rules).scan_page(page([cut + mark]), ORIGIN)
    assert (batch.events, batch.truncated, batch.malformed) == (1, 1, 0)
    assert fired(batch) == ["get"]  # "not denied" would need the annotations
    before_verb = whole[: whole.index('"verb"')]
    assert fired(scanner(rules).scan_page(page([before_verb + mark]), ORIGIN)) == []
    in_verb = whole[: whole.index('"verb"') + len('"verb": "ge')]
    assert fired(scanner(rules).scan_page(page([in_verb + mark]), ORIGIN)) == []


def test_a_cut_event_takes_the_time_of_cloudwatch(rules: _core.RuleSet) -> None:
    cut = json.dumps(EVENT)[: json.dumps(EVENT).index('"stageTimestamp"')]
    (alert,) = alerts(scanner(rules).scan_page(page([cut]), ORIGIN))
    assert alert["time"] == "2026-01-02T03:04:05.000000000Z"


def test_lines_that_end_early_are_malformed_unless_marked(rules: _core.RuleSet) -> None:
    cut = json.dumps(EVENT)[:200].encode()
    batch = scanner(rules).scan_lines(cut, ORIGIN, last=True)
    assert (batch.malformed, batch.truncated) == (1, 0)
    batch = scanner(rules).scan_lines(cut + b"[Truncated...]", ORIGIN, last=True)
    assert (batch.malformed, batch.truncated) == (0, 1)


@given(st.data())
def test_a_cut_at_any_byte_never_adds_an_alert(rules: _core.RuleSet, data: st.DataObject) -> None:
    event = EVENT | {"requestObject": {"spec": {"containers": [{"securityContext": {"privileged": True}}]}}}
    text = json.dumps(event)
    whole = set(fired(scanner(rules).scan_page(page([text]), ORIGIN)))
    cut = text[: data.draw(st.integers(0, len(text)))]
    assert set(fired(scanner(rules).scan_page(page([cut]), ORIGIN))) <= whole


KEYS = [*EVENT, "spec", "containers", "username", "name", "items", "rules"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | st.just("get"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=25,
)


@given(st.dictionaries(st.sampled_from([*EVENT, "requestObject", "responseObject", "annotations"]), JSON, max_size=8))
def test_the_prefilter_changes_no_alert(rules: _core.RuleSet, changes: dict[str, Any]) -> None:
    body = page([json.dumps(EVENT | changes, ensure_ascii=False), json.dumps(changes)], ensure_ascii=False)
    with_it = scanner(rules, prefilter=True).scan_page(body, ORIGIN)
    without = scanner(rules, prefilter=False).scan_page(body, ORIGIN)
    assert with_it.text == without.text
    assert without.prefiltered == 0


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_counted_and_nothing_more(rules: _core.RuleSet, noise: bytes) -> None:
    reader = scanner(rules)
    batch = reader.scan_payload(noise, ORIGIN)
    assert batch.events + batch.malformed + batch.not_audit + batch.bad_time + batch.truncated >= 0
    reader.scan_lines(noise, ORIGIN, last=True)
    assert reader.scan_payload(payload(EVENT), ORIGIN).events == 1


@given(st.binary(max_size=60), st.integers(0, 400))
def test_bytes_put_into_an_event_harm_nothing(rules: _core.RuleSet, noise: bytes, at: int) -> None:
    text = json.dumps(EVENT).encode()
    reader = scanner(rules)
    batch = reader.scan_payload(text[:at] + noise + text[at + len(noise) :], ORIGIN)
    assert batch.messages == 1
    assert reader.scan_payload(text, ORIGIN).events == 1


@pytest.mark.parametrize("depth", [299, 300, 301, 100_000])
def test_depth_is_bounded(rules: _core.RuleSet, depth: int) -> None:
    text = json.dumps(EVENT)[:-1].encode() + b',"x":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"
    batch = scanner(rules).scan_payload(text, ORIGIN)
    assert (batch.events, batch.malformed) == ((1, 0) if depth <= 300 else (0, 1))


def test_a_scanner_takes_a_new_rule_set_between_two_calls() -> None:
    reader = scanner(rule_set(rule("old", "ka.verb = get")))
    assert fired(reader.scan_payload(payload(EVENT), ORIGIN)) == ["old"]
    reader.rules = rule_set(rule("new", "ka.verb = get"), rule("newer", "ka.verb exists"))
    assert fired(reader.scan_payload(payload(EVENT), ORIGIN)) == ["new", "newer"]


def test_a_damaged_plan_is_refused() -> None:
    wire = b"i" + bytes(8)
    with pytest.raises(_core.PlanError, match="damaged plan"):
        _core.RuleSet(wire, bytes(32), _core.Format())


def test_regular_expressions_are_whole_string_and_posix() -> None:
    rules = rule_set(
        rule("yes", 'ka.user.name regex "al[a-z]+"'),
        rule("part", 'ka.user.name regex "lic"'),
        rule("any", 'ka.user.name regex anyof ("bob", "ali.e")'),
    )
    assert fired(scanner(rules).scan_payload(payload(EVENT), ORIGIN)) == ["yes", "any"]
