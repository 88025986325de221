"""The native readers and the formatter on many events: Falco's own answers, cut events, damaged events."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from falcoeks_fast.rules.fields.lookup import Fields

from .plans import every_field, field_plan

CONFORMANCE = Path(__file__).resolve().parents[3] / "shared" / "conformance"

Programs = Callable[[str], Path]


def _conformance(name: str) -> Path:
    path = CONFORMANCE / name
    if not path.exists():
        pytest.skip(f"no {path}: Falco's answers are not part of the repository")
    return path


def _run(program: Path, *arguments: str | Path) -> bytes:
    done = subprocess.run(
        [program, *arguments], capture_output=True, env={"TZ": "UTC", "LC_ALL": "C"}, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")[-4000:]
    return done.stdout


def _plan_of_every_field(folder: Path, fixes: list[str]) -> Path:
    fields = Fields(fixes)
    plan = folder / "plan"
    plan.write_bytes(field_plan([(name, name) for name in every_field(fields)], fields).wire())
    return plan


def test_local_times_across_a_change_of_the_clock(native_program: Programs) -> None:
    if not Path("/usr/share/zoneinfo/Europe/Rome").exists():
        pytest.skip("no time zones on this machine: install tzdata")
    _run(native_program("test_formats"), "rome")


def test_every_field_is_what_falco_says(native_program: Programs, tmp_path: Path) -> None:
    rules = yaml.safe_load(_conformance("fields.yaml").read_text())
    names = [rule["output"].removeprefix("n=%evt.num v=%").removesuffix(" end") for rule in rules]
    plan = tmp_path / "plan"
    plan.write_bytes(field_plan([(r["rule"], n) for r, n in zip(rules, names, strict=True)], Fields()).wire())
    printed = _run(native_program("check_fields"), "alerts", plan, _conformance("events.jsonl"))
    alerts = {}
    for line in printed.splitlines():
        alert = json.loads(line)
        alerts[alert["rule"], alert["output_fields"]["evt.num"]] = alert
    compared = 0
    with gzip.open(_conformance("fields.expected.jsonl.gz")) as expected:
        for line in expected:
            wanted = json.loads(line)
            alert = alerts[wanted["rule"], wanted["evt.num"]]
            for key in ("output", "output_fields", "time"):
                assert alert[key] == wanted[key], (wanted["rule"], wanted["evt.num"])
            compared += 1
    assert compared > 20_000


@pytest.mark.parametrize("fixes", [[], ["all"]], ids=["falco", "fixed"])
def test_a_cut_event_never_says_what_the_whole_one_does_not(
    native_program: Programs, tmp_path: Path, fixes: list[str]
) -> None:
    plan = _plan_of_every_field(tmp_path, fixes)
    printed = _run(native_program("check_fields"), "cuts", plan, _conformance("events.jsonl"), "29")
    known, unknown = map(int, printed.split()[:2])
    assert known > 10_000
    assert unknown > 10_000


@pytest.mark.parametrize("fixes", [[], ["all"]], ids=["falco", "fixed"])
def test_damaged_events_do_no_harm(native_program: Programs, tmp_path: Path, fixes: list[str]) -> None:
    plan = _plan_of_every_field(tmp_path, fixes)
    printed = _run(native_program("check_fields"), "damage", plan, _conformance("events.jsonl"), "20")
    assert int(printed.split()[0]) > 500


def test_a_cut_event_says_nothing_wrong_in_our_own_fields(native_program: Programs, tmp_path: Path) -> None:
    container = {"name": "a", "image": "r:5/a:1", "args": ["x", "y"], "securityContext": {"privileged": True}}
    pod = {"containers": [container], "hostPID": True, "volumes": [{"name": "v", "hostPath": {"path": "/var/run"}}]}
    workload = {"kind": "Deployment", "spec": {"template": {"spec": pod}}}
    patch = [{"op": "add", "path": "/spec/a", "value": {"b": [1]}}, {"op": "remove", "path": "/spec/c"}]
    role = {"kind": "Role", "rules": [{"verbs": ["get", "*"], "resources": ["pods"], "apiGroups": [""]}]}
    more: list[dict[str, object]] = [
        {"verb": "create", "requestURI": "/a?dryRun=All", "requestObject": workload},
        {"verb": "create", "requestURI": "/a", "requestObject": {"template": {"spec": pod}, "spec": pod}},
        {"verb": "patch", "requestURI": "/a", "requestObject": patch, "responseObject": workload},
        {"verb": "patch", "requestURI": "/a", "requestObject": role, "responseObject": {**role, "kind": "Status"}},
        {"verb": "patch", "requestURI": "/a", "requestObject": patch, "responseObject": role},
        {"requestObject": {"kind": "DeleteOptions", "dryRun": ["None", "All"]}, "verb": "delete", "level": "Request"},
        {"verb": "delete", "requestURI": "/a?dryRun=All", "level": "Request"},
        {"verb": "create", "requestURI": "/a?dryRun=All", "objectRef": {"name": "a", "subresource": "exec"}},
        {"sourceIPs": ["10.0.0.1", "8.8.8.8"], "user": {"extra": {"arn": ["arn:aws:iam::1:role/x"]}}},
    ]
    start = {"kind": "Event", "auditID": "a", "stageTimestamp": "2026-01-02T03:04:05Z"}
    events = tmp_path / "events.jsonl"
    events.write_text("".join(json.dumps(start | one) + "\n" for one in more))
    printed = _run(native_program("check_fields"), "cuts", _plan_of_every_field(tmp_path, []), events, "1")
    known, unknown = map(int, printed.split()[:2])
    assert known > 10_000
    assert unknown > 10_000
