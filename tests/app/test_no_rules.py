"""Rules that cannot say anything: an error where there is not one, a warning where none can fire."""

from __future__ import annotations

from pathlib import Path

import pytest

from .tools import RULE, events_file, run, write

CONFIG = """\
plugins: [{{name: k8saudit, library_path: libk8saudit.so, open_params: {events}}}]
rules_files: [{rules}]
stdout_output: {{enabled: true}}
falcoeks: {{compile: "off"}}
"""


def configured(folder: Path, rules: str) -> str:
    return write(folder / "falco.yaml", CONFIG.format(events=events_file(folder / "events.jsonl", 1), rules=rules))


@pytest.mark.parametrize("content", ["", "---\n", "- macro: m\n  condition: ka.verb = get\n"])
def test_not_one_rule_is_an_error(tmp_path: Path, content: str) -> None:
    rules = write(tmp_path / "empty.yaml", content)
    done = run("run", "-c", configured(tmp_path, rules), cwd=tmp_path)
    assert done.returncode == 1
    assert f"there is not one rule in {rules}" in done.stderr


def test_rules_that_are_all_disabled_get_a_warning(tmp_path: Path) -> None:
    rules = write(tmp_path / "rules.yaml", RULE)
    config = configured(tmp_path, rules)
    done = run("run", "-c", config, "-o", "rules[].disable.rule=*", "-o", "log_stderr=true", cwd=tmp_path)
    assert done.returncode == 0
    assert "can fire: they are disabled" in done.stderr
    assert "Events detected: 0" in done.stdout
