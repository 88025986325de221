"""The generated EKS mix has the shares, sizes and shapes that it promises; generated rules load."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from falcoeks_fast.bench.mix import PAGE_LIMIT_BYTES, Mix, main
from falcoeks_fast.bench.rulegen import RuleGenerator
from falcoeks_fast.engine import _core
from falcoeks_fast.rules import LoadSettings, RuleFile, load_rules

from .cases import REPOSITORY, Pack

COUNT = 20_000
COMMUNITY = REPOSITORY.parent / "shared" / "conformance" / "k8s_audit_rules.yaml"
KEY_ORDER = (
    "kind",
    "apiVersion",
    "level",
    "auditID",
    "stage",
    "requestURI",
    "verb",
    "user",
    "impersonatedUser",
    "sourceIPs",
    "userAgent",
    "objectRef",
    "responseStatus",
    "requestObject",
    "responseObject",
    "requestReceivedTimestamp",
    "stageTimestamp",
    "annotations",
)


@pytest.fixture(scope="module")
def messages() -> list[bytes]:
    return list(Mix(5).events(COUNT))


@pytest.fixture(scope="module")
def events(messages: list[bytes]) -> list[dict[str, Any]]:
    return [json.loads(message) for message in messages]


def category(event: dict[str, Any]) -> str:
    ref = event.get("objectRef", {})
    resource, verb, name = ref.get("resource"), event["verb"], event["user"]["username"]
    if event["responseStatus"]["code"] >= 400:
        return "refused"
    if resource is None:
        return "discovery and probes"
    if name.startswith("arn:"):
        return "people and CI"
    if resource == "leases":
        return "leases"
    if verb == "watch":
        return "watches"
    if ref.get("subresource") in ("status", "token"):
        return str(ref["subresource"])
    if resource in ("endpoints", "endpointslices") and verb == "update":
        return "endpoints"
    if resource in ("secrets", "configmaps"):
        return "secrets and config maps"
    return "reads" if verb in ("get", "list") else "writes"


@pytest.mark.parametrize(
    ("name", "per_cent"),
    [
        ("leases", 34),
        ("discovery and probes", 18),
        ("reads", 19.5),
        ("watches", 10),
        ("status", 3),
        ("endpoints", 4),
        ("writes", 4),
        ("token", 1),
        ("secrets and config maps", 4),
        ("people and CI", 1),
        ("refused", 3),
    ],
)
def test_shares(events: list[dict[str, Any]], name: str, per_cent: float) -> None:
    share = Counter(map(category, events))[name] / COUNT * 100
    assert share == pytest.approx(per_cent, abs=0.35 + per_cent * 0.04)


def test_stages(events: list[dict[str, Any]]) -> None:
    stages = Counter(event["stage"] for event in events)
    assert set(stages) == {"ResponseComplete", "ResponseStarted"}
    assert stages["ResponseStarted"] / COUNT == pytest.approx(0.08, abs=0.008)


def test_sizes(messages: list[bytes], events: list[dict[str, Any]]) -> None:
    assert 1_450 <= sum(map(len, messages)) / COUNT <= 1_850
    for message, event in zip(messages, events, strict=True):
        if event["level"] == "Metadata":
            assert 600 <= len(message) <= 1_800
    sizes = [len(message) for message, event in zip(messages, events, strict=True) if "responseObject" in event]
    assert sum(2_000 <= size <= 7_200 for size in sizes) > 0.7 * len(sizes)
    assert max(sizes) > 50_000


def test_key_order_and_levels(events: list[dict[str, Any]]) -> None:
    for event in events:
        assert list(event) == [key for key in KEY_ORDER if key in event]
        assert ("responseObject" in event) == (event["level"] == "RequestResponse")
        if event.get("objectRef", {}).get("resource") in ("secrets", "configmaps", "leases"):
            assert event["level"] == "Metadata"


def test_audit_ids_are_distinct_and_times_ordered(events: list[dict[str, Any]]) -> None:
    assert len({event["auditID"] for event in events}) == COUNT
    times = [event["stageTimestamp"] for event in events]
    assert times == sorted(times)
    assert all(event["requestReceivedTimestamp"] <= event["stageTimestamp"] for event in events)


def test_the_same_seed_gives_the_same_log() -> None:
    assert list(Mix(2).events(500)) == list(Mix(2).events(500))
    assert list(Mix(2).events(500)) != list(Mix(3).events(500))


def test_pages_hold_the_events() -> None:
    bodies = list(Mix(9).pages(6_000))
    pages = [json.loads(body) for body in bodies]
    rows = list(itertools.chain.from_iterable(page["events"] for page in pages))
    assert [row["message"].encode() for row in rows] == list(Mix(9).events(6_000))
    assert len({row["eventId"] for row in rows}) == 6_000
    assert all(len(row["eventId"]) == 56 and row["eventId"].isdigit() for row in rows)
    assert all(row["ingestionTime"] >= row["timestamp"] for row in rows)
    assert [row["timestamp"] for row in rows] == sorted(row["timestamp"] for row in rows)
    assert all("nextToken" in page for page in pages[:-1])
    assert "nextToken" not in pages[-1]
    for body, page in zip(bodies, pages, strict=True):
        assert len(body) <= PAGE_LIMIT_BYTES or len(page["events"]) == 1


@pytest.mark.skipif(not COMMUNITY.exists(), reason="the community rules are not beside the checkout")
def test_one_to_six_per_cent_alert_with_the_community_rules(messages: list[bytes]) -> None:
    pack = Pack([COMMUNITY], match_all=False)
    batch = pack.scanner.scan_lines(b"".join(message + b"\n" for message in messages), _core.Origin(), last=True)
    assert batch.events == COUNT
    assert 0.01 <= batch.alert_count / COUNT <= 0.06


def test_the_program_writes_both_forms(tmp_path: Path) -> None:
    assert main(["--events", "50", "--out", str(tmp_path / "lines")]) == 0
    assert main(["--events", "50", "--form", "pages", "--out", str(tmp_path / "pages")]) == 0
    lines = (tmp_path / "lines" / "events.jsonl").read_bytes().splitlines()
    page = json.loads((tmp_path / "pages" / "page-00000.json").read_bytes())
    assert len(lines) == len(page["events"]) == 50


def test_generated_rules_load_and_differ() -> None:
    text = RuleGenerator(4).rule_set(300)
    result = load_rules([RuleFile("generated.yaml", text.encode())], LoadSettings())
    assert result.successful
    assert result.plan is not None
    assert len(result.plan.rules) == 300
    assert text == RuleGenerator(4).rule_set(300)
    conditions = [line for line in text.splitlines() if line.startswith("  condition:")]
    assert len(set(conditions)) == len(conditions)
