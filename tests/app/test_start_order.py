"""Which error wins at the start, and what is said before it (the order of Falco's steps)."""

from __future__ import annotations

import functools
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .tools import RULE, events_file, run, run_inside, write

Run = Callable[..., subprocess.CompletedProcess[str]]

CONFIG = """\
plugins:
  - {{name: k8saudit, library_path: libk8saudit.so, init_config: {init}, open_params: {events}}}
  - {{name: json, library_path: libjson.so}}
rules_files: [{rules}]
stdout_output: {{enabled: true}}
log_stderr: true
log_syslog: false
falcoeks: {{compile: "off"}}
"""
NO_ALERTS = "Events detected: 0\nRule counts by severity:\nTriggered rules by rule name:\n"


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    return functools.partial(run_inside, monkeypatch, capfd)


@pytest.fixture
def config(tmp_path: Path) -> str:
    return configured(tmp_path)


def configured(folder: Path, init: str = '""', events: str | None = None) -> str:
    rules = write(folder / "rules.yaml", RULE)
    events = events_file(folder / "events.jsonl", 1) if events is None else events
    return write(folder / "falco.yaml", CONFIG.format(init=init, events=events, rules=rules))


def texts(log: str) -> list[str]:
    """The lines of a log without their times."""
    return [re.sub(r"^\w{3} \w{3} .. [0-9:]{8} \d{4}: ", "", line) for line in log.splitlines()]


@pytest.mark.parametrize(
    "question", [("--version",), ("-V", "rules.yaml"), ("-L",), ("--list", "-N"), ("--support",), ("--list-plugins",)]
)
def test_metrics_do_not_keep_anybody_from_asking(tmp_path: Path, config: str, inside: Run, question: list[str]) -> None:
    assert inside("run", "-c", config, "-o", "metrics.enabled=true", *question, cwd=tmp_path).returncode == 0


def test_metrics_are_looked_at_last(tmp_path: Path, config: str) -> None:
    metrics = ("-o", "metrics.enabled=true")
    missing = run("run", "-c", config, *metrics, "-r", "nothere.yaml", cwd=tmp_path)
    assert texts(missing.stderr)[-1].startswith("Error: Could not open file nothere.yaml for reading")
    silent = run("run", "-c", config, *metrics, "-o", "stdout_output.enabled=false", cwd=tmp_path)
    assert "Error: No output configured" in silent.stderr
    dry = run("run", "-c", config, *metrics, "--dry-run", cwd=tmp_path)
    assert (dry.returncode, dry.stdout) == (1, "")
    assert texts(dry.stderr)[-1].startswith("Error: Metrics interval must have a minimum value of 100ms")
    wet = run("run", "-c", config, *metrics, "-o", "metrics.interval=1h", cwd=tmp_path)
    assert (wet.returncode, wet.stdout) == (1, NO_ALERTS)
    assert texts(wet.stderr)[-1].startswith("Error: Metrics are enabled with no output configured.")


WRONG_INIT = "{maxEventSize: soon}"
RUNTIME = (
    "Runtime error: error in plugin k8saudit init config: In <root>[maxEventSize], Value type not permitted by 'type' "
    "constraint. ("
)


@pytest.mark.parametrize("question", [("--version",), ("--plugin-info", "json"), ("--list-plugins",)])
def test_versions_and_plugins_are_shown_before_plugins_start(
    tmp_path: Path, inside: Run, question: tuple[str, ...]
) -> None:
    outcome = inside("run", "-c", configured(tmp_path, WRONG_INIT), *question)
    assert outcome.returncode == 0
    assert outcome.stdout


@pytest.mark.parametrize(
    "question",
    [("--list",), ("-V", "rules.yaml"), ("-r", "nothere.yaml"), ("--dry-run",), ("--enable-source", "x"), ()],
)
def test_a_plugin_that_cannot_start_is_logged(tmp_path: Path, inside: Run, question: tuple[str, ...]) -> None:
    wrong = configured(tmp_path, WRONG_INIT)
    outcome = inside("run", "-c", wrong, *question, cwd=tmp_path)
    assert (outcome.returncode, outcome.stdout) == (1, "")
    *before, last = texts(outcome.stderr)
    assert before[-1] == "Loaded plugin 'json@0.7.4' from file /usr/share/falco/plugins/libjson.so"
    assert last.startswith(RUNTIME)
    assert last.endswith("). Exiting.")
    assert outcome.stderr.splitlines()[-1] != last, "it is a line of the log"
    quiet = inside("run", "-c", wrong, *question, "-o", "log_stderr=false", cwd=tmp_path)
    assert quiet.stderr.startswith(RUNTIME)
    assert len(quiet.stderr.splitlines()) == 1


