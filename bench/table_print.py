"""A table on the terminal and as a plot.

In: a `Table`. Out: text on a rich console; an image where matplotlib is installed (the extra `plot`). Called by
`table`.
"""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from falcoeks_fast.bench.rows import Row, Table, number

_VERDICTS = {True: "[green]reached[/]", False: "[red]missed[/]", None: ""}


def print_table(console: Console, table: Table) -> None:
    grid = RichTable(title=table.title, title_justify="left", caption_justify="left")
    for name, style in (("measure", ""), ("goal", ""), ("measured (least to greatest)", "bold"), ("", "")):
        grid.add_column(name, style=style, overflow="fold")
    for row in table.rows:
        if row.words is not None:
            continue
        measure = escape(row.measure) + (f"\n[dim]{escape(row.note)}[/]" if row.note else "")
        grid.add_row(measure, row.goal_text, row.value_text, _VERDICTS[row.reached])
    if grid.rows:
        console.print(grid)
    for row in table.rows:
        if row.words is not None:
            goal, value, _ = row.words
            console.print(f"{_VERDICTS[row.reached]} [bold]{escape(row.measure)}[/] [dim]({escape(row.note)})[/]")
            console.print(f"  goal      {goal}\n  measured  {value}", markup=False)
    if table.speeds:
        speeds = RichTable(title="Events per CPU second", title_justify="left")
        speeds.add_column("case")
        speeds.add_column("events/s", justify="right")
        speeds.add_column("ns per event", justify="right")
        for name, speed in table.speeds.items():
            speeds.add_row(name, f"{speed:,.0f}", number(1e9 / speed))
        console.print(speeds)
    for name, value in table.machine.items():
        console.print(f"{name}: {value}", style="dim", highlight=False, markup=False)


def plot_table(table: Table, path: Path) -> str:
    """Write measured over goal as bars; what was written, or why nothing was."""
    try:
        import matplotlib
    except ImportError:
        return "no plot: matplotlib is not installed (pip install 'falcoeks-fast[plot]')"
    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = [row for row in table.rows if row.reached is not None and row.words is None][::-1]
    figure, axes = pyplot.subplots(figsize=(9, 0.42 * len(rows) + 1.2))
    scores = [_score(row) for row in rows]
    colours = ["#2a7f4f" if row.reached else "#b3402a" for row in rows]
    axes.barh([row.measure for row in rows], scores, color=colours)
    axes.axvline(1.0, color="black", linewidth=1)
    for position, (row, score) in enumerate(zip(rows, scores, strict=True)):
        text = f" {number(row.value or 0)} {row.unit}, goal {row.goal_text}"
        axes.text(score, position, text, va="center", fontsize=7)
    axes.set_xlim(0, max(scores, default=1) * 1.6)
    axes.set_xlabel("how far beyond the goal (1 = just reached)")
    axes.tick_params(axis="y", labelsize=8)
    axes.set_title(table.machine.get("machine", ""), fontsize=8)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    pyplot.close(figure)
    return f"plot: {path}"


def _score(row: Row) -> float:
    value, goal = row.value or 0.0, row.goal or 1.0
    if row.at_least:
        return value / goal
    return goal / value if value else 0.0
