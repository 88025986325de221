"""The prefilter says "no rule can match" only where that is so, however a value is written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from falcoeks_fast.engine import _core

from ..fuzz.pages import page
from .tools import EVENT, rule, rule_set, scanner

ORIGIN = _core.Origin(cluster="c")
OTHERS = [EVENT | {"user": {"username": f"u{number}"}} for number in range(5)]


def begun(rules: _core.RuleSet, *, prefilter: bool = True) -> _core.Scanner:
    """A scanner behind the first event of its run, which is always read whole."""
    reader = scanner(rules, prefilter=prefilter)
    assert reader.scan_page(page([compact(EVENT).encode()]), ORIGIN).prefiltered == 0
    return reader


def compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def written(value: Any) -> bytes:
    """As JSON with every letter of a value named `@` as an escape."""
    text = compact(value)
    while (at := text.find('"@')) >= 0:
        end = text.index('"', at + 1)
        text = text[:at] + '"' + "".join(f"\\u{ord(c):04x}" for c in text[at + 2 : end]) + text[end:]
    return text.encode()


@pytest.mark.parametrize(
    ("condition", "change"),
    [
        ("ka.user.name startswith system:node:", {"user": {"username": "@system:node:x", "groups": []}}),
        ("ka.user.name = bob", {"user": {"groups": ["a"], "username": "@bob"}}),
        ("ka.target.name = bob", {"objectRef": {"resource": "pods", "name": "@bob", "namespace": "n"}}),
        ("ka.target.namespace in (a, n) and ka.verb = get", {"objectRef": {"namespace": "@n"}}),
        ("ka.response.code = 403", {"responseStatus": {"code": "@403"}}),
        ("ka.verb = delete", {"verb": "@delete"}),
        ("ka.uri startswith /secret", {"requestURI": "@/secret/x"}),
    ],
)
def test_a_value_with_escapes_may_be_anything(condition: str, change: dict[str, Any]) -> None:
    rules = rule_set(rule("r", condition))
    message = written(EVENT | change)
    body = page([*(compact(other).encode() for other in OTHERS), message])
    batch = begun(rules).scan_page(body, ORIGIN)
    assert (batch.alert_count, batch.events) == (1, 6)
    assert batch.prefiltered == 5


def test_a_rule_on_cut_events_leaves_whole_ones_to_the_prefilter() -> None:
    rules = rule_set(rule("cut", "falcoeks.truncated = true", "verb=%ka.verb"))
    text = json.dumps(EVENT, separators=(",", ":"))
    cut = text[: text.index('"userAgent"')] + "[Truncated...]"
    body = page([t.encode() for t in (text, cut, text, text[:-30])])
    with_it = begun(rules).scan_page(body, ORIGIN)
    without = begun(rules, prefilter=False).scan_page(body, ORIGIN)
    assert with_it.text == without.text
    assert (with_it.alert_count, with_it.truncated, with_it.events) == (2, 2, 4)
    assert with_it.prefiltered == 0, "nothing of the head is asked for, so nothing is read there"
    rules = rule_set(
        rule("cut", "falcoeks.truncated = true", "verb=%ka.verb"), rule("list", "ka.verb = list", "verb=%ka.verb")
    )
    with_it = begun(rules).scan_page(body, ORIGIN)
    assert (with_it.alert_count, with_it.prefiltered) == (2, 2)


def test_relative_times_count_from_the_first_event_whether_or_not_a_rule_can_match_it() -> None:
    rules = rule_set(rule("deletion", "ka.verb = delete", "%evt.reltime"))
    later = EVENT | {"verb": "delete", "stageTimestamp": "2026-01-02T03:04:15.123456Z"}
    body = page([compact(event).encode() for event in (EVENT, EVENT, later)])
    with_it = scanner(rules, prefilter=True).scan_page(body, ORIGIN)
    without = scanner(rules, prefilter=False).scan_page(body, ORIGIN)
    assert without.alert_count == 1
    assert with_it.text == without.text
    assert with_it.prefiltered == 1
