"""Rows of a table: which goals are reached, and how they read."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from falcoeks_fast.bench.measure import Ratio
from falcoeks_fast.bench.rows import Row, Table, number, ratio_row
from falcoeks_fast.bench.table_print import plot_table, print_table

FAST = ratio_row("fast", "fast enough", "x floor", Ratio(2.5, 2.4, 2.6), 2.2)
LARGE = Row("large", "memory", "MB", 130.0, 120.0, at_least=False)
UNKNOWN = Row("unknown", "threads", "x", None, 1.8, note="only one core, see falcoeks-fast[plot]")
FIGURE = Row("figure", "a figure", "ns", 1234.0)
WORDS = Row("words", "simulated", "", None, words=("0 lost", "0 lost, 0 repeated", True))


def test_reached() -> None:
    assert [row.reached for row in (FAST, LARGE, UNKNOWN, FIGURE, WORDS)] == [True, False, None, None, True]


def test_texts() -> None:
    assert (FAST.goal_text, FAST.value_text) == ("≥ 2.2 x floor", "2.50 x floor (2.40 to 2.60)")
    assert (LARGE.goal_text, LARGE.value_text) == ("≤ 120 MB", "130 MB")
    assert (UNKNOWN.goal_text, UNKNOWN.value_text) == ("≥ 1.8 x", "not measured")
    assert (WORDS.goal_text, WORDS.value_text) == ("0 lost", "0 lost, 0 repeated")


@pytest.mark.parametrize(("value", "text"), [(0.853, "0.85"), (12.34, "12.3"), (1234.5, "1,234"), (-0.5, "-0.50")])
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert number(value) == text


def table() -> Table:
    made = Table("goals", {"machine": "a box"})
    made.add(([FAST, LARGE, UNKNOWN, FIGURE, WORDS], {"floor": 500_000.4}))
    return made


def test_the_printed_table_holds_every_row_with_its_verdict() -> None:
    console = Console(width=150, record=True, force_terminal=False)
    print_table(console, table())
    text = console.export_text()
    for row in table().rows:
        assert row.measure in text
        assert row.value_text in text
    assert text.count("reached") == 2
    assert text.count("missed") == 1
    assert "only one core, see falcoeks-fast[plot]" in text
    assert "a box" in text
    assert "500,000" in text


def test_json_says_what_was_reached() -> None:
    document = json.loads(json.dumps(table().json()))
    assert [row["reached"] for row in document["rows"]] == [True, False, None, None, True]
    assert document["events_per_cpu_s"] == {"floor": 500_000}


def test_the_plot_is_written_or_it_is_said_why_not(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "plot.svg"
    said = plot_table(table(), path)
    assert path.is_file() == (said == f"plot: {path}")
    assert path.is_file() or "matplotlib" in said
