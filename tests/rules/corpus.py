"""The recorded answers of Falco as cases for tests of the language alone; lists and macros by simple means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from falcoeks_fast.rules.language.ast import Expr
from falcoeks_fast.rules.language.expand import MacroResolver
from falcoeks_fast.rules.language.parser import parse_condition

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "conformance"


def recorded(name: str) -> Path:
    """A file of the recorded answers; the test is skipped where they are absent."""
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(f"no recorded answers of Falco at {FOLDER}")
    return path


@dataclass
class Rule:
    name: str
    expr: Expr
    output: bytes
    source: str
    tags: tuple[str, ...]


@cache
def events() -> tuple[bytes, ...]:
    return tuple(line for line in recorded("events.jsonl").read_bytes().splitlines() if line)


def rules(name: str) -> list[Rule]:
    """The rules of a recorded file, parsed and with macros filled in."""
    return rules_of(recorded(name).read_text())


def rules_of(text: str) -> list[Rule]:
    items: list[dict[str, Any]] = yaml.load(text, Loader=yaml.CSafeLoader)
    lists: dict[str, list[str]] = {}
    for item in items:
        if "list" in item:
            lists[item["list"]] = [v for i in item["items"] for v in lists.get(str(i), [str(i)])]
    texts = {item["macro"]: item["condition"] for item in items if "macro" in item}
    resolver = MacroResolver(cache(lambda name, inside: parse(texts[name], lists) if name in texts else None))
    return [
        Rule(
            item["rule"],
            resolver.resolve(parse(item["condition"], lists)),
            item["output"].strip().encode(),
            item["source"],
            tuple(item.get("tags", ())),
        )
        for item in items
        if "rule" in item
    ]


def parse(text: str, lists: dict[str, list[str]]) -> Expr:
    for name, items in lists.items():
        if name in text:
            written = ", ".join(f'"{i}"' if " " in i and i[0] not in "\"'" else i for i in items)
            pattern = rf"(?<![^ \t\n\r(),=]){re.escape(name)}(?![^ \t\n\r(),=])"
            text = re.sub(pattern, lambda _, w=written: f" {w} ", text)
            if not items:
                text = re.sub(r",(\s*\))|(\(\s*),", r"\1\2", text)
    return parse_condition(text.encode())
