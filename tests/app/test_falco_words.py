"""How error messages begin: with Falco's words, which are what people look up. What follows says more."""

from __future__ import annotations

import functools
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from falcoeks_fast.cli.options import OptionError, parse_options, whole_number

from .tools import RULE, events_file, run, run_inside, write

Run = Callable[..., subprocess.CompletedProcess[str]]

CONFIG = """\
plugins:
  - {{name: k8saudit, library_path: libk8saudit.so, open_params: {events}}}
  - {{name: json, library_path: libjson.so}}
rules_files: [rules.yaml]
stdout_output: {{enabled: true}}
log_stderr: true
log_syslog: false
falcoeks: {{compile: "off"}}
"""
READING = "Error reading config file (falco.yaml): "


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    write(tmp_path / "rules.yaml", RULE)
    write(tmp_path / "nested.yaml", "config_files: []\n")
    write(tmp_path / "falco.yaml", CONFIG.format(events=events_file(tmp_path / "events.jsonl", 1)))
    return functools.partial(run_inside, monkeypatch, capfd, cwd=tmp_path)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("engine.kind=foo", f"{READING}engine.kind 'foo' is not a valid kind."),
        ("webserver.listen_address=x", f'{READING}webserver listen address "x" is not a valid IP address'),
        ("rules_file=x", f"{READING}both 'rules_files' and 'rules_file' keys set"),
        ("file_output.enabled=true", f"{READING}file output enabled but no filename in configuration block"),
        ("program_output.enabled=true", f"{READING}program output enabled but no program in configuration block"),
        ("http_output.enabled=true", f"{READING}http output enabled but no url in configuration block"),
        ("config_files[]=falco.yaml",
         "Config error: 'config_files' directive tried to recursively include main config file: falco.yaml."),
        ("config_files[]=nested.yaml", "Config error: 'config_files' directive in included config file nested.yaml."),
        ("stdout_output=x", 'Config error at key "stdout_output.enabled": '),
        ("json_output=true", ""),
        ("rules_files=",
         "You must specify at least one rules file/directory via -r or a rules_file entry in falco.yaml"),
        ("rules_files={}",
         "You must specify at least one rules file/directory via -r or a rules_file entry in falco.yaml"),
        ("stdout_output.enabled=false",
         "No output configured, please make sure at least one output is configured and enabled."),
        ("metrics.enabled=true",
         "Metrics interval must have a minimum value of 100ms and reflect a Prometheus compliant time duration format: "
         "https://prometheus.io/docs/prometheus/latest/querying/basics/#time-durations. "),
    ],
)  # fmt: skip
def test_settings(inside: Run, setting: str, message: str) -> None:
    outcome = inside("run", "-c", "falco.yaml", "-o", setting, "--dry-run")
    errors = [line for line in outcome.stderr.splitlines() if line.startswith("Error: ")]
    assert outcome.returncode == (1 if message else 0)
    assert len(errors) == (1 if message else 0)
    assert not message or errors[0].startswith(f"Error: {message}")


def test_metrics_without_an_output(inside: Run) -> None:
    more = ("-o", "metrics.enabled=true", "-o", "metrics.interval=1h")
    outcome = inside("run", "-c", "falco.yaml", *more, "--dry-run")
    assert outcome.stderr.splitlines()[-1] == (
        "Error: Metrics are enabled with no output configured. Please enable at least one output channel "
        "('metrics.output_rule', 'metrics.output_file' or 'webserver.prometheus_metrics_enabled')"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--format", "foo"), "Invalid format 'foo'. Valid values are: text, markdown, json"),
        (("--format", "foo", "--help"), "Invalid format 'foo'. Valid values are: text, markdown, json"),
        (("--format", "foo", "--version"), "Invalid format 'foo'."),
        (("--list-events", "--format", "xml"), "Invalid format 'xml'."),
        (("--markdown", "--format", "text"), "Cannot specify both --markdown and --format options together"),
        (("--enable-source", "foo"), "Attempted enabling an unknown event source: foo"),
        (("--disable-source", "foo"), "Attempted disabling an unknown event source: foo"),
        (("-c", "nothere.yaml", "--help"), "Could not find configuration file at nothere.yaml"),
        (("-c", "nothere.yaml", "--rule-schema"), "Could not find configuration file at nothere.yaml"),
        (("-M", "x", "-c", "nothere.yaml"), "Argument ‘x’ failed to parse"),
        (("-M", "x", "--foo"), "Argument ‘x’ failed to parse"),
        (("--foo", "-M", "x"), "Option ‘foo’ does not exist"),
        (("--dry-run=x",), "Argument ‘x’ failed to parse"),
        (("--version=yes",), "Argument ‘yes’ failed to parse"),
        (("-oa=b",), "Argument ‘-oa=b’ starts with a - but has incorrect syntax; leave a blank behind -o"),
        (("-r=x",), "Argument ‘-r=x’ starts with a - but has incorrect syntax"),
        (("--r", "x"), "Argument ‘--r’ starts with a - but has incorrect syntax"),
        (("-V",), "Option ‘V’ is missing an argument"),
        (("-o",), "Option ‘o’ is missing an argument"),
        (("--option",), "Option ‘option’ is missing an argument"),
        (("-P",), "Option ‘P’ is missing an argument"),
    ],
)
def test_arguments(inside: Run, arguments: tuple[str, ...], message: str) -> None:
    outcome = inside("run", "-c", "falco.yaml", *arguments)
    assert (outcome.returncode, outcome.stdout) == (1, "")
    assert outcome.stderr.splitlines()[-1].startswith(f"Error: {message}")


