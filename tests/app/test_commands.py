"""The commands beside `run`: compile, explain, validate, diff-alerts."""

from __future__ import annotations

import functools
import json
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .tools import RULE, event, events_file, run, run_inside, write

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    return functools.partial(run_inside, monkeypatch, capfd)


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_a_bundle_is_used_for_its_own_rules_only(tmp_path: Path, inside: Run) -> None:
    rules = write(tmp_path / "rules.yaml", RULE)
    events = events_file(tmp_path / "events.jsonl", 2)
    bundle = tmp_path / "own" / "rules.bundle"
    made = inside("compile", "-r", rules, "-o", str(bundle))
    assert made.returncode == 0, made.stderr
    assert "1 rules, 0 macros, 0 lists" in made.stderr
    assert stat.S_IMODE(bundle.parent.stat().st_mode) == 0o700
    used = run("run", "-r", rules, "--events", events, "--compiled", str(bundle))
    assert f"Evaluating rules, compiled: bundle {bundle}" in used.stderr
    assert "Events detected: 2" in used.stdout
    other = write(tmp_path / "other.yaml", RULE.replace("= get", "= list"))
    options = ("--compiled", str(bundle), "-o", "falcoeks.compile=off")
    refused = run("run", "-r", other, "--events", events, *options)
    assert refused.returncode == 0
    assert "it was made from other rules" in refused.stderr
    assert "Evaluating rules, interpreter" in refused.stderr


def test_the_generated_source_can_be_seen(tmp_path: Path, inside: Run) -> None:
    rules = write(tmp_path / "rules.yaml", RULE)
    shown = inside("compile", "-r", rules, "--emit-cython", "-")
    assert shown.returncode == 0
    assert "rule_0" in shown.stdout
    assert "alice" not in shown.stdout
    nothing = inside("compile", "-r", rules)
    assert (nothing.returncode, "-o BUNDLE" in nothing.stderr) == (1, True)


def test_explain_says_what_decided(tmp_path: Path, inside: Run) -> None:
    rules = write(tmp_path / "rules.yaml", RULE)
    one = write(tmp_path / "event.json", json.dumps(event(1, verb="list")))
    plain = inside("explain", "Every get", "-r", rules)
    assert "ka.verb = get" in plain.stdout
    decided = inside("explain", "Every get", "-r", rules, "--event", one)
    assert "Every get: does not fire" in decided.stdout
    assert "ka.verb is list" in decided.stdout
    unknown = inside("explain", "Every gat", "-r", rules)
    assert unknown.returncode == 1
    assert "Every get" in unknown.stderr
    two = write(tmp_path / "two.json", json.dumps([event(1), event(2)]))
    assert inside("explain", "Every get", "-r", rules, "--event", two).returncode == 1


def test_explain_takes_an_event_that_was_cut(tmp_path: Path, inside: Run) -> None:
    rules = write(tmp_path / "rules.yaml", RULE)
    text = json.dumps(event(1))
    for end, says in (
        (text.index('"sourceIPs"'), "Every get: fires"),
        (text.index('"verb"'), "Every get: does not fire"),
    ):
        cut = write(tmp_path / "cut.json", text[:end] + "[Truncated...]\n")
        outcome = inside("explain", "Every get", "-r", rules, "--event", cut)
        assert outcome.returncode == 0, outcome.stderr
        assert says in outcome.stdout


def test_validate_shows_the_line_and_a_caret(tmp_path: Path, inside: Run) -> None:
    bad = write(tmp_path / "bad.yaml", RULE.replace("ka.verb = get", "ka.verbb = get"))
    outcome = inside("validate", bad)
    assert outcome.returncode == 1
    assert f"{bad}:3:" in outcome.stdout
    assert "^" in outcome.stdout
    assert "ka.verb" in outcome.stdout
    warned = write(tmp_path / "warned.yaml", RULE + "  colour: red\n")
    assert inside("validate", warned).returncode == 0
    assert inside("validate", "--strict", warned).returncode == 1


def alert(rule: str, number: int, **more: Any) -> str:
    record = {"rule": rule, "time": f"2026-01-02T03:04:{number:02d}Z", "output": f"o{number}", "source": "k8s_audit"}
    return json.dumps(record | {"output_fields": {"ka.auditid": str(number)}} | more) + "\n"


def test_two_streams_of_alerts_are_lined_up(tmp_path: Path, inside: Run) -> None:
    ours = alert("A", 1) + alert("B", 2) + alert("A", 3) + "Events detected: 3\n"
    falcos = alert("A", 3) + alert("A", 1) + alert("A", 1) + alert("C", 4) + alert("x", 9, source="internal")
    left, right = write(tmp_path / "ours.jsonl", ours), write(tmp_path / "falcos.jsonl", falcos)
    outcome = inside("diff-alerts", left, right)
    assert outcome.returncode == 1
    assert f"3 alerts in {left}, 4 in {right}: 2 are the same" in outcome.stdout
    assert f"Only in {left}: 1\n  B: 1\n" in outcome.stdout
    assert f"Only in {right}: 2\n" in outcome.stdout
    assert "1 lines are no alert" in outcome.stdout
    as_json = json.loads(inside("diff-alerts", "--json", left, right).stdout)
    assert as_json["same"] == 2
    assert {(entry["rule"], entry["count"]) for entry in as_json["only_falcos"]} == {("A", 1), ("C", 1)}


def test_alerts_compared_by_a_field(tmp_path: Path, inside: Run) -> None:
    left = write(tmp_path / "ours.jsonl", alert("A", 1))
    right = write(tmp_path / "falcos.jsonl", alert("A", 1, output="another text", time="another time"))
    assert inside("diff-alerts", left, right).returncode == 1
    assert inside("diff-alerts", "--key", "ka.auditid", left, right).returncode == 0
    missing = inside("diff-alerts", left, str(tmp_path / "none"))
    assert (missing.returncode, "cannot be read" in missing.stderr) == (1, True)