def test_commands_hear_of_it_too(tmp_path: Path, inside: Run) -> None:
    outcome = inside("validate", "-c", configured(tmp_path, WRONG_INIT))
    assert (outcome.returncode, outcome.stdout) == (1, "")
    assert outcome.stderr.startswith("Error: error in plugin k8saudit init config")


@pytest.mark.parametrize("before", [(), ("-V", "rules.yaml"), ("-o", "json_output=true")])
def test_an_unknown_rule_is_a_line_of_the_log(
    tmp_path: Path, config: str, inside: Run, before: tuple[str, ...]
) -> None:
    outcome = inside("run", "-c", config, *before, "-l", "nope", cwd=tmp_path)
    assert (outcome.returncode, outcome.stdout) == (1, "")
    last = outcome.stderr.splitlines()[-1]
    assert texts(last) == ['Runtime error: Rule "nope" is not loaded. Exiting.']
    assert texts(last) != [last]
    quiet = inside("run", "-c", config, *before, "-l", "nope", "-o", "log_stderr=false", cwd=tmp_path)
    assert quiet.stderr == 'Runtime error: Rule "nope" is not loaded. Exiting.\n'


def test_a_source_that_cannot_be_opened_comes_last_and_statistics_follow(tmp_path: Path) -> None:
    outcome = run("run", "-c", configured(tmp_path, events='""'))
    assert (outcome.returncode, outcome.stdout) == (1, NO_ALERTS)
    assert texts(outcome.stderr)[-3:] == [
        "Opening 'k8s_audit' source with plugin 'k8saudit'",
        "An error occurred in an event source, forcing termination...",
        "Error: stat : no such file or directory: open_params of plugin k8saudit must name a file, a directory, or "
        "http://host:port/path",
    ]


def test_a_dry_run_writes_no_pid(tmp_path: Path, config: str, inside: Run) -> None:
    pid = tmp_path / "pid"
    assert inside("run", "-c", config, "--dry-run", "-P", str(pid)).returncode == 0
    assert not pid.exists()


def test_what_debug_adds(tmp_path: Path, config: str, inside: Run) -> None:
    more = write(tmp_path / "more.yaml", RULE.replace("Every get", "A rule") + RULE.replace("Every get", "Off")
                 + "  enabled: false\n")  # fmt: skip
    arguments = ("-c", config, "-o", "log_level=debug", "-r", str(tmp_path / "rules.yaml"), "-r", more, "--dry-run")
    lines = texts(inside("run", *arguments).stderr)
    assert lines[1] == f"CLI args: falco {' '.join(arguments)}"
    start = lines.index("Configured rules filenames:")
    assert lines[start + 1 : start + 4] == [f"   {tmp_path}/rules.yaml", f"   {more}", "Loading rules from:"]
    start = lines.index("Enabled rules:")
    assert lines[start + 1 :] == ["   A rule", "   Every get", "(2) enabled rules in total"]


def test_descriptions_break_between_words_only(tmp_path: Path, inside: Run) -> None:
    text = (
        "kube-system pre-installed well-known many-hyphens-in-one-word-that-is-so-long-that-it-has-a-line yes  "
        + "é" * 40
    )
    rules = write(tmp_path / "rules.yaml", RULE.replace("Somebody reads something", text))
    lines = inside("run", "-r", rules, "-L").stdout.splitlines()[2:]
    assert [line[51:] for line in lines] == [
        "kube-system pre-installed well-known ",
        "many-hyphens-in-one-word-that-is-so-long-that-it-has-a-line ",
        "yes ",
        "é" * 40 + " ",
        "",
    ]
