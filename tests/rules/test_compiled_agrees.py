"""Rule files, compiled: the module finds what the interpreter finds, on every event, whatever the rules are called."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

import falcoeks_fast
from falcoeks_fast.bench.mix import Mix
from falcoeks_fast.bench.rulegen import RuleGenerator
from falcoeks_fast.engine import _core
from falcoeks_fast.rules import LoadSettings, RuleFile, load_rules
from falcoeks_fast.rules.code.build import SOMEBODY_WAITS, build, why_impossible
from falcoeks_fast.rules.code.emit import emit
from falcoeks_fast.rules.code.module import load_module
from falcoeks_fast.rules.plan import Plan

PACK = Path(falcoeks_fast.__file__).parent / "rules" / "packs" / "eks.yaml"
CONFORMANCE = Path(__file__).resolve().parents[3] / "shared" / "conformance"

HOSTILE = (
    '""" + __import__("os").abort() + """',
    "*/ abort(); /*",
    "??/",
    "'\\n\\x00\\",
    "line\nbreak\r\n#error",
    '"); abort(); ("',
    "%s%n{0}",
    "\u202eright to left\u2028",
    "x" * 255,
)


def plan_of(*files: RuleFile) -> Plan:
    result = load_rules(files, LoadSettings())
    assert result.successful, "\n".join(report.text() for report in result.reports)
    assert result.plan is not None
    return result.plan


def alerts(plan: Plan, lines: bytes, module: object | None) -> list[dict[str, object]]:
    rules = _core.RuleSet(plan.wire(), plan.predicate_digest(), _core.Format(json_output=True), match_all=True)
    if module is not None:
        rules.attach(module)
    assert rules.compiled == (module is not None)
    scanner = _core.Scanner(rules, _core.Numbering(), prefilter=False)
    batch = scanner.scan_lines(lines, _core.Origin(), last=True)
    return [json.loads(line) for line in batch.text.splitlines()]


def compiled(plan: Plan) -> object:
    if why := why_impossible():
        pytest.skip(f"nothing can be compiled here: {why}")
    source = emit(plan)
    return load_module(build(source, limits=SOMEBODY_WAITS), source.digest)


def events_about(plan: Plan, count: int) -> Iterator[bytes]:
    """Events made of the paths that the rules read and the constants that they compare with."""
    chance = random.Random(9)
    constants: dict[int, list[str]] = {}
    for operand in plan.operands:
        if operand.slot >= 0 and operand.interned:
            constants.setdefault(operand.slot, []).extend(text.decode() for text in operand.interned)
    for _ in range(count):
        made = json.loads(event("nobody", 0))
        for slot, texts in constants.items():
            path = [part.decode() for part in plan.slots[slot].path]
            if path and chance.random() < 0.7:
                put(made, path, chance.choice(texts))
        yield json.dumps(made).encode() + b"\n"


def put(document: dict[str, object], path: list[str], value: str) -> None:
    for part in path[:-1]:
        inner = document.setdefault(part, {})
        if not isinstance(inner, dict):
            return
        document = inner
    document[path[-1]] = value


def test_many_rules_over_the_mix():
    generated = RuleGenerator(5).rule_set(60)
    plan = plan_of(RuleFile(PACK.name, PACK.read_bytes()), RuleFile("generated.yaml", generated.encode()))
    lines = b"".join([*(line + b"\n" for line in Mix(seed=3).events(1000)), *events_about(plan, 3000)])
    interpreted = alerts(plan, lines, None)
    assert len({alert["rule"] for alert in interpreted}) > 10
    assert alerts(plan, lines, compiled(plan)) == interpreted


def test_hostile_rules_mean_what_they_say():
    """Each rule watches for a user of its own hostile name, once as a class and once within other text."""
    rules = []
    for text in HOSTILE:
        others = ", ".join(quote(other) for other in HOSTILE if other is not text)
        user = "ka.user.name"
        condition = f"{user} = {quote(text)} or {user} contains {quote(text)} and not {user} in ({others})"
        rules.append(rule(text, condition))
    deep = "ka.verb = get"
    for number in range(100):
        deep = f"not (ka.verb = never{number} or {deep})"
    rules.append(rule("deep", deep))
    plan = plan_of(RuleFile("hostile.yaml", json.dumps(rules).encode()))
    users = [*HOSTILE, *(f"{first}{second}" for first, second in pairwise(HOSTILE)), "nobody"]
    lines = b"".join(event(user, number) for number, user in enumerate(users))
    expected = {
        (number, text)
        for number, user in enumerate(users)
        for text in HOSTILE
        if user == text or (text in user and user not in HOSTILE)
    } | {(number, "deep") for number in range(len(users))}
    module = compiled(plan)
    for found in (alerts(plan, lines, None), alerts(plan, lines, module)):
        assert {(int(str(alert["time"])[11:13]), alert["rule"]) for alert in found} == expected


def rule(name: str, condition: str) -> dict[str, object]:
    texts = {"rule": name, "desc": name, "condition": condition, "output": "fired", "priority": "ERROR"}
    return {**texts, "source": "k8s_audit", "tags": [name]}


def quote(text: str) -> str:
    """As a constant of the rule language."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def event(user: str, number: int) -> bytes:
    """Numbered by the hour."""
    time = f"2026-01-02T{number:02d}:00:00.000000Z"
    content = {"kind": "Event", "auditID": "a", "stage": "ResponseComplete", "verb": "get", "stageTimestamp": time}
    return json.dumps({**content, "user": {"username": user}, "requestReceivedTimestamp": time}).encode() + b"\n"


@pytest.mark.parametrize("name", ["conditions.yaml", "k8s_audit_rules.yaml"])
def test_the_recorded_rules_over_the_recorded_events(name):
    path = CONFORMANCE / name
    if not path.is_file():
        pytest.skip(f"no recorded answers of Falco at {CONFORMANCE}")
    plan = plan_of(RuleFile(name, path.read_bytes()))
    lines = (CONFORMANCE / "events.jsonl").read_bytes()
    interpreted = alerts(plan, lines, None)
    assert interpreted
    assert alerts(plan, lines, compiled(plan)) == interpreted
