"""Pages of FilterLogEvents: every spelling that JSON allows gives the same messages."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcoeks_fast.engine import _core

from .tools import EVENT, alerts, page, rule, rule_set, scanner

ORIGIN = _core.Origin(cluster="c", account="1", region="r", log_group="/aws/eks/c/cluster")
EVERY_EVENT = rule("all", "evt.num >= 0", "name=%ka.user.name agent=%ka.useragent uri=%ka.uri")


@pytest.fixture(scope="module")
def rules() -> _core.RuleSet:
    return rule_set(EVERY_EVENT)


def event(**changes: Any) -> dict[str, Any]:
    return EVENT | changes


def named(name: str) -> str:
    return json.dumps(event(user={"username": name}), ensure_ascii=False)


def names(batch: _core.Batch) -> list[str]:
    return [alert["output_fields"]["ka.user.name"] for alert in alerts(batch)]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), max_size=5), st.booleans())
def test_any_text_survives_both_escapings(rules: _core.RuleSet, users: list[str], ascii_page: bool) -> None:
    body = page([named(user) for user in users], ensure_ascii=ascii_page)
    assert names(scanner(rules).scan_page(body, ORIGIN)) == users


@given(st.integers(0, 200), st.text('\\"/ab\n', max_size=80))
def test_escapes_at_every_offset_of_a_block(rules: _core.RuleSet, shift: int, text: str) -> None:
    body = page([json.dumps(event(user={"username": "x" * shift + text}))] * 2)
    assert names(scanner(rules).scan_page(body, ORIGIN)) == ["x" * shift + text] * 2


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("reverse", [False, True])
def test_order_of_keys_and_white_space_do_not_matter(rules: _core.RuleSet, indent: int | None, reverse: bool) -> None:
    body = json.loads(page([named("a"), named("b")], token="next"))
    if reverse:
        body = dict(reversed(body.items()))
        body["events"] = [dict(reversed(e.items())) for e in body["events"]]
    text = json.dumps(body, indent=indent).encode()
    batch = scanner(rules).scan_page(text, ORIGIN)
    assert names(batch) == ["a", "b"]
    assert batch.next_token == "next"
    assert batch.newest_ms == 1_767_323_045_001
    assert batch.oldest_fresh_ms == 1_767_323_045_000
    assert _core.SplitPage(text).next_token == "next"


def test_what_a_page_never_holds_goes_the_thorough_way(rules: _core.RuleSet) -> None:
    body = (
        page([named("a")], token="x")
        .replace(b'"eventId"', b'"event\\u0049d"')
        .replace(b'"message"', b'"m\\u0065ssage"')
    )
    batch = scanner(rules).scan_page(body, ORIGIN, _core.SeenSet(bytes(16)), 0)
    assert names(batch) == ["a"]
    assert batch.next_token == "x"
    assert batch.alert(0).id != ""


NO_PAGES = (b"", b"[]", b"null", b'{"events":[', b'{"events":{}}', b'{"events":[1]}', b'{"events":[]}x')


@pytest.mark.parametrize("body", [*NO_PAGES, b'{"events":[{"message":1}]}'])
def test_no_page_is_an_error(rules: _core.RuleSet, body: bytes) -> None:
    with pytest.raises(ValueError, match="no FilterLogEvents response"):
        scanner(rules).scan_page(body, ORIGIN)
    with pytest.raises(ValueError, match="no FilterLogEvents response"):
        _core.SplitPage(body)


@given(st.data())
def test_a_cut_body_never_gives_alerts(rules: _core.RuleSet, data: st.DataObject) -> None:
    body = page([named("a"), named("b")], token="x")
    cut = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises(ValueError, match="no FilterLogEvents response"):
        scanner(rules).scan_page(body[:cut], ORIGIN)


def test_empty_pages_with_and_without_a_token(rules: _core.RuleSet) -> None:
    for body, token in ((page([]), None), (page([], token="t"), "t"), (b"{}", None), (b'{"nextToken":null}', None)):
        batch = scanner(rules).scan_page(body, ORIGIN)
        assert (batch.messages, batch.events, batch.next_token, batch.newest_ms) == (0, 0, token, -1)


def test_repeats_cost_one_alert(rules: _core.RuleSet) -> None:
    seen = _core.SeenSet(bytes(range(16)))
    reader = scanner(rules)
    body = page([named("a"), named("b")])
    first, second, third = seen.ticket(), seen.ticket(), seen.ticket()
    assert names(reader.scan_page(body, ORIGIN, seen, first)) == ["a", "b"]
    again = reader.scan_page(body, ORIGIN, seen, second)
    assert (again.messages, again.repeated, again.events, again.alert_count) == (2, 2, 0, 0)
    assert again.oldest_fresh_ms == -1
    assert seen.forget(first) == 2
    assert names(reader.scan_page(body, ORIGIN, seen, third)) == ["a", "b"]
    seen.confirm(third)
    assert seen.forget(third) == 0
    assert len(seen) == 2
    assert seen.expire(1_767_323_045_000 + 120_000) == 2
    assert len(seen) == 0


def test_lateness_is_counted_in_powers_of_two(rules: _core.RuleSet) -> None:
    batch = scanner(rules).scan_page(page([named("a")]), ORIGIN)
    assert [i for i, count in enumerate(batch.lateness_ms) if count] == [9]  # 500 ms: below 512


def test_alert_ids_name_event_item_and_rule(rules: _core.RuleSet) -> None:
    two = json.dumps({"kind": "EventList", "items": [event(), event()]})
    batch = scanner(rules).scan_page(page([two, named("a")]), ORIGIN)
    ids = [batch.alert(i).id for i in range(batch.alert_count)]
    assert len(set(ids)) == 3
    again = scanner(rules).scan_page(page([two, named("a")]), ORIGIN)
    assert [again.alert(i).id for i in range(3)] == ids
    elsewhere = scanner(rules).scan_page(page([two, named("a")]), _core.Origin(cluster="c", account="2", region="r"))
    assert not {elsewhere.alert(i).id for i in range(3)} & set(ids)


def test_the_id_inside_an_alert_is_the_id_of_the_alert() -> None:
    with_id = rule_set(EVERY_EVENT, alert_id=True)
    text = json.dumps(event()).encode()
    for batch in (
        scanner(with_id).scan_page(page([named("a"), named("b")]), ORIGIN),
        scanner(with_id).scan_lines(text + b"\n" + text, ORIGIN, last=True),
    ):
        inside = [alert["output_fields"]["falcoeks.alert_id"] for alert in alerts(batch)]
        assert inside == [batch.alert(i).id for i in range(2)]
        assert len(set(inside)) == 2
