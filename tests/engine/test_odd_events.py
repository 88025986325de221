"""Odd events: what Falco's fields say of them, held against the slow reference, and nothing that ends the process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from falcoeks_fast.bench.mix import Mix
from falcoeks_fast.engine import _core
from falcoeks_fast.rules.fields.lookup import Fields
from falcoeks_fast.rules.language.parser import parse_condition

from ..fuzz.pages import page
from ..fuzz.rulesets import RuleSource, rule_sources
from ..fuzz.texts import AUDIT
from ..rules.reference import Reference
from .tools import EVENT, alerts, rule, rule_set, scanner

ORIGIN = _core.Origin(cluster="c")


def source(name: str) -> RuleSource:
    return next(source for source in rule_sources() if source.name == name)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value in a document."""
    if path:
        yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in members:
        yield from places(inner, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    if isinstance(value, dict):
        return {key: replaced(inner, path[1:], new) if key == path[0] else inner for key, inner in value.items()}
    return [replaced(inner, path[1:], new) if at == path[0] else inner for at, inner in enumerate(value)]


@pytest.mark.parametrize("new", [{}, [], None, "", [{}], {"": None}], ids=json.dumps)
def test_any_value_may_be_empty(new: Any) -> None:
    """With every value of an event replaced in turn, each field is there exactly when the reference says so."""
    fields = source("fields of the event")
    reader = scanner(fields.rule_set())
    names = [made.name.decode() for made in fields.plan.rules]
    checks = {name: parse_condition(f"{name[4:]} exists".encode()) for name in names if name.startswith("has ")}
    reference = Reference(Fields())
    for number, path in enumerate(places(AUDIT)):
        if path[0] in ("kind", "stageTimestamp"):
            continue
        text = json.dumps(replaced(AUDIT, path, new)).encode()
        batch = reader.scan_payload(text, ORIGIN)
        fired = {names[index] for index, _ in batch.rule_counts}
        # A part of the fields at each place, all of them over all places.
        for name, check in list(checks.items())[number % 4 :: 4]:
            assert (name in fired) == reference.evaluate(check, text), (name, path)
            assert (f"lacks {name[4:]}" in fired) != (name in fired)


def test_the_first_of_equal_keys_counts() -> None:
    rules = rule_set(rule("first", "ka.verb = first and ka.user.name = a and ka.target.name = x"))
    text = json.dumps(EVENT | {"verb": "first", "user": {"username": "a"}, "objectRef": {"name": "x"}})
    text = text.replace('"verb": "first"', '"verb": "first", "verb": "second", "v\\u0065rb": "third"')
    text = text.replace('"username": "a"', '"username": "a", "username": "b"')
    text = text.replace('"objectRef": {"name": "x"}', '"objectRef": {"name": "x"}, "objectRef": {"name": "y"}')
    assert text.count("verb") == 2
    for prefilter in (True, False):
        batch = scanner(rules, prefilter=prefilter).scan_page(page([text.encode()]), ORIGIN)
        assert (batch.events, batch.alert_count) == (1, 1)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (rb'"\ud800"', r"\ud800"),
        (rb'"\uDC00x"', r"\uDC00x"),
        (rb'"a\ud83d\n\u12"', "a\\ud83d\n\\u12"),
        (rb'"a\ud83d\u12"', r"a\ud83d\u12"),
        (rb'"\ud800\u0041b"', "\ufffdb"),
        (rb'"\ud800\u0000b"', "\ufffdb"),
        (rb'"\ud800\ud800"', "\ufffd"),
        (rb'"\udc00\ud800\ud83d"', "\ufffd\\ud83d"),
        (rb'"\ud800\ud83d\ude00"', "\ufffd\\ude00"),
        (rb'"a\ud83d\ude00"', "a\U0001f600"),
        (b'"a\xffb"', "a\ufffdb"),
        (b'"a\xc3"', "a\ufffd"),
        (b'"\xed\xa0\x80"', "\ufffd\ufffd\ufffd"),
        (b'"tab\there"', "tab\there"),
        (rb'"a\u0000b"', "a"),
        (b'"' + b"x" * 1_000_000 + b'"', "x" * 1_000_000),
        (b"1" * 5000, "1" * 5000),
        (b"-1e99999", "-1e99999"),
        (b"0.1e-7", "0.1e-7"),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_odd_texts_are_alerted_as_valid_utf_8(written: bytes, value: str) -> None:
    rules = rule_set(rule("r", "ka.user.name exists", "%ka.user.name"))
    text = json.dumps(EVENT).encode().replace(b'"alice"', written)
    for batch in (
        scanner(rules).scan_payload(text, ORIGIN),
        scanner(rules).scan_lines(text, ORIGIN, last=True),
        scanner(rules).scan_page(page([text]), ORIGIN),
    ):
        (alert,) = alerts(batch)
        assert batch.events == 1
        assert alert["output_fields"]["ka.user.name"] == value


def test_lone_surrogates_of_a_page_are_replaced() -> None:
    """In the text of the page, that is, before the message in it is read."""
    text = json.dumps(EVENT).replace('"alice"', '"HALF"')
    body = page([text.encode()])
    for half, value in ((rb"\ud800", "\ufffd"), (rb"\ud800\u0041", "\ufffdA"), (rb"\\ud800\\u0041", "\ufffd")):
        batch = scanner(rule_set(rule("r", "ka.user.name exists"))).scan_page(body.replace(b"HALF", half), ORIGIN)
        (alert,) = alerts(batch)
        assert alert["output_fields"]["ka.user.name"] == value


def test_keys_with_lone_surrogates_are_compared_as_their_texts() -> None:
    text = json.dumps(EVENT).replace('"verb":', '"x\\ud800\\u0041y": "half", "\\udc00z": "lone", "verb":')
    keys = rule("r", "json.value[/x\ufffdy] = half and json.value[/\\udc00z] = lone", "%json.value[/x\ufffdy]")
    (alert,) = alerts(scanner(rule_set(keys)).scan_payload(text.encode(), ORIGIN))
    assert alert["output_fields"]["json.value[/x\ufffdy]"] == "half"


@pytest.mark.parametrize(
    ("before", "inner", "after", "events"),
    [
        ('{"a":' * 298, "1", "}" * 298, 1),
        ('{"a":' * 299, "1", "}" * 299, 0),
        ('{"a":' * 298, "{}", "}" * 298, 1),
        ('{"a":' * 299, "{}", "}" * 299, 0),
        ("[" * 298, '{"a":1}', "]" * 298, 0),
        ("[" * 297, '{"a":1}', "]" * 297, 1),
        ("[" * 298, "1", "]" * 298, 1),
        ("[" * 299, '"x"', "]" * 299, 0),
    ],
)
def test_a_value_deeper_than_300_is_malformed(before: str, inner: str, after: str, events: int) -> None:
    """The event's object and the value inside all others count, too."""
    text = json.dumps(EVENT)[:-1] + f', "x":{before}{inner}{after}}}'
    batch = scanner(rule_set(rule("r", "ka.verb exists"))).scan_payload(text.encode(), ORIGIN)
    assert (batch.events, batch.malformed) == (events, 1 - events)


@pytest.mark.parametrize(
    ("request_object", "image"),
    [
        ('{"spec":{"containers":[{"image":"r:1"},{"image":"q"}]}}', "r:1"),
        ('{"spec":{"containers":{"name":"x","image":"r:1"}}}', "r:1"),
        ('{"spec":[{"containers":[{"image":"r:1"}]}]}', "r:1"),
        ('[{"spec":{"containers":[{"image":"r:1"}]}}]', "r:1"),
        ('{"spec":{"containers":[{"image":["r:1"]}]}}', '["r:1"]'),
        ('{"spec":{"containers":[{"image":null}]}}', "null"),
        ('{"spec":{"containers":[[{"image":"r:1"}]]}}', None),
        ('{"spec":{"containers":{"0":{"image":"r:1"}}}}', None),
        ('{"spec":{"containers":[]}}', None),
        ('{"spec":{"containers":[{}]}}', None),
    ],
)
def test_the_first_image_is_found_by_a_walk(request_object: str, image: str | None) -> None:
    """As that of ka.req.pod.containers.image[0]."""
    fields = "%ka.req.container.image %ka.req.container.image.repository %ka.req.pod.containers.image[0]"
    text = json.dumps(EVENT)[:-1] + f', "requestObject":{request_object}}}'
    (alert,) = alerts(scanner(rule_set(rule("r", "ka.verb exists", fields))).scan_payload(text.encode(), ORIGIN))
    shown = alert["output_fields"]
    assert shown["ka.req.container.image"] == image
    assert shown["ka.req.container.image.repository"] == (None if image is None else image.partition(":")[0])
    assert shown["ka.req.pod.containers.image[0]"] == (None if image is None else [image])


def test_a_patch_has_no_containers_and_null_volumes_no_paths() -> None:
    rules = rule_set(
        rule("image", "ka.req.pod.containers.image exists"),
        rule("path", "ka.req.pod.volumes.hostpath exists"),
        rule("none", "not ka.req.pod.containers.privileged intersects (true)"),
    )
    patch = [
        {"op": "add", "path": "/spec/containers/0", "value": {"image": "x", "securityContext": {"privileged": True}}}
    ]
    for request in (
        patch,
        [],
        {"spec": {"containers": None, "volumes": None}},
        {"spec": {"volumes": [None, {}]}},
        None,
    ):
        batch = scanner(rules).scan_payload(json.dumps(EVENT | {"requestObject": request}).encode(), ORIGIN)
        assert [alert["rule"] for alert in alerts(batch)] == ["none"]


def realistic() -> list[bytes]:
    """Events of several kinds, small enough to be cut at every byte."""
    chosen: dict[tuple[str, str], bytes] = {}
    for text in Mix(seed=21).events(600):
        event = json.loads(text)
        if len(text) < 2200:
            chosen.setdefault((event["verb"], event["stage"]), text)
    return [json.dumps(AUDIT).encode(), *list(chosen.values())[:5]]


@pytest.mark.parametrize("name", ["operators", "fields of the event"])
def test_a_cut_at_any_byte_adds_no_alert(name: str) -> None:
    rules = source(name).rule_set()
    reader = scanner(rules)
    events = realistic()
    assert len(events) == 6
    step = 1 if name == "operators" else 5
    for text in events:
        whole = {index for index, _ in reader.scan_page(page([text]), ORIGIN).rule_counts}
        assert whole
        certain: set[int] = set()
        for end in range(0, len(text), step):
            batch = reader.scan_page(page([text[:end], text[:end] + b"[Truncated...]"]), ORIGIN)
            fired = {index for index, _ in batch.rule_counts}
            assert fired <= whole, text[:end][-80:]
            assert {count for _, count in batch.rule_counts} <= {2}
            certain |= fired
        assert certain


def test_events_of_a_megabyte_and_pages_of_ten_thousand() -> None:
    rules = rule_set(
        rule("large", "ka.req.pod.containers.image intersects (last)"), rule("user", "ka.user.name = u9999")
    )
    containers = [{"name": f"c{number}", "image": "x" * 100} for number in range(8000)] + [{"image": "last"}]
    large = json.dumps(EVENT | {"requestObject": {"spec": {"containers": containers}}}).encode()
    assert len(large) > 1_000_000
    reader = scanner(rules)
    for text in (large, large[:-1], large):
        batch = reader.scan_page(page([text]), ORIGIN)
        assert (batch.events, batch.truncated) == (1, int(text != large))
        assert [alert["rule"] for alert in alerts(batch)] == ["large"]
    small = [json.dumps(EVENT | {"user": {"username": f"u{number}"}}).encode() for number in range(10_000)]
    batch = reader.scan_page(page(small), ORIGIN)
    assert (batch.messages, batch.events, batch.alert_count) == (10_000, 10_000, 1)
