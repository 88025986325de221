"""The test files beside the rule pack: named base events, patches of them, and the rules that must and must not fire.

In: the folder `rules/packs/eks/tests`. Out: `Case`s with complete events, and `fired`, which evaluates one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from falcoeks_fast.app.rule_tests.files import read_test_files
from falcoeks_fast.app.single_event import scan_event
from falcoeks_fast.engine import _core
from falcoeks_fast.rules import LoadResult, LoadSettings, RuleFile, load_rules

REPOSITORY = Path(__file__).resolve().parents[2]
PACK = REPOSITORY / "rules" / "packs" / "eks"
TESTS = PACK / "tests"


@dataclass(frozen=True)
class Case:
    """One event, and what the rules must say to it."""

    file: str
    name: str
    event: dict[str, Any]
    text: bytes
    fires: tuple[str, ...]
    silent: tuple[str, ...]


def read_cases() -> list[Case]:
    """All cases of all files, read as `falcoeks-fast test` reads them."""
    return [
        Case(
            Path(file.path).name,
            case.name,
            case.event,
            case.text(),
            tuple(expected.rule for expected in case.fires),
            case.silent,
        )
        for file in read_test_files([str(TESTS)])
        for case in file.cases
    ]


def load(paths: Sequence[Path], *, all_enabled: bool = False) -> LoadResult:
    """Load rule files; `all_enabled` turns on those that are off by default, too."""
    files = [RuleFile(str(path), path.read_bytes()) for path in paths]
    if all_enabled:
        off = [rule.name for rule in load_rules(files, LoadSettings()).rules if not rule.enabled]
        enable = "".join(
            f"- {{rule: {json.dumps(name)}, enabled: true, override: {{enabled: replace}}}}\n" for name in off
        )
        files.append(RuleFile("enable.yaml", enable.encode()))
    return load_rules(files, LoadSettings())


class Pack:
    """Loaded rules, ready for events."""

    def __init__(self, paths: Sequence[Path], *, all_enabled: bool = False, match_all: bool = True) -> None:
        result = load(paths, all_enabled=all_enabled)
        assert result.successful, [report.text() for report in result.reports]
        assert result.plan is not None
        self.result = result
        rules = _core.RuleSet(
            result.plan.wire(), result.plan.predicate_digest(), _core.Format(json_output=True), match_all=match_all
        )
        self.scanner = _core.Scanner(rules, _core.Numbering())

    def alerts(self, event: Mapping[str, Any] | bytes) -> list[dict[str, Any]]:
        text = event if isinstance(event, bytes) else json.dumps(event).encode()
        batch = scan_event(self.scanner, text)
        assert batch.events == 1
        return [json.loads(line) for line in batch.text.splitlines()]

    def fired(self, event: Mapping[str, Any] | bytes) -> set[str]:
        return {alert["rule"] for alert in self.alerts(event)}
