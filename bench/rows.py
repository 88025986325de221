"""Rows of a benchmark table: a question, a goal, what was measured.

In: what the measuring modules found. Out: `Row`, `Table`, their JSON. Called by the tables and their printer.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from falcoeks_fast.bench.measure import Ratio


@dataclass(frozen=True, slots=True)
class Row:
    """`goal` None: a figure without one. `at_least`: the goal is a lower bound, else an upper one.

    `value` None: not measured, and `note` says why. `words`: goal, what was measured and whether that reaches it, for
    rows that are more than one number.
    """

    key: str
    measure: str
    unit: str
    value: float | None
    goal: float | None = None
    at_least: bool = True
    low: float | None = None
    high: float | None = None
    note: str = ""
    words: tuple[str, str, bool] | None = None

    @property
    def reached(self) -> bool | None:
        if self.words is not None:
            return self.words[2]
        if self.value is None or self.goal is None:
            return None
        return self.value >= self.goal if self.at_least else self.value <= self.goal

    @property
    def goal_text(self) -> str:
        if self.words is not None:
            return self.words[0]
        if self.goal is None:
            return ""
        return f"{'≥' if self.at_least else '≤'} {self.goal:g} {self.unit}"

    @property
    def value_text(self) -> str:
        if self.words is not None:
            return self.words[1]
        if self.value is None:
            return "not measured"
        spread = "" if self.low is None or self.high is None else f" ({number(self.low)} to {number(self.high)})"
        return f"{number(self.value)} {self.unit}{spread}"


@dataclass(slots=True)
class Table:
    """`speeds`: events per CPU second of the cases that the ratios come from."""

    title: str
    machine: dict[str, str]
    rows: list[Row] = field(default_factory=list)
    speeds: dict[str, float] = field(default_factory=dict)

    def add(self, measured: Measured) -> None:
        rows, speeds = measured
        self.rows.extend(rows)
        self.speeds |= speeds

    def json(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "machine": self.machine,
            "rows": [asdict(row) | {"reached": row.reached} for row in self.rows],
            "events_per_cpu_s": {name: round(speed) for name, speed in self.speeds.items()},
        }


Measured = tuple[list[Row], dict[str, float]]
"""Rows, and events per CPU second of the cases behind them."""


def ratio_row(
    key: str, measure: str, unit: str, ratio: Ratio, goal: float | None, *, at_least: bool = True, note: str = ""
) -> Row:
    return Row(key, measure, unit, ratio.median, goal, at_least, ratio.low, ratio.high, note)


def number(value: float) -> str:
    """Three significant digits, no exponents."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
