"""The scenarios of rule files that real Falco ran, for the tests of this room."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from falcoeks_fast.rules import AppendOutput, LoadResult, LoadSettings, RuleFile, Selection, load_rules

CONFORMANCE = Path(__file__).resolve().parents[2].parent / "shared" / "conformance"

needs_conformance = pytest.mark.skipif(
    not (CONFORMANCE / "rulefiles.jsonl").exists(), reason=f"no conformance data at {CONFORMANCE}"
)


@dataclass(frozen=True)
class Scenario:
    name: str
    files: tuple[str, ...]
    config: dict[str, Any]
    exit: int
    codes: tuple[str, ...]
    matches: dict[str, list[Any]]
    sample: list[dict[str, Any]]
    message: str

    @property
    def matches_all(self) -> bool:
        return str(self.config.get("rule_matching", "all")) == "all"

    def load(self) -> LoadResult:
        """Load the files as the oracle had them: with the plugins k8saudit 0.18.0 and json 0.7.4."""
        selections = [
            Selection(word == "enable", entry[word].get("rule", ""), entry[word].get("tag", ""))
            for entry in _parsed(self.config.get("rules", "[]"))
            for word in [next(iter(entry))]
        ]
        entries = [
            AppendOutput(
                extra_output=entry.get("extra_output", ""),
                source=entry.get("match", {}).get("source", ""),
                rule=entry.get("match", {}).get("rule", ""),
                tags=frozenset(entry.get("match", {}).get("tags", [])),
            )
            for entry in _parsed(self.config.get("append_output", "[]"))
        ]
        settings = LoadSettings(
            plugins={"k8saudit": "0.18.0", "json": "0.7.4"}, selections=selections, append_output=entries
        )
        files = [RuleFile(f"f{number}.yaml", text.encode()) for number, text in enumerate(self.files)]
        return load_rules(files, settings)


def _parsed(value: Any) -> list[Any]:
    return list(yaml.safe_load(value)) if isinstance(value, str) else list(value)


@cache
def scenarios() -> list[Scenario]:
    path = CONFORMANCE / "rulefiles.jsonl"
    if not path.exists():
        return []
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return [
        Scenario(
            name=case["name"],
            files=tuple(case["files"]),
            config=case["config"],
            exit=case["exit"],
            codes=tuple(sorted(case["codes"])),
            matches=case["matches"],
            sample=case["sample"],
            message=case["message"],
        )
        for case in found
    ]
