"""`falcoeks-fast test`: the format of test files, outcomes, differences, coverage, JUnit."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from falcoeks_fast.app.rule_tests.files import merged, read_test_files
from falcoeks_fast.app.rule_tests.located import RuleTestError

from .tools import ROOT, conformance, event, run_inside, write

GOLDEN = Path(__file__).with_name("golden_tools")
PACK_TESTS = ROOT / "rules" / "packs" / "eks" / "tests"

RULES = """\
- list: secret_readers
  items: [vault, external-secrets]

- macro: done
  condition: ka.stage = ResponseComplete

- rule: Secret read
  desc: Somebody reads a secret
  condition: done and ka.verb in (get, list) and ka.target.resource = secrets and not ka.user.name in (secret_readers)
  output: secret %ka.target.name read by %ka.user.name
  priority: WARNING
  source: k8s_audit

- rule: Pod exec
  desc: Somebody runs a command
  condition: ka.target.subresource = exec and (ka.verb = create or ka.verb = get)
  output: exec by %ka.user.name
  priority: NOTICE
  source: k8s_audit
  enabled: false
"""

TESTS = """\
bases:
  read:
    event: EVENT
  read of a secret:
    base: read
    patch: {objectRef: {resource: secrets, name: db}}
rules: rules.yaml
tests:
  - name: alice reads a secret
    base: read of a secret
    fires:
      - rule: Secret read
        fields: {ka.user.name: alice, ka.target.name: db}
        output: secret db read by alice
        priority: Warning
    only: true
  - name: vault does
    base: alice reads a secret
    patch: {user: {username: vault}}
    silent: [Secret read]
  - name: a config map
    base: read
    silent: [Secret read, Pod exec]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "rules.yaml", RULES)
    write(tmp_path / "tests.yaml", TESTS.replace("EVENT", json.dumps(event())))
    return tmp_path


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], folder: Path) -> Any:
    return lambda *arguments: run_inside(monkeypatch, capfd, "test", *arguments, cwd=folder)


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_passing_tests_and_what_they_do_not_cover(command: Any) -> None:
    outcome = command("tests.yaml", "--coverage")
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout == (GOLDEN / "rule_tests_passed.txt").read_text()


def test_failures_say_what_is_wrong_and_why(command: Any, folder: Path) -> None:
    change(folder / "rules.yaml", "in (get, list)", "in (list)")
    change(folder / "tests.yaml", "{username: vault}", "{username: nobody}, verb: list")
    with (folder / "tests.yaml").open("a") as stream:
        stream.write(
            "  - name: other output\n    base: read of a secret\n    patch: {verb: list}\n    fires:\n"
            "      - {rule: Secret read, priority: Error, output: 'secret db', fields: {ka.user.name: bob, ka.usr: 1}}"
            "\n"
            "  - {name: misspelt, base: read, silent: [Secret raed]}\n"
        )
    outcome = command("tests.yaml")
    assert outcome.returncode == 1, outcome.stderr
    assert outcome.stdout == (GOLDEN / "rule_tests_failed.txt").read_text()


def test_an_event_that_was_cut(command: Any, folder: Path) -> None:
    with (folder / "tests.yaml").open("a") as stream:
        stream.write(
            "  - {name: cut late, base: read, cut_before: requestObject, silent: [Pod exec]}\n"
            "  - {name: cut early, base: read of a secret, cut_before: verb, fires: [Secret read]}\n"
        )
    outcome = command("tests.yaml")
    assert outcome.returncode == 1, outcome.stderr
    assert "cut early\n  must fire, but does not: Secret read\n" in outcome.stdout
    assert "    unknown " in outcome.stdout, "what was cut off is neither true nor false"
    assert "FAILED tests.yaml" in outcome.stdout
    assert "cut late" not in outcome.stdout
    change(folder / "tests.yaml", "cut_before: verb", "cut_before: verbs")
    outcome = command("tests.yaml")
    assert outcome.returncode == 2
    assert "an event cannot be cut before 'verbs'; did you mean" in outcome.stderr


def test_junit(command: Any, folder: Path) -> None:
    change(folder / "tests.yaml", "output: secret db read by alice", 'output: "not this \\x01"')
    outcome = command("tests.yaml", "--junit", "junit.xml")
    assert outcome.returncode == 1
    root = ET.parse(folder / "junit.xml").getroot()
    assert (root.tag, root.get("tests"), root.get("failures")) == ("testsuites", "3", "1")
    (suite,) = root
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("tests.yaml", "3", "1")
    first, second, third = suite
    assert (first.get("name"), first.get("classname"), first.get("line")) == ("alice reads a secret", "tests.yaml", "9")
    (failure,) = first
    assert failure.get("message") == "fires, but with another alert: Secret read"
    assert "expected: not this \\u0001" in (failure.text or "")
    assert list(second) == list(third) == []


def test_rules_of_the_command_line_go_before_those_of_the_file(command: Any, folder: Path) -> None:
    write(folder / "other.yaml", RULES.replace("ka.verb in (get, list)", "ka.verb = never"))
    assert command("tests.yaml").returncode == 0
    assert command("tests.yaml", "-r", "other.yaml").returncode == 1


