"""`load_plugins` bounds what rules can use: the event source, fields, requirements."""

from __future__ import annotations

import functools
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from falcoeks_fast.rules.fields.lookup import Fields
from falcoeks_fast.rules.language.errors import ConditionError

from .tools import RULE, events_file, run_inside, write

Run = Callable[..., subprocess.CompletedProcess[str]]

CONFIG = """\
load_plugins: [{names}]
plugins:
  - {{name: k8saudit, library_path: libk8saudit.so, open_params: {events}}}
  - {{name: json, library_path: libjson.so}}
stdout_output: {{enabled: true}}
log_stderr: true
log_syslog: false
"""


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    return functools.partial(run_inside, monkeypatch, capfd)


def configured(folder: Path, names: str) -> str:
    return write(folder / "falco.yaml", CONFIG.format(names=names, events=events_file(folder / "events.jsonl", 1)))


def prefixes(listing: str) -> set[str]:
    return {line.partition(".")[0] for line in listing.split()}


@pytest.mark.parametrize("names", ["", "json"])
def test_without_a_plugin_for_it_the_source_is_unknown(tmp_path: Path, inside: Run, names: str) -> None:
    config, rules = configured(tmp_path, names), write(tmp_path / "rules.yaml", RULE)
    checked = inside("run", "-c", config, "-V", rules)
    assert (checked.returncode, checked.stdout) == (0, f"{rules}: Ok, with warnings\n")
    assert "LOAD_UNKNOWN_SOURCE (Unknown event source): Unknown source k8s_audit, skipping" in checked.stderr
    chosen = inside("run", "-c", config, "-r", rules, "--disable-source", "syscall")
    assert (chosen.returncode, chosen.stdout) == (1, "")
    assert "Error: Must enable at least one event source" in chosen.stderr
    plain = inside("run", "-c", config, "-r", rules)
    assert (plain.returncode, "Error: nothing to read" in plain.stderr) == (1, True)
    assert inside("run", "-c", config, "--list=k8s_audit").returncode == 1


@pytest.mark.parametrize(
    ("condition", "output", "code"),
    [
        ("jevt.value[/verb] = get", "x", "LOAD_ERR_COMPILE_CONDITION"),
        ("ka.verb = get", "x %jevt.value[/verb]", "LOAD_ERR_COMPILE_OUTPUT"),
    ],
)
def test_a_rule_on_fields_of_no_loaded_plugin_does_not_compile(
    tmp_path: Path, inside: Run, condition: str, output: str, code: str
) -> None:
    text = RULE.replace("ka.verb = get", condition).replace("got user=%ka.user.name id=%ka.auditid", output)
    rules = write(tmp_path / "rules.yaml", text)
    refused = inside("run", "-c", configured(tmp_path, "k8saudit"), "-V", rules)
    assert (refused.returncode, code in refused.stdout) == (1, True)
    assert inside("run", "-c", configured(tmp_path, "k8saudit, json"), "-V", rules).returncode == 0


def test_requirements_count_only_what_is_loaded(tmp_path: Path, inside: Run) -> None:
    rules = write(tmp_path / "rules.yaml", "- required_plugin_versions: [{name: json, version: 0.7.0}]\n" + RULE)
    refused = inside("run", "-c", configured(tmp_path, "k8saudit"), "-V", rules)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "Plugin requirement not satisfied, must load one of: json (>= 0.7.0)" in refused.stderr
    assert inside("run", "-c", configured(tmp_path, ""), "-V", rules).returncode == 1
    assert inside("run", "-c", configured(tmp_path, "k8saudit, json"), "-V", rules).returncode == 0


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        ("", {"evt"}),
        ("json", {"evt", "json", "jevt"}),
        ("k8saudit", {"evt", "ka", "falcoeks"}),
        ("k8saudit, json", {"evt", "ka", "falcoeks", "json", "jevt"}),
    ],
)
def test_fields_of_loaded_plugins_are_listed(tmp_path: Path, inside: Run, names: str, wanted: set[str]) -> None:
    config = configured(tmp_path, names)
    assert prefixes(inside("run", "-c", config, "--list", "-N").stdout) == wanted
    assert prefixes(inside("list", "-c", config, "-N").stdout) == wanted


def test_the_class_of_the_audit_fields_is_named_after_their_plugin(tmp_path: Path, inside: Run) -> None:
    config = configured(tmp_path, "k8saudit, json")
    shown = inside("run", "-c", config, "--list").stdout
    assert [line.split(maxsplit=2)[2] for line in shown.splitlines() if line.startswith("Field Class:")] == [
        "evt",
        "falcoeks",
        "k8saudit (plugin)",
        "json (plugin)",
    ]
    document = json.loads(inside("run", "-c", config, "--list", "--format", "json").stdout)
    assert "k8saudit (plugin)" in {entry["name"] for entry in document["fieldclasses"]}
    assert "## Field Class: k8saudit (plugin)" in inside("list", "-c", config, "-f", "markdown").stdout


def test_without_a_word_about_plugins_the_usual_two_are_loaded(tmp_path: Path, inside: Run) -> None:
    rules = write(tmp_path / "rules.yaml", RULE.replace("ka.verb = get", "jevt.value[/verb] = get"))
    for given in ((), ("-c", write(tmp_path / "falco.yaml", "stdout_output: {enabled: true}\n"))):
        checked = inside("run", *given, "-V", rules)
        assert (checked.returncode, checked.stdout) == (0, f"{rules}: Ok\n")
        assert "k8saudit-eks (plugin)" in inside("run", *given, "--list").stdout


def test_a_field_whose_plugin_is_not_loaded_does_not_exist() -> None:
    fields = Fields(plugins=("k8saudit",))
    assert fields.is_field(b"ka.verb")
    assert not fields.is_field(b"jevt.value[/x]")
    with pytest.raises(ConditionError, match=r"nonexistent field jevt\.value\[/x\]; the plugin that offers it"):
        fields.lookup("jevt.value[/x]")
    assert Fields().is_field(b"jevt.value[/x]")
