"""Every recorded answer of Falco 0.44.1 against ours: conditions, fields, rejected texts, the community rules."""

from __future__ import annotations

import gzip
import json
import os
from collections import defaultdict
from collections.abc import Iterator

import pytest
import yaml

from .oracle import alerts, json_lines, load, recorded, rule_set


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    yield
    assert os.environ["TZ"] == "UTC"


def test_conditions() -> None:
    text = recorded("conditions.yaml").read_bytes()
    expected = {
        line["rule"]: line["matches"]
        for line in json_lines(recorded("conditions.expected.jsonl").read_text(encoding="utf-8"))
    }
    rules = rule_set(load("conditions.yaml", text))
    got: dict[str, list[int]] = defaultdict(list)
    for alert in json_lines(alerts(rules, recorded("events.jsonl").read_bytes()).decode()):
        got[alert["rule"]].append(alert["output_fields"]["evt.num"])
    conditions = {item["rule"]: item["condition"] for item in yaml.safe_load(text) if "rule" in item}
    differences = {
        rule: {"condition": conditions[rule], "missing": sorted(set(matches) - set(got[rule])),
               "extra": sorted(set(got[rule]) - set(matches))}
        for rule, matches in expected.items()
        if sorted(got[rule]) != sorted(matches)
    }  # fmt: skip
    print(f"{len(expected)} conditions, {len(differences)} differences")
    assert not differences, json.dumps(differences, indent=1)[:4000]


def test_fields() -> None:
    expected = json_lines(gzip.decompress(recorded("fields.expected.jsonl.gz").read_bytes()).decode())
    rules = rule_set(load("fields.yaml", recorded("fields.yaml").read_bytes()))
    got = {
        (alert["rule"], alert["output_fields"]["evt.num"]): alert
        for alert in json_lines(alerts(rules, recorded("events.jsonl").read_bytes()).decode())
    }
    differences = []
    for want in expected:
        have = got.get((want["rule"], want["evt.num"]))
        if have is None or any(have[key] != want[key] for key in ("output", "output_fields", "time")):
            differences.append((want, have))
    print(f"{len(expected)} values, {len(differences)} differences")
    assert not differences, "\n".join(f"want {w}\nhave {h}" for w, h in differences[:5])


def test_rejected() -> None:
    rejected = json_lines(recorded("rejected.jsonl").read_text(encoding="utf-8"))
    for case in rejected:
        is_field = case["rule"].startswith("f")
        rule = {
            "rule": "r",
            "desc": "d",
            "condition": "evt.num >= 0" if is_field else case["text"],
            "output": f"v=%{case['text']}" if is_field else "x",
            "priority": "INFO",
            "source": "k8s_audit",
        }
        result = load("rejected.yaml", yaml.safe_dump([rule]).encode())
        assert not result.successful, case
        codes = [error.code for report in result.reports for error in report.errors]
        assert codes == [case["error"].split(" ", 1)[0]], case
    print(f"{len(rejected)} rejected texts, 0 differences")


@pytest.mark.parametrize("matching", ["first", "all"])
def test_community_rules_json(matching: str) -> None:
    expected = recorded(f"stock.{matching}.expected.jsonl").read_text(encoding="utf-8").splitlines()
    result = load("k8s_audit_rules.yaml", recorded("k8s_audit_rules.yaml").read_bytes())
    rules = rule_set(result, match_all=matching == "all")
    got = alerts(rules, recorded("events.jsonl").read_bytes()).decode().splitlines()
    assert [json.loads(line) for line in got] == [json.loads(line) for line in expected]
    assert got == expected


def test_community_rules_text() -> None:
    expected = recorded("stock.first.expected.txt").read_text(encoding="utf-8")
    result = load("k8s_audit_rules.yaml", recorded("k8s_audit_rules.yaml").read_bytes())
    rules = rule_set(result, json_output=False, match_all=False)
    assert alerts(rules, recorded("events.jsonl").read_bytes()).decode() == expected
