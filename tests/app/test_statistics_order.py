"""Rules in the exit statistics: in the order of their definition, whatever switched them on."""

from __future__ import annotations

from pathlib import Path

from .tools import RULE, events_file, run, write

NAMES = ("abc", "ab d", "x y", "abcabc", "a*c")
DISABLED = ("ab d", "abcabc")


def test_rules_are_listed_as_they_are_defined(tmp_path: Path) -> None:
    rules = "".join(
        RULE.replace("Every get", f'"{name}"') + ("  enabled: false\n" if name in DISABLED else "") for name in NAMES
    )
    config = write(
        tmp_path / "falco.yaml",
        'rule_matching: all\nrules: [{enable: {rule: "*"}}]\nfalcoeks: {compile: "off"}\n'
        "plugins: [{name: k8saudit, library_path: x, open_params: events.jsonl}]\n",
    )
    events_file(tmp_path / "events.jsonl", 1)
    outcome = run("run", "-c", config, "-r", write(tmp_path / "rules.yaml", rules), cwd=tmp_path)
    assert outcome.stdout.endswith("".join(f"   {name}: 1\n" for name in NAMES))