def test_formats_in_capitals_and_the_empty_one(inside: Run) -> None:
    text = inside("run", "-c", "falco.yaml", "--list")
    assert text.returncode == 0
    for format in ("TEXT", ""):
        assert inside("run", "-c", "falco.yaml", "--list", "--format", format).stdout == text.stdout


def test_system_calls_have_no_fields_here(inside: Run) -> None:
    assert inside("run", "-c", "falco.yaml", "--list=syscall", "-N").stdout == ""


@pytest.mark.parametrize(("value", "on"), [("1", True), ("t", True), ("True", True), ("0", False), ("false", False)])
def test_switches_may_have_a_value(value: str, on: bool) -> None:
    assert parse_options(["--dry-run", f"--dry-run={value}"]).on("dry-run") is on


@pytest.mark.parametrize(
    ("text", "number"), [("60", 60), ("0x10", 16), ("-1", -1), ("010", 10), ("2147483647", 2**31 - 1)]
)
def test_numbers(text: str, number: int) -> None:
    assert whole_number(text, "M") == number


@pytest.mark.parametrize("text", ["", "x", "1.5", "+1", " 1", "0x", "1a", "2147483648", "٣"])
def test_no_numbers(text: str) -> None:
    with pytest.raises(OptionError, match="failed to parse"):
        parse_options(["-M", text])


def test_the_page_size_is_a_line_of_the_log(inside: Run) -> None:
    outcome = inside("run", "-c", "falco.yaml", "--page-size")
    assert (outcome.returncode, outcome.stdout) == (0, "")
    last = outcome.stderr.splitlines()[-1]
    assert ": Your system page size is: " in last
    assert last.endswith(" bytes")


@pytest.mark.parametrize("more", [(), ("-V", "rules.yaml")])
def test_a_directory_to_validate_is_an_error_at_run_time(inside: Run, tmp_path: Path, more: tuple[str, ...]) -> None:
    outcome = inside("run", "-c", "falco.yaml", *more, "-V", str(tmp_path))
    assert (outcome.returncode, outcome.stdout) == (1, "")
    assert "Error:" not in outcome.stderr
    assert f": Runtime error: {tmp_path} is a directory" in outcome.stderr


@pytest.mark.parametrize("question", [(), ("--list-plugins",), ("--list",)])
def test_a_plugin_that_is_named_twice(inside: Run, question: tuple[str, ...]) -> None:
    outcome = inside("run", "-c", "falco.yaml", "-o", "load_plugins[]=json", "-o", "load_plugins[]=json", *question)
    assert (outcome.returncode, outcome.stdout) == (1, "")
    assert outcome.stderr.splitlines()[-1].endswith(
        ": Runtime error: cannot register plugin /usr/share/falco/plugins/libjson.so in inspector: found another "
        "plugin with name json. Aborting.. Exiting."
    )
    shown = inside("run", "-c", "falco.yaml", "-o", "load_plugins[]=json", "-o", "load_plugins[]=json", "--version")
    assert shown.returncode == 0


@pytest.mark.parametrize("init", ['{"useAsync": 5}', '{"useAsync": "x"}', '{"useAsync": [true]}'])
@pytest.mark.parametrize(("number", "name"), [(0, "k8saudit"), (1, "json")])
def test_a_switch_of_a_plugin_must_be_a_boolean(inside: Run, init: str, number: int, name: str) -> None:
    outcome = inside("run", "-c", "falco.yaml", "-o", f"plugins[{number}].init_config={init}", "--dry-run")
    assert outcome.returncode == 1
    wrong = (
        f"Runtime error: error in plugin {name} init config: In <root>[useAsync], Value type not permitted by 'type'"
    )
    assert wrong in outcome.stderr.splitlines()[-1]


def test_booleans_in_quotes_and_null_are_taken_for_a_switch(inside: Run) -> None:
    for value in ('"true"', "off", "null"):
        init = f'plugins[0].init_config={{"useAsync": {value}}}'
        assert inside("run", "-c", "falco.yaml", "-o", init, "--dry-run").returncode == 0


@pytest.mark.parametrize("target", ["", "/nonexistent"])
def test_a_file_of_events_that_is_not_there(inside: Run, tmp_path: Path, target: str) -> None:
    outcome = run("run", "-c", "falco.yaml", "-o", f"plugins[0].open_params={target}", cwd=tmp_path)
    assert outcome.returncode == 1
    assert outcome.stderr.splitlines()[-1].startswith(f"Error: stat {target}: no such file or directory: ")


def test_plugins_are_listed_as_by_falco(inside: Run) -> None:
    listed = inside("run", "-c", "falco.yaml", "--list-plugins").stdout
    assert listed.endswith(
        "\nName: json\nDescription: implements extracting arbitrary fields from inputs formatted as JSON\n"
        "Contact: github.com/falcosecurity/plugins/\nVersion: 0.7.4\nCapabilities: \n  - Field Extraction\n\n\n"
    )
    shown = inside("run", "-c", "falco.yaml", "--plugin-info", "k8saudit").stdout
    assert shown.endswith(
        "}\n\nNo suggested open params available: plugin has not been configured, or it does not implement the open "
        "params suggestion functionality\n\n"
    )
    assert inside("run", "-c", "falco.yaml", "--plugin-info", "json").stdout.endswith("}\n\n")
