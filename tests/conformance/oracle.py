"""What real Falco answered, and ours beside it. Used by the tests of this folder.

In: the folder of recorded answers beside the checkout. Out: rules loaded by us, alerts given by us.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from falcoeks_fast.engine import _core
from falcoeks_fast.rules import LoadResult, LoadSettings, RuleFile, load_rules

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "conformance"


def recorded(name: str) -> Path:
    """A file of the recorded answers; the test is skipped where they are absent."""
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(f"no recorded answers of Falco at {FOLDER}")
    return path


def json_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line]


def load(name: str, content: bytes) -> LoadResult:
    return load_rules([RuleFile(name=name, content=content)], LoadSettings())


def rule_set(result: LoadResult, *, json_output: bool = True, match_all: bool = True) -> _core.RuleSet:
    assert result.plan is not None, "\n".join(report.text() for report in result.reports)
    alert_format = _core.Format(json_output=json_output, hostname="oracle", plugin="k8saudit", raw_text=True)
    return _core.RuleSet(result.plan.wire(), result.plan.predicate_digest(), alert_format, match_all=match_all)


def alerts(rules: _core.RuleSet, events: bytes) -> bytes:
    """All alerts on JSON lines, one a line."""
    scanner = _core.Scanner(rules, _core.Numbering())
    return scanner.scan_lines(events, _core.Origin(), last=True).text