def test_events_from_files_whole_and_patched(command: Any, folder: Path) -> None:
    secret = event(1, objectRef={"resource": "secrets", "name": "a"})
    write(folder / "one.json", json.dumps(secret, indent=1))
    write(folder / "many.jsonl", f"{json.dumps(event())}\n{json.dumps(secret)}\n")
    write(
        folder / "from_files.yaml",
        "rules: rules.yaml\ntests:\n"
        "  - {name: a, file: one.json, fires: [Secret read]}\n"
        "  - {name: b, file: many.jsonl, line: 2, fires: [Secret read]}\n"
        "  - {name: c, file: many.jsonl, line: 1, silent: [Secret read]}\n"
        "  - {name: d, base: b, patch: {verb: delete}, silent: [Secret read]}\n",
    )
    assert command("from_files.yaml").returncode == 0


def test_a_directory_is_searched_for_tests(command: Any, folder: Path) -> None:
    (folder / "more").mkdir()
    write(folder / "more" / "t.yaml", "rules: ../rules.yaml\ntests: [{name: x, file: e.json, silent: [Pod exec]}]\n")
    write(folder / "more" / "e.json", json.dumps(event()))
    outcome = command(".")
    assert outcome.returncode == 0
    assert "4 of 4 tests passed" in outcome.stdout


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("base: read of", "base: raed of", "tests.yaml:10: there is no base event 'raed of a secret'; did you mean"),
        (
            "    base: read\n    patch:",
            "    base: read of a secret\n    patch:",
            "is based on itself: read of a secret ->",
        ),
        ("    only: true", "    onyl: true", "'onyl' is no key here; did you mean 'only'?"),
        ("    silent: [Secret read]", "", "asks for nothing"),
        ("name: vault does", "name: alice reads a secret", "there are two tests named 'alice reads a secret'"),
        ("silent: [Secret read, Pod exec]", "silent: [Secret read", "no valid YAML"),
        ("    silent: [Secret read]", "    silent: [A]\n    fires: [A]", "'A' is to fire and to be silent"),
        ("patch: {user: {username: vault}}", "patch: {kind: Pod}", "is not one audit event"),
        ("rules: rules.yaml", "rules: missing.yaml", "missing.yaml"),
        ("ka.target.name: db", "ka.target.name: [", "no valid YAML"),
    ],
)
def test_mistakes_in_test_files(command: Any, folder: Path, old: str, new: str, said: str) -> None:
    change(folder / "tests.yaml", old, new)
    outcome = command("tests.yaml")
    assert outcome.returncode == 2
    assert outcome.stderr.startswith("Error: ")
    assert said in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_bad_rules_are_an_error_of_their_own(command: Any, folder: Path) -> None:
    change(folder / "rules.yaml", "ka.verb = create", "ka.vreb = create")
    outcome = command("tests.yaml")
    assert outcome.returncode == 2
    assert "ka.vreb" in outcome.stderr


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_patches_are_json_merge_patches(target: Any, patch: Any, result: Any) -> None:
    """The examples of RFC 7386, appendix A."""
    assert merged(target, patch) == result


def test_times_stay_text(folder: Path) -> None:
    change(folder / "tests.yaml", "patch: {user: {username: vault}}", "patch: {stageTimestamp: 2026-01-02T03:04:05Z}")
    cases = read_test_files([str(folder / "tests.yaml")])[0].cases
    assert cases[1].event["stageTimestamp"] == "2026-01-02T03:04:05Z"


def test_a_rule_file_is_no_test_file(folder: Path) -> None:
    with pytest.raises(RuleTestError, match="rule files go behind -r"):
        read_test_files([str(folder / "rules.yaml")])


def test_the_tests_of_our_rules(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    outcome = run_inside(monkeypatch, capfd, "test", str(PACK_TESTS))
    assert outcome.returncode == 0, outcome.stdout
    assert outcome.stdout.count(" 0 that no test asks to") == 2, "each rule has a firing and a silent case"


def test_the_community_rules(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rules = conformance() / "k8s_audit_rules.yaml"
    pod = json.dumps(event(verb="create", objectRef={"resource": "pods", "namespace": "x"}))
    write(
        tmp_path / "tests.yaml",
        f"rules: {rules}\n"
        f"bases: {{pod: {{event: {pod}}}}}\n"
        "tests:\n"
        "  - name: privileged\n    base: pod\n"
        "    patch: {requestObject: {spec: {containers: [{image: a, securityContext: {privileged: true}}]}}}\n"
        "    fires: [Create Privileged Pod]\n    silent: [Create HostNetwork Pod]\n"
        "  - {name: plain, base: pod, silent: [Create Privileged Pod]}\n",
    )
    outcome = run_inside(monkeypatch, capfd, "test", str(tmp_path / "tests.yaml"))
    shown = outcome.stdout.replace(str(tmp_path), "TMP").replace(str(rules), "RULES")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert shown == (GOLDEN / "rule_tests_community.txt").read_text()


def test_the_example_of_the_documentation(command: Any, folder: Path) -> None:
    text = (ROOT / "docs" / "rule-tests.md").read_text()
    rules, tests = re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    write(folder / "rules.yaml", rules)
    write(folder / "rules.test.yaml", tests)
    outcome = command("rules.test.yaml")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "3 of 3 tests passed" in outcome.stdout
