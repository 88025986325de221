"""The EKS pack: every rule fires where it must, and stays silent where it must."""

from __future__ import annotations

import json
from collections import Counter
from itertools import chain

import pytest

from falcoeks_fast.bench.demo.attack import steps
from falcoeks_fast.bench.mix import Mix
from falcoeks_fast.bench.mix_cluster import SimulatedCluster
from falcoeks_fast.bench.mix_event import HOLES, go_json
from falcoeks_fast.bench.pack_file import blocks, single_file
from falcoeks_fast.bench.rule_docs import TECHNIQUES, entries, page
from falcoeks_fast.engine import _core
from falcoeks_fast.rules import LoadSettings, RuleFile, Selection, load_rules
from falcoeks_fast.rules.advice.validate import advise
from falcoeks_fast.rules.fields.table import TABLE

from .cases import PACK, REPOSITORY, TESTS, Case, Pack, load, read_cases

FILES = sorted(PACK.glob("*.yaml"))
CORE = REPOSITORY / "rules" / "packs" / "eks.yaml"
OWN = sorted(PACK.glob("*-own-fields.yaml"))
CASES = read_cases()
CRITICAL = 2


@pytest.fixture(scope="module")
def pack() -> Pack:
    return Pack(FILES, all_enabled=True)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.file}: {case.name}")
def test_case(pack: Pack, case: Case) -> None:
    known = {rule.name for rule in pack.result.rules}
    assert set(case.fires) | set(case.silent) <= known, "the test names a rule that does not exist"
    fired = pack.fired(case.text)
    assert set(case.fires) <= fired
    assert not set(case.silent) & fired


def test_every_rule_has_a_firing_and_a_silent_case(pack: Pack) -> None:
    names = {rule.name for rule in pack.result.rules}
    assert names - set(chain.from_iterable(case.fires for case in CASES)) == set()
    assert names - set(chain.from_iterable(case.silent for case in CASES)) == set()


def test_names_of_cases_are_unique() -> None:
    assert [name for name, count in Counter((case.file, case.name) for case in CASES).items() if count > 1] == []


@pytest.mark.parametrize("path", [CORE, *FILES], ids=lambda path: path.name)
def test_each_file_loads_alone_without_a_warning(path: object) -> None:
    assert isinstance(path, type(CORE))
    result = load([path])
    assert result.successful
    assert [report.text() for report in result.reports if "Ok, with" in report.text()] == []


def test_the_folder_loads_without_a_warning() -> None:
    result = load(FILES)
    assert result.successful
    assert [report.text() for report in result.reports if "Ok, with" in report.text()] == []
    assert result.plan is not None


def test_there_is_no_advice_either() -> None:
    for files in (FILES, [CORE]):
        assert [diagnostic.message for diagnostic in advise(load(files))] == []


def test_the_pack_is_as_large_as_promised(pack: Pack) -> None:
    assert len(pack.result.rules) >= 80
    assert len(load([CORE]).rules) >= 15


def test_the_one_file_edition_is_up_to_date() -> None:
    assert CORE.read_text(encoding="utf-8") == single_file(PACK), "run: python -m falcoeks_fast.bench.pack_file"


def test_each_rule_is_tagged_and_explained(pack: Pack) -> None:
    for rule in pack.result.rules:
        tags = set(rule.tags)
        assert {"k8s", "eks", "eks_audit"} <= tags, rule.name
        assert any(tag.startswith("mitre_") for tag in tags), rule.name
        assert any(tag.startswith("T1") for tag in tags), rule.name
        assert ("eks_minimal" in tags) == (rule.priority == CRITICAL), rule.name
        assert "eks_minimal" not in tags or "eks_default" in tags, rule.name


def test_fields_of_our_own_stay_in_two_files() -> None:
    """All other files and the one-file edition load in Falco as they are; in those two Falco skips the rules."""
    assert [path for path in (CORE, *FILES) if "falcoeks." in path.read_text(encoding="utf-8")] == OWN
    for path in OWN:
        rules = [item.text for item in blocks(path.read_text(encoding="utf-8")) if item.kind == "rule"]
        assert all("\n  skip-if-unknown-filter: true\n" in text for text in rules)
        assert not any("falcoeks." in text.partition("  exceptions:")[2] for text in rules)


