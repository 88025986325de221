"""What the benchmarks measure is what they say."""

import json

from falcoeks_fast.bench.python_peers import boto3_case, pysimdjson_case
from falcoeks_fast.bench.user_measure import first_pages, messages, repeats_case
from falcoeks_fast.bench.workload import (
    DUMMY_RULE,
    EVERY_EVENT_RULE,
    Pages,
    eks_pages,
    everyday_files,
    floor_case,
    generated,
    load,
    never_files,
    scan_case,
)
from falcoeks_fast.engine import _core
from falcoeks_fast.rules import RuleFile

EVENTS = 700
PAGES = eks_pages(EVENTS)


def batches(text: str, pages: Pages = PAGES) -> list[_core.Batch]:
    rules = load("rules", [RuleFile("rules.yaml", text.encode())]).rule_set()
    scanner = _core.Scanner(rules, _core.Numbering())
    return [scanner.scan_page(body, _core.Origin()) for body in pages.bodies]


def test_every_event_alerts_by_the_rule_that_says_so() -> None:
    assert sum(batch.alert_count for batch in batches(EVERY_EVENT_RULE)) == EVENTS


def test_the_dummy_rule_alerts_on_its_verbs() -> None:
    verbs = [json.loads(message)["verb"] for message in messages(PAGES, 1 << 30)]
    expected = sum(verb in ("get", "create", "delete", "update") for verb in verbs)
    assert sum(batch.alert_count for batch in batches(DUMMY_RULE)) == expected


def test_the_rule_that_no_event_meets() -> None:
    assert sum(batch.alert_count for batch in batches(never_files()[0].content.decode())) == 0


def test_all_cases_handle_all_events() -> None:
    rules = load("rules", generated(20)).rule_set()
    cases = [
        scan_case("on", PAGES, rules, prefilter=True),
        scan_case("off", PAGES, rules, prefilter=False),
        repeats_case("repeats", PAGES, rules, _core.SeenSet(bytes(16))),
        floor_case(PAGES),
        boto3_case(PAGES),
        pysimdjson_case(PAGES),
    ]
    for case in cases:
        assert sum(case.work(piece) for piece in range(case.pieces)) == EVENTS, case.name


def test_everyday_rules_are_those_of_the_community_or_as_many() -> None:
    name, files = everyday_files()
    assert load(name, files).count >= 48


def test_the_first_pages_are_at_least_one() -> None:
    assert len(first_pages(PAGES, 1).padded) == 1
    assert first_pages(PAGES, 10 * EVENTS) == PAGES
