"""Reports: golden texts of diagnostics, and Falco's own outputs in structure.

Each `.yaml` file in `golden` is loaded; the `.txt` beside it says what is printed for it: Falco's text, then the one
for people. After an intended change, run with UPDATE_GOLDEN=1 and read the difference.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from falcoeks_fast.rules import FileReport, LoadResult, LoadSettings, RuleFile, load_rules, results_json
from falcoeks_fast.rules.advice.validate import add_advice
from falcoeks_fast.rules.files.diagnostics import Code

from .files import failure, good, load, rule
from .scenarios import CONFORMANCE, needs_conformance

GOLDEN = Path(__file__).parent / "golden"
CLI = CONFORMANCE / "cli"


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.yaml")), ids=lambda path: path.stem)
def test_golden(path: Path) -> None:
    result = load_rules([RuleFile(path.name, path.read_bytes())])
    add_advice(result)
    report = result.reports[0]
    text = f"{report.text().rstrip()}\n\n=== for people ===\n{report.human()}"
    golden = path.with_suffix(".txt")
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text)
    assert text == golden.read_text()


def from_cli(*names: str) -> LoadResult:
    """Load small inputs of the command line tests as `-V` does."""
    settings = LoadSettings(plugins={"k8saudit": "0.18.0", "json": "0.7.4"}, keep_going=True)
    return load_rules([RuleFile(name, (CLI / name).read_bytes()) for name in names], settings)


def printed(reports: list[FileReport]) -> str:
    return "".join(f"{r.summary() if r.successful else r.text()}\n" for r in reports)


def structure(text: str) -> list[str]:
    """The lines of a report without what may be better than Falco's: the place of a caret, the words of a message."""
    lines = (line for line in text.splitlines() if line.strip() != "^")
    return [re.sub(r"^(LOAD_[A-Z_]+ \([^)]*\)): .*", r"\1", line) for line in lines]


CASES = [
    ("validate_bad1", ["bad1.yaml"]),
    ("validate_bad2", ["bad2.yaml"]),
    ("validate_two", ["mini.yaml", "bad1.yaml"]),
    ("validate_warn", ["warn.yaml"]),
]


@needs_conformance
@pytest.mark.parametrize(("case", "names"), CASES)
def test_text_has_the_structure_of_falco(case: str, names: list[str]) -> None:
    result = from_cli(*names)
    assert structure(printed(result.reports)) == structure((CLI / f"{case}.stdout").read_text())
    assert int(not result.successful) == int((CLI / f"{case}.exit").read_text())


@needs_conformance
def test_details_of_warnings_have_the_structure_of_falco() -> None:
    log = (CLI / "validate_warn.stderr").read_text()
    expected = log[log.index("warn.yaml: Ok, with") :]
    assert structure(from_cli("warn.yaml").reports[0].text()) == structure(expected.rstrip() + "\n")


def without_wording(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_wording(v) for k, v in value.items() if k not in ("message", "snippet", "codedesc")}
    return [without_wording(element) for element in value] if isinstance(value, list) else value


@needs_conformance
@pytest.mark.parametrize(("case", "names"), [case for case in CASES if case[0] != "validate_bad2"])
def test_json_is_that_of_falco_but_for_words(case: str, names: list[str]) -> None:
    text = results_json(from_cli(*names).reports)
    assert "\n" not in text
    expected = json.loads((CLI / f"{case}_json.stdout").read_text())
    assert without_wording(json.loads(text)) == without_wording(expected)
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def test_short_texts_are_the_description_of_errors() -> None:
    report = load(rule(condition="ka.nope = x")).reports[0].json()
    (error,) = report["errors"]
    assert error["codedesc"] == "Error compiling condition"
    assert set(error) == {"code", "codedesc", "message", "context"}
    assert set(error["context"]) == {"locations", "snippet"}


def test_a_deprecated_field_is_named_in_text_and_json() -> None:
    report = load(rule(condition="evt.dir = x")).reports[0]
    (warning,) = report.json()["warnings"]
    assert warning["deprecated_field"] == "evt.dir"
    assert "LOAD_DEPRECATED_ITEM (Used deprecated item: field 'evt.dir'): " in report.text()


def test_every_code_is_described() -> None:
    for code in Code:
        report = failure("- x\n")
        assert report.short_text
        assert type(report)(code, "m", report.context).description


def test_the_schema_check_blocks_nothing() -> None:
    result = good(rule(priority="Warning"))
    report = result.reports[0]
    assert report.schema_text == "failed for <root>[0][priority]: Failed to match against any enum values."
    assert report.summary() == "f0.yaml: Ok"
    assert report.json()["schema_valid"] is False
    assert good(rule(priority="WARNING")).reports[0].schema_text == "ok"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("- list: l\n  items: x\n", "<root>[0][items]: Value type not permitted"),
        ("- list: l\n  items: [a]\n  override: {items: add}\n", "<root>[0][override][items]: Failed to match"),
        ("- list: l\n  items: [a]\n  override: {}\n", "<root>[0][override]: Object should have no fewer than 1"),
        ("- rule: r\n  exceptions: [{fields: a}]\n", "<root>[0][exceptions][0]: Missing required property 'name'."),
        ("- rule: r\n  exceptions: [{name: a, value: b}]\n", "<root>[0][exceptions][0]: Object contains a property"),
        ("- required_plugin_versions: [{name: a}]\n", "[required_plugin_versions][0]: Missing required property"),
        ("- rule: r\n  enabled: maybe\n", "<root>[0][enabled]: Value type not permitted"),
        ("- rule: r\n  capture_duration: long\n", "<root>[0][capture_duration]: Value type not permitted"),
        ("- x\n", "<root>[0]: Value type not permitted"),
    ],
)
def test_schema_complaints(text: str, complaint: str) -> None:
    complaints = load(text).reports[0].schema_warnings
    assert any(complaint in found for found in complaints), complaints
    assert complaints[-1] == "failed for <root>: Failed to validate item #0 in array."
