"""The command line, beside what Falco printed for the same arguments."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from falcoeks_fast.cli import registry
from falcoeks_fast.cli.moments import parse_moment_ms
from falcoeks_fast.cli.options import OptionError, parse_options, usage
from falcoeks_fast.cli.support import redacted
from falcoeks_fast.rules.files.schema import ITEM, OVERRIDE

from .tools import RULE, conformance, events_file, run, run_inside, write

Run = Callable[..., subprocess.CompletedProcess[str]]

CASES = {
    "validate_bad1": ("-V", "bad1.yaml"),
    "validate_bad2": ("-V", "bad2.yaml"),
    "validate_warn": ("-V", "warn.yaml"),
    "validate_two": ("-V", "mini.yaml", "-V", "bad1.yaml"),
    "validate_bad1_json": ("-V", "bad1.yaml", "-o", "json_output=true"),
    "validate_two_json": ("-V", "mini.yaml", "-V", "bad1.yaml", "-o", "json_output=true"),
    "validate_warn_json": ("-V", "warn.yaml", "-o", "json_output=true"),
    "describe": ("-r", "mini.yaml", "-L"),
    "describe_json": ("-r", "mini.yaml", "-L", "-o", "json_output=true"),
    "describe_one_json": ("-r", "mini.yaml", "-l", "Config map written", "-o", "json_output=true"),
    "dry_run": ("-r", "mini.yaml", "--dry-run"),
    "run_mini": ("-r", "mini.yaml", "--disable-source", "syscall"),
    "version": ("--version",),
    "version_json": ("--version", "-o", "json_output=true"),
    "bad_flag": ("--nonsense",),
    "missing_rules": ("-r", "nothere.yaml"),
    "bad_priority": ("-o", "priority=loud", "-r", "mini.yaml", "--dry-run"),
    "no_config_key": ("-o", "nosuch.key=1", "-r", "mini.yaml", "--dry-run"),
    "start_bad": ("-r", "bad1.yaml", "--disable-source", "syscall"),
    "start_warn": ("-r", "warn.yaml", "--disable-source", "syscall"),
}
IDENTICAL = (
    "describe",
    "dry_run",
    "run_mini",
    "bad_flag",
    "missing_rules",
    "bad_priority",
    "no_config_key",
    "start_bad",
)
CODES = re.compile(r"LOAD_[A-Z_]+")
HEADINGS = re.compile(
    r"^(?:\d+ (?:Schema warnings|Errors|Warnings):|\S+\.yaml: .*|Error: .*|Rule counts.*)$", re.MULTILINE
)


READ_EVENTS = ("run_mini", "start_warn")


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    return functools.partial(run_inside, monkeypatch, capfd)


def expected(name: str, stream: str) -> str:
    return (conformance() / "cli" / f"{name}.{stream}").read_text()


def keys(value: object) -> object:
    """The structure of a JSON value: keys and types, lists by their first element."""
    if isinstance(value, dict):
        return {key: keys(item) for key, item in value.items()}
    if isinstance(value, list):
        return [keys(value[0])] if value else []
    return type(value).__name__


@pytest.mark.parametrize("name", CASES)
def test_as_falco(name: str, inside: Run) -> None:
    outcome = (run if name in READ_EVENTS else inside)(
        "run", "-c", "falco.yaml", *CASES[name], cwd=conformance() / "cli"
    )
    assert outcome.returncode == int(expected(name, "exit")), outcome.stderr
    wanted = expected(name, "stdout")
    if name in IDENTICAL:
        assert outcome.stdout == wanted
    elif name.endswith("_json"):
        ours, theirs = json.loads(outcome.stdout), json.loads(wanted)
        if name.startswith("describe"):
            assert keys(ours) == keys(theirs)
        else:
            assert keys(ours) == keys(theirs)
            assert CODES.findall(outcome.stdout) == CODES.findall(wanted)
    elif name == "version":
        assert [line.partition(": ")[0] for line in outcome.stdout.splitlines()] == [
            line.partition(": ")[0] for line in wanted.splitlines()
        ]
    elif name == "start_warn":
        assert outcome.stdout == wanted
    else:
        assert HEADINGS.findall(outcome.stdout) == HEADINGS.findall(wanted)
        assert CODES.findall(outcome.stdout) == CODES.findall(wanted)
    first = next((line for line in expected(name, "stderr").splitlines() if line.startswith("Error: ")), None)
    errors = [line for line in outcome.stderr.splitlines() if line.startswith("Error: ")]
    assert bool(errors) == bool(first)
    if first is not None:
        assert errors[0].startswith(first)


def test_log_lines_begin_as_falcos() -> None:
    outcome = run("run", "-c", "falco.yaml", *CASES["run_mini"], cwd=conformance() / "cli")
    ours = [line.split(": ", 1)[1] for line in outcome.stderr.splitlines()]
    for line in expected("run_mini", "stderr").splitlines():
        text = line.split(": ", 1)[1]
        if "[libs]" in text or "Loaded event sources" in text:
            continue  # there are no system calls here
        assert any(own.startswith(text) for own in ours), text
    assert re.match(r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}: ", outcome.stderr)


@pytest.mark.parametrize(
    ("arguments", "values"),
    [
        (["-c", "x", "-rA", "-r", "B"], {"c": ["x"], "r": ["A", "B"]}),
        (["--option=a=b", "-o", "c=d,e"], {"option": ["a=b", "c=d,e"]}),
        (["-Vx1", "-Uvr", "-x"], {"validate": ["x1"], "unbuffered": [""], "v": [""], "r": ["-x"]}),
        (["-vU", "--list", "k8s_audit"], {"v": [""], "unbuffered": [""], "list": [""]}),
        (["--list=k8s_audit", "-N"], {"list": ["k8s_audit"], "N": [""]}),
        (["-Vx", "--validate", "y"], {"validate": ["x", "y"]}),
        (["-c", "a", "-c", "b"], {"c": ["b"]}),
    ],
)
def test_option_forms(arguments: list[str], values: dict[str, list[str]]) -> None:
    assert parse_options(arguments).values == values


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--nope", "Option ‘nope’ does not exist"),
        ("-D", "use -o 'rules[].disable.rule=*TEXT*'"),
        ("--nodriver", "engine.kind=nodriver"),
        ("--versoin", "did you mean --version?"),
        ("-c", "Option ‘c’ is missing an argument"),
        ("--version=x", "failed to parse"),
    ],
)
def test_option_errors(argument: str, message: str) -> None:
    with pytest.raises(OptionError) as caught:
        parse_options([argument])
    assert message in str(caught.value)


def test_the_help_names_every_option() -> None:
    text = usage("falco")
    assert "Usage:" in text
    assert "falco [OPTION...]" in text
    for word in ("-c PATH", "--dry-run", "-o, --option KEY=VALUE", "--list[=SOURCE]", "--cluster NAME"):
        assert word in text


def test_every_command_says_what_it_does(inside: Run) -> None:
    assert {"run", "compile", "validate", "list", "describe", "explain", "version", "diff-alerts"} <= set(
        registry.names()
    )
    overview = run("--help")
    assert overview.returncode == 0
    for name in registry.names():
        assert f"  {name}" in overview.stdout
        shown = inside(name, "--help")
        assert shown.returncode == 0, shown.stderr
        assert "usage" in shown.stdout.lower()
    unknown = run("vaildate")
    assert unknown.returncode == 1
    assert "did you mean 'validate'" in unknown.stderr


def test_list_has_all_fields_in_every_format(inside: Run) -> None:
    fields = [
        line.split(",")[0] for line in (conformance().parent / "spec" / "fields.csv").read_text().splitlines()[1:]
    ]
    names = inside("run", "--list", "-N", "-o", "log_level=error").stdout.split()
    assert {name for name in fields if name.startswith(("ka.", "jevt.", "json."))} <= set(names)
    document = json.loads(inside("run", "--list=k8s_audit", "--format", "json", "-o", "log_level=error").stdout)
    audit = next(entry for entry in document["fieldclasses"] if entry["name"] == "k8saudit-eks (plugin)")
    assert len(audit["fields"]) == 100
    assert set(audit["fields"][0]) == {"name", "type", "desc", "is_list", "argument"}
    text = inside("run", "--list", "-o", "log_level=error").stdout
    assert "Field Class:                  k8saudit-eks (plugin)" in text
    assert max(map(len, text.splitlines())) <= 121
    markdown = inside("run", "--list", "--format", "markdown", "-o", "log_level=error").stdout
    assert "Name | Type | Description" in markdown
    assert "LIST(CHARBUF)" in markdown
    wrong = inside("run", "--list=nothing", "-o", "log_level=error")
    assert (wrong.returncode, "Value for --list must be a valid source type" in wrong.stderr) == (1, True)


def test_our_own_version_is_an_answer_of_the_command_only(inside: Run) -> None:
    assert "falcoeks-fast: " in inside("version").stdout
    assert "falcoeks_fast_version" in json.loads(inside("version", "--json").stdout)


def test_support_shows_no_credentials(tmp_path: Path, inside: Run) -> None:
    config = write(
        tmp_path / "falco.yaml",
        "http_output: {enabled: true, url: 'https://user:hunter2@example.org/x'}\n"
        "static_fields: {api_key: sesame}\njson_output: true\n",
    )
    rules = write(tmp_path / "rules.yaml", RULE)
    outcome = inside("run", "-c", config, "-r", rules, "--support", "-o", "static_fields.password=open,sesame")
    document = json.loads(outcome.stdout)
    assert set(document) == {"version", "engine_info", "cmdline", "config", "rules_files", "system_info"}
    assert "example.org" in document["config"]
    assert "hunter2" not in outcome.stdout
    assert "sesame" not in outcome.stdout


@pytest.mark.parametrize(
    "text", ["Authorization: Bearer abcdef123456", "token=abc", '{"client_secret": "abc def"}', "ftp://me:abc@x/"]
)
def test_redaction(text: str) -> None:
    assert "abc" not in redacted(text)


def test_plugin_listing(tmp_path: Path, inside: Run) -> None:
    config = write(tmp_path / "falco.yaml", "plugins: [{name: k8saudit-eks, library_path: l.so, open_params: c}]\n")
    listed = inside("run", "-c", config, "--list-plugins").stdout
    assert listed.startswith("1 Plugins Loaded:\n\nName: k8saudit-eks\n")
    shown = inside("run", "-c", config, "--plugin-info", "l.so").stdout
    assert "Suggested open params:\ndefault: Cluster Name" in shown
    assert inside("run", "-c", config, "--plugin-info", "/usr/share/falco/plugins/l.so").stdout == shown
    assert inside("run", "-c", config, "--plugin-info", "k8saudit-eks", "--list-plugins").stdout == shown
    assert inside("run", "-c", config, "--plugin-info", "x").returncode == 1


def test_sources(tmp_path: Path) -> None:
    rules = write(tmp_path / "rules.yaml", RULE)
    events = events_file(tmp_path / "events.jsonl", 1)
    base = ("run", "-r", rules, "--events", events)
    assert run(*base, "--enable-source", "k8s_audit").returncode == 0
    for wrong in (
        ("--disable-source", "k8s_audit"),
        ("--enable-source", "syscall"),
        ("--enable-source", "x"),
        ("--enable-source", "k8s_audit", "--disable-source", "syscall"),
    ):
        assert run(*base, *wrong).returncode == 1


def test_pid_file(tmp_path: Path) -> None:
    rules = write(tmp_path / "rules.yaml", RULE)
    events = events_file(tmp_path / "events.jsonl", 1)
    pid = tmp_path / "pid"
    assert run("run", "-r", rules, "--events", events, "-P", str(pid)).returncode == 0
    assert pid.read_text().isdigit()
    failed = run("run", "-r", rules, "--events", events, "-P", str(tmp_path / "no" / "pid"))
    assert failed.returncode == 255
    said = [line for line in failed.stderr.splitlines() if "Could not write pid to pidfile" in line]
    assert len(said) == 1
    assert not said[0].startswith("Error:"), "it is a line of the log"


def test_without_anything_to_read(tmp_path: Path, inside: Run) -> None:
    rules = write(tmp_path / "rules.yaml", RULE)
    outcome = inside("run", "-r", rules)
    assert outcome.returncode == 1
    assert "Error: You must create a config file" in outcome.stderr


def test_moments() -> None:
    assert parse_moment_ms("90m ago", 10_000_000, "since") == 10_000_000 - 5_400_000
    assert parse_moment_ms("2026-01-31T12:00Z", 0, "since") == 1_769_860_800_000
    assert parse_moment_ms("now", 5, "since") == 5
    with pytest.raises(OptionError, match="--since must be a time"):
        parse_moment_ms("tomorrow", 0, "since")


def test_control_characters_of_rules_never_reach_the_terminal(tmp_path: Path, inside: Run) -> None:
    rules = write(tmp_path / "rules.yaml", RULE.replace("ka.verb = get", '"ka.verb = get and ka.n\\e[31mope exists"'))
    outcome = inside("run", "-V", rules)
    assert outcome.returncode == 1
    assert "\x1b" not in outcome.stdout + outcome.stderr
    named = write(
        tmp_path / "named.yaml",
        RULE.replace("Every get", '"Every \\e[31mget"').replace("Somebody reads something", '"\\e[2J"'),
    )
    for arguments in (("run", "-r", named, "-L"), ("describe", "-r", named), ("validate", named)):
        shown = inside(*arguments)
        assert "\x1b" not in shown.stdout + shown.stderr


def test_print_text_is_added_to_every_rule(tmp_path: Path) -> None:
    rules = write(tmp_path / "rules.yaml", RULE)
    events = events_file(tmp_path / "events.jsonl", 1)
    outcome = run("run", "-r", rules, "--events", events, "-p", "verb=%ka.verb")
    assert "id=00000000-0000-0000-0000-000000000000 verb=get\n" in outcome.stdout
    assert os.linesep in outcome.stdout


def test_schemas_are_json_and_know_every_key(inside: Run) -> None:
    schema = json.loads(inside("run", "--rule-schema").stdout)
    assert set(schema["items"]["properties"]) == set(ITEM.properties)
    assert set(schema["items"]["properties"]["override"]["properties"]) == set(OVERRIDE.properties)
    config = json.loads(inside("run", "--config-schema").stdout)
    assert {"rules_files", "plugins", "http_output", "falcoeks", "engine"} <= set(config["properties"])


def test_rules_files_that_do_not_exist_and_an_empty_list_are_errors(tmp_path: Path, inside: Run) -> None:
    config = write(tmp_path / "falco.yaml", "rules_files: [/no/such/file.yaml]\nstdout_output: {enabled: true}\n")
    missing = inside("run", "-c", config, "--dry-run")
    assert (missing.returncode, "at least one rules file/directory" in missing.stderr) == (1, True)
    empty = inside("run", "-c", write(tmp_path / "empty.yaml", "rules_files: []\n"), "--dry-run")
    assert (empty.returncode, "must specify at least one rules file" in empty.stderr) == (1, True)
