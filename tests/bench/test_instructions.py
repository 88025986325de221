"""The check of instruction counts: what passes, what fails, what is skipped. Counting itself is not run here."""

from pathlib import Path

import pytest

from falcoeks_fast.bench import instructions
from falcoeks_fast.bench.instructions import CASES, Counted, compare, prepare, read_baseline
from falcoeks_fast.engine import _core

TOOLS = "some compiler, some valgrind"
BASELINE: dict[str, dict[str, object]] = {
    TOOLS: {"workload": "w", "instructions_per_event": {"prefilter on": 1000, "floor": 1000}}
}


def counted(now: int, *, tools: str = TOOLS, workload: str = "w", floor: int = 1000) -> Counted:
    return Counted(tools, workload, {"prefilter on": now, "floor": floor})


@pytest.mark.parametrize(("now", "passes"), [(500, True), (1000, True), (1050, True), (1051, False)])
def test_growth_beyond_five_percent_fails(now: int, passes: bool) -> None:
    lines, passed = compare(counted(now), BASELINE)
    assert passed is passes
    assert ("commit a new baseline" in lines[0]) is not passes


def test_the_floor_is_no_part_of_the_promise() -> None:
    assert compare(counted(1000, floor=9000), BASELINE)[1]


def test_other_tools_are_skipped_and_named() -> None:
    lines, passed = compare(counted(9000, tools="another compiler"), BASELINE)
    assert passed
    assert lines == ["instructions per event: skipped, no baseline for another compiler"]


def test_another_workload_needs_a_new_baseline() -> None:
    lines, passed = compare(counted(1000, workload="other"), BASELINE)
    assert not passed
    assert "--update" in lines[0]


def test_without_valgrind_the_check_says_so_and_passes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert instructions.main(["--check"]) == 0
    assert capsys.readouterr().out == "instructions per event: skipped, valgrind is not installed\n"


def test_the_committed_baseline_fits_the_workload(tmp_path: Path) -> None:
    baseline = read_baseline()
    if not baseline:
        pytest.skip("bench/baseline.json is no part of an installed package")
    workload = prepare(tmp_path)
    for tools, entry in baseline.items():
        assert f"simdjson {_core.SIMDJSON_VERSION}" in tools
        assert entry["workload"] == workload, "bench/mix*.py or bench/rulegen.py changed: run instructions --update"
        assert tuple(entry["instructions_per_event"]) == CASES  # type: ignore[arg-type]