def test_falco_skips_what_it_cannot_read(monkeypatch: pytest.MonkeyPatch) -> None:
    falcos = {name: field for name, field in TABLE.items() if not name.startswith("falcoeks.")}
    monkeypatch.setattr("falcoeks_fast.rules.fields.lookup.TABLE", falcos)
    result = load(FILES)
    assert result.successful
    skipped = {rule.name for rule in result.rules if not rule.compiled}
    assert skipped == {rule.name for rule in load(OWN).rules}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_quiet_on_ordinary_traffic(seed: int) -> None:
    pack = Pack(FILES)
    chunk = b"".join(event + b"\n" for event in Mix(seed).events(10_000))
    batch = pack.scanner.scan_lines(chunk, _core.Origin(), last=True)
    assert batch.events == 10_000
    loud = [json.loads(line) for line in batch.text.splitlines()]
    assert [alert["output"] for alert in loud if alert["priority"] not in ("Notice", "Informational")] == []


@pytest.mark.parametrize("files", [FILES, [CORE]], ids=["folder", "one file"])
def test_each_step_of_the_demonstration_alerts(files: list[object]) -> None:
    pack = Pack([path for path in files if isinstance(path, type(CORE))])
    for step in steps(SimulatedCluster(7)):
        fired: set[str] = set()
        for event in step.events:
            text = go_json(event)
            for hole, value in zip(HOLES, ("id", "2026-11-20T08:00:00Z", "2026-11-20T08:00:01Z"), strict=True):
                text = text.replace(hole, value)
            fired |= pack.fired(json.loads(text))
        assert set(step.rules) <= fired, step.title


def test_the_first_match_is_the_most_severe(pack: Pack) -> None:
    """With Falco's default an event alerts once: no milder rule may come before a graver one."""
    first = Pack(FILES, all_enabled=True, match_all=False)
    priority = {rule.name: rule.priority for rule in pack.result.rules}
    for case in CASES:
        graves = [priority[name] for name in pack.fired(case.text)]
        assert [priority[name] for name in first.fired(case.text)] == ([min(graves)] if graves else []), case.name


def test_test_files_belong_to_rule_files() -> None:
    assert {path.name for path in TESTS.glob("[0-9]*.yaml")} == {path.name for path in FILES}


def test_the_page_on_the_rules_is_up_to_date() -> None:
    text = (REPOSITORY / "docs" / "rules.md").read_text(encoding="utf-8")
    assert text == page(PACK), "run: python -m falcoeks_fast.bench.rule_docs"


def test_each_technique_serves_a_tactic_of_its_rule() -> None:
    for entry in entries(PACK):
        for technique in entry.techniques:
            assert set(TECHNIQUES[technique][1].split()) & set(entry.tactics), (entry.info.name, technique)


def test_each_rule_says_what_to_check_in_one_paragraph(pack: Pack) -> None:
    for rule in pack.result.rules:
        assert "Check first:" in rule.desc, rule.name
        assert "\n" not in rule.desc.strip(), rule.name


@pytest.mark.parametrize(("profile", "loudest_off"), [("minimal", 3), ("default", None), ("audit", None)])
def test_profiles_select_by_tag(profile: str, loudest_off: int | None) -> None:
    tag = f"eks_{profile}"
    selections = (Selection(enable=False, rule="*"), Selection(enable=True, tag=tag))
    files = [RuleFile(path.name, path.read_bytes()) for path in FILES]
    result = load_rules(files, LoadSettings(selections=selections))
    running = {rule.name for rule in result.rules if rule.running}
    assert running == {rule.name for rule in result.rules if tag in rule.tags}
    if loudest_off is not None:
        assert all(rule.priority < loudest_off for rule in result.rules if rule.running)
