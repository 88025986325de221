"""`falcoeks-fast diff`: what a change of rules alerts more and less, from files and from CloudWatch Logs."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from falcoeks_fast.app.replay.events import Chunk, Kind, ReplayError, read_events
from falcoeks_fast.app.replay.fetched import fetch_events
from falcoeks_fast.app.start import StartOptions, read_config
from falcoeks_fast.bench.fake_cloudwatch.server import FakeServer
from falcoeks_fast.bench.fake_cloudwatch.service import FakeCloudWatch
from falcoeks_fast.bench.fake_cloudwatch.store import LogStore
from falcoeks_fast.engine._core import Batch, Origin
from falcoeks_fast.poller.settings import TimeRange

from .golden import check_golden
from .tools import ROOT, conformance, event, run, run_inside, write

PACK = ROOT / "rules" / "packs" / "eks"
Command = Callable[..., "CompletedProcess[str]"]

OLD = """\
- rule: Reads
  desc: d
  condition: ka.verb = get and ka.user.name = alice
  output: read by %ka.user.name
  priority: NOTICE
  source: k8s_audit

- rule: Deletes
  desc: d
  condition: ka.verb = delete
  output: deletion by %ka.user.name
  priority: WARNING
  source: k8s_audit
"""
NEW = """\
- rule: Strange reads
  desc: d
  condition: ka.verb = get and ka.user.name in (alice, mallory) and ka.auditid endswith 2
  output: strange read by %ka.user.name
  priority: ERROR
  source: k8s_audit

- rule: Reads
  desc: d
  condition: ka.verb = get and ka.user.name in (alice, bob)
  output: read by %ka.user.name
  priority: NOTICE
  source: k8s_audit

- rule: Deletes
  desc: d
  condition: ka.verb = delete
  output: deletion by %ka.user.name
  priority: CRITICAL
  source: k8s_audit
