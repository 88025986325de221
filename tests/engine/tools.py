"""Rule sets and pages for the tests of the native core."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from falcoeks_fast.engine import _core
from falcoeks_fast.rules import LoadSettings, RuleFile, load_rules

EVENT: dict[str, Any] = {
    "kind": "Event",
    "apiVersion": "audit.k8s.io/v1",
    "level": "Metadata",
    "auditID": "00000000-0000-4000-8000-000000000001",
    "stage": "ResponseComplete",
    "requestURI": "/api/v1/namespaces/default/pods/web",
    "verb": "get",
    "user": {"username": "alice", "groups": ["system:authenticated"]},
    "sourceIPs": ["10.0.0.1"],
    "userAgent": "kubectl/v1.31.1",
    "objectRef": {"resource": "pods", "namespace": "default", "name": "web", "apiVersion": "v1"},
    "responseStatus": {"metadata": {}, "code": 200},
    "requestReceivedTimestamp": "2026-01-02T03:04:05.000000Z",
    "stageTimestamp": "2026-01-02T03:04:05.123456Z",
}


def rule(name: str, condition: str, output: str = "verb=%ka.verb user=%ka.user.name", priority: str = "WARNING") -> str:
    fields = {"rule": name, "desc": "d", "condition": condition, "output": output, "priority": priority}
    return "".join(f"{'- ' if i == 0 else '  '}{k}: {json.dumps(v)}\n" for i, (k, v) in enumerate(fields.items())) + (
        "  source: k8s_audit\n"
    )


def rule_set(*rules: str, json_output: bool = True, match_all: bool = True, **options: Any) -> _core.RuleSet:
    result = load_rules([RuleFile(name="rules.yaml", content="".join(rules).encode())], LoadSettings())
    assert result.successful, "\n".join(report.text() for report in result.reports)
    assert result.plan is not None
    alert_format = _core.Format(json_output=json_output, hostname="host", **options)
    return _core.RuleSet(result.plan.wire(), result.plan.predicate_digest(), alert_format, match_all=match_all)


def page(messages: Iterable[str], token: str | None = None, **dumps: Any) -> bytes:
    events = [
        {
            "logStreamName": "kube-apiserver-audit-0123456789abcdef0123456789abcdef",
            "timestamp": 1_767_323_045_000 + i,
            "message": message,
            "ingestionTime": 1_767_323_045_500 + i,
            "eventId": f"{i:056d}",
        }
        for i, message in enumerate(messages)
    ]
    body: dict[str, Any] = {"events": events, "searchedLogStreams": []}
    if token is not None:
        body["nextToken"] = token
    return json.dumps(body, **({"separators": (",", ":")} | dumps)).encode()


def scanner(rules: _core.RuleSet, **options: Any) -> _core.Scanner:
    return _core.Scanner(rules, _core.Numbering(), **options)


def alerts(batch: _core.Batch) -> list[dict[str, Any]]:
    return [json.loads(line) for line in batch.text.splitlines()]