"""
EVENTS = [
    event(1, user="alice"),
    event(2, user="alice"),
    event(3, user="bob"),
    event(4, user="bob", verb="delete"),
    event(5, user="carol"),
    event(6, user="bob"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "old.yaml", OLD)
    write(tmp_path / "new.yaml", NEW)
    write(tmp_path / "events.jsonl", "".join(json.dumps(it) + "\n" for it in EVENTS))
    return tmp_path


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], folder: Path) -> Command:
    return lambda *arguments: run_inside(monkeypatch, capfd, "diff", *arguments, cwd=folder)


def page(*, repeat: bool = False) -> str:
    events = [
        {"logStreamName": "kube-apiserver-audit-1", "timestamp": 1_767_323_045_000 + n, "eventId": f"{n:056d}",
         "ingestionTime": 1_767_323_046_000, "message": json.dumps(it)}
        for n, it in enumerate(EVENTS)
    ]  # fmt: skip
    return json.dumps({"events": events * (2 if repeat else 1), "searchedLogStreams": []})


def test_alerts_more_less_and_changed(command: Command) -> None:
    outcome = command("-r", "old.yaml", "-r", "new.yaml", "events.jsonl", "--examples", "1")
    assert outcome.returncode == 1, outcome.stderr
    check_golden("diff.txt", outcome.stdout)


def test_no_difference(command: Command) -> None:
    outcome = command("-r", "old.yaml", "-r", "old.yaml", "events.jsonl")
    assert outcome.returncode == 0
    assert outcome.stdout.endswith("6 events evaluated; 3 alerts the same\n\nNo difference.\n")


def test_as_json(command: Command) -> None:
    outcome = command("-r", "old.yaml", "-r", "new.yaml", "events.jsonl", "--json")
    assert outcome.returncode == 1
    found = json.loads(outcome.stdout)
    assert (found["events"], found["same"]) == (6, 1)
    assert {rule: it["count"] for rule, it in found["more"].items()} == {"Reads": 2, "Strange reads": 1}
    assert {rule: it["count"] for rule, it in found["less"].items()} == {"Reads": 1}
    assert {rule: it["count"] for rule, it in found["changed"].items()} == {"Deletes": 1}
    assert found["moved"] == [{"from": "Reads", "to": "Strange reads", "count": 1}]


def test_under_rule_matching_all_nothing_moves(command: Command) -> None:
    outcome = command("-r", "old.yaml", "-r", "new.yaml", "events.jsonl", "--json", "-o", "rule_matching=all")
    found = json.loads(outcome.stdout)
    assert (found["less"], found["moved"]) == ({}, [])


@pytest.mark.parametrize("form", ["page", "pretty page", "repeated page", "event list", "array", "gzip", "directory"])
def test_events_in_any_form_give_the_same(command: Command, folder: Path, form: str) -> None:
    expected = command("-r", "old.yaml", "-r", "new.yaml", "events.jsonl").stdout
    target = folder / "form"
    if form == "gzip":
        target.write_bytes(gzip.compress((folder / "events.jsonl").read_bytes()))
    elif form == "directory":
        target.mkdir()
        for number, it in enumerate(EVENTS):
            write(target / f"{number}.jsonl", json.dumps(it))
    else:
        texts = {
            "page": page(),
            "pretty page": json.dumps(json.loads(page()), indent=2),
            "repeated page": page(repeat=True),
            "event list": json.dumps({"kind": "EventList", "items": EVENTS}, indent=1),
            "array": json.dumps(EVENTS),
        }
        write(target, texts[form])
    assert command("-r", "old.yaml", "-r", "new.yaml", "form").stdout == expected


def test_odd_lines_are_counted(command: Command, folder: Path) -> None:
    with (folder / "events.jsonl").open("a") as stream:
        stream.write('not json\n{"kind": "Pod"}\n')
    outcome = command("-r", "old.yaml", "-r", "old.yaml", "events.jsonl")
    assert "1 messages no JSON\n1 messages no audit event\n" in outcome.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-r", "old.yaml", "events.jsonl"), "give two sets of rules"),
        (("-r", "old.yaml", "-r", "new.yaml"), "either files of events or --since"),
        (("-r", "old.yaml", "-r", "new.yaml", "events.jsonl", "--since", "1h"), "either files of events or --since"),
        (("-r", "old.yaml", "-r", "none.yaml", "events.jsonl"), "no rules file or directory none.yaml"),
        (("-r", "old.yaml", "-r", "events.jsonl", "events.jsonl"), "holds no rules"),
        (("-r", "old.yaml", "-r", "new.yaml", "none.jsonl"), "none.jsonl cannot be read: No such file"),
        (("-r", "old.yaml", "-r", "new.yaml", "--since", "1h"), "give --cluster NAME --region REGION"),
        (("-r", "old.yaml", "-r", "new.yaml", "--until", "1h"), "--until needs --since"),
        (("-r", "old.yaml", "-r", "new.yaml", "--since", "soon"), "--since must be a time"),
    ],
)
def test_mistakes_are_not_taken_for_differences(command: Command, arguments: tuple[str, ...], said: str) -> None:
    outcome = command(*arguments)
    assert said in outcome.stderr
    assert (outcome.returncode, outcome.stdout) == (2, "")


def test_chunks_end_at_lines(folder: Path) -> None:
    lines = b"".join(json.dumps(event(n)).encode() + b"\n" for n in range(5_000))
    (folder / "many.jsonl").write_bytes(lines)
    chunks = list(read_events([str(folder / "many.jsonl")]))
    assert len(chunks) > 2
    assert all(chunk.kind is Kind.LINES and chunk.data.endswith(b"\n") for chunk in chunks)
    assert b"".join(chunk.data for chunk in chunks) == lines


def test_events_of_cloudwatch(command: Command, folder: Path) -> None:
    """Only those of the stretch of time that was asked for, and nothing is left behind."""
    service = FakeCloudWatch(call_s=0.0)
    store = service.groups["/aws/eks/prod/cluster"] = LogStore([])
    now_ms = time.time_ns() // 1_000_000
    for number, it in enumerate(EVENTS):
        store.put_text(now_ms - 600_000 + number, json.dumps(it), visible_ms=now_ms - 500_000)
    store.put_text(now_ms - 7_200_000, json.dumps(event(9, verb="delete")), visible_ms=now_ms - 7_100_000)
    expected = command("-r", "old.yaml", "-r", "new.yaml", "events.jsonl").stdout
    before = set(folder.iterdir())
    with FakeServer(service) as server:
        outcome = run(
            *("diff", "-r", "old.yaml", "-r", "new.yaml", "--since", "11m", "--until", "9m"),
            *("--cluster", "prod", "--region", "eu-west-1", "--endpoint-url", server.url),
            *("-o", f"falcoeks.state_dir={folder}/state"),
            cwd=folder,
            AWS_ACCESS_KEY_ID="x",
            AWS_SECRET_ACCESS_KEY="x",
            AWS_EC2_METADATA_DISABLED="true",
        )
    assert (outcome.returncode, outcome.stdout) == (1, expected), outcome.stderr
    assert set(folder.iterdir()) == before


def test_a_log_that_cannot_be_read_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    service = FakeCloudWatch(call_s=0.0)
    service.faults.denied = True
    with FakeServer(service) as server:
        start = StartOptions(clusters=("prod",), region="eu-west-1", endpoint_url=server.url)
        now_ms = time.time_ns() // 1_000_000
        with pytest.raises(ReplayError, match=r"cluster prod: .*denied"):
            fetch_events(read_config(start), TimeRange(now_ms - 1000, now_ms), unexpected, patience_s=0.2)


def unexpected(chunk: Chunk, origin: Origin) -> Batch:
    raise AssertionError("there are no events")


def test_a_changed_list_of_the_community_rules(command: Command, folder: Path) -> None:
    rules = conformance() / "k8s_audit_rules.yaml"
    (folder / "changed").mkdir()
    write(folder / "changed" / "1.yaml", rules.read_text())
    write(
        folder / "changed" / "2.yaml",
        "- macro: allowed_k8s_users\n  condition: (ka.user.name in (tab))\n"
        "- rule: Create Privileged Pod\n  enabled: false\n  override: {enabled: replace}\n"
        "- rule: K8s Secret Created\n  priority: CRITICAL\n  override: {priority: replace}\n",
    )
    outcome = command("-r", str(rules), "-r", "changed", str(conformance() / "events.jsonl"), "--examples", "1")
    assert outcome.returncode == 1, outcome.stderr
    check_golden("diff_community.txt", outcome.stdout.replace(str(rules), "RULES"))


def test_the_shipped_rules_against_their_core(command: Command) -> None:
    """The one-file edition is a part of the folder: on events for its rules it alerts less, never more."""
    events = conformance() / "events.jsonl"
    outcome = command(
        "-r", str(PACK.with_suffix(".yaml")), "-r", str(PACK), str(events), "--json", "-o", "rule_matching=all"
    )
    found = json.loads(outcome.stdout)
    assert (found["less"], found["changed"]) == ({}, {})
    assert found["old"]["rules"] < found["new"]["rules"]
