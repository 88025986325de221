"""The report of `falcoeks-fast bench` on a terminal and as a plot.

In: a `Report`. Out: text on a rich console; an image where matplotlib is installed (the extra `plot`). Called by the
command.
"""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from falcoeks_fast.bench.rows import number
from falcoeks_fast.bench.user_measure import Report

RULES_SHOWN = 12
RULES_PLOTTED = 25


def print_report(console: Console, report: Report) -> None:
    console.print(f"{report.rules} rules ({report.rules_name}) on {report.events_name}")
    facts = Table()
    facts.add_column("measure")
    facts.add_column("value", justify="right")
    for name, value in summary(report):
        facts.add_row(name, value)
    console.print(facts)
    if report.phases:
        console.print(_phases(report))
    if report.rule_costs:
        console.print(_rule_costs(report))
    for note in (report.machine, *report.notes):
        console.print(note, style="dim", highlight=False)


def summary(report: Report) -> list[tuple[str, str]]:
    lines = [
        ("events measured", f"{report.events:,}, mean {report.bytes / report.events:,.0f} bytes in the page"),
        ("events a second and core", f"{report.events_per_core_s:,.0f} (± {report.spread:.0%})"),
        ("MB a second and core", f"{report.mb_per_core_s:,.0f}"),
        ("CPU per event", f"{report.ns_per_event:,.0f} ns"),
        ("... without the prefilter", f"{report.exact_ns_per_event:,.0f} ns"),
    ]
    if report.compiled:
        lines.append(("... with the interpreter", f"{report.interpreter_ns_per_event:,.0f} ns"))
    lines += [
        ("answered by the prefilter", f"{report.prefiltered / report.events:.1%} of the events"),
        ("alerts", f"{report.alerts:,}, {report.alerts / report.events:.2%} of the events"),
        (f"for {report.rate:,.0f} events/s", f"{report.core_share:.3%} of a core, fetching not counted"),
        ("memory to recognise repeats", f"{report.seen_bytes_per_event:.0f} bytes an event"),
    ]
    if report.peak_rss_bytes:
        lines.append(("peak memory of `falcoeks-fast run` on them", f"{report.peak_rss_bytes / 1e6:.0f} MB"))
    return lines


def _phases(report: Report) -> Table:
    table = Table(title="Where the time goes, without the prefilter", title_justify="left")
    table.add_column("part")
    table.add_column("ns per event", justify="right")
    table.add_column("share", justify="right")
    total = sum(phase.ns_per_event for phase in report.phases) or 1.0
    for phase in report.phases:
        table.add_row(phase.name, number(phase.ns_per_event), f"{phase.ns_per_event / total:.0%}")
    return table


def _rule_costs(report: Report) -> Table:
    shown = report.rule_costs[:RULES_SHOWN]
    more = len(report.rule_costs) - len(shown)
    caption = f"and {more} cheaper ones (--json has all)" if more else None
    table = Table(title="Each rule alone, above reading the events", title_justify="left", caption=caption)
    table.add_column("rule", overflow="fold")
    table.add_column("ns per event", justify="right")
    table.add_column("alerts", justify="right")
    for cost in shown:
        table.add_row(cost.name, number(cost.ns_per_event), f"{cost.alerts:,}")
    return table


def plot_report(report: Report, path: Path) -> str:
    """Write the phases and the costs of the rules; what was written, or why nothing was. Raises OSError."""
    try:
        import matplotlib
    except ImportError:
        return "no plot: matplotlib is not installed (pip install 'falcoeks-fast[plot]')"
    matplotlib.use("Agg")
    from matplotlib import pyplot

    rules = report.rule_costs[:RULES_PLOTTED][::-1]
    figure, (top, bottom) = pyplot.subplots(
        2, 1, figsize=(9, 2.2 + 0.28 * max(len(rules), 4)), height_ratios=[1, max(len(rules), 4) / 3]
    )
    left = 0.0
    for phase in report.phases:
        top.barh([""], [phase.ns_per_event], left=left, label=phase.name)
        left += phase.ns_per_event
    top.axvline(report.ns_per_event, color="black", linestyle="--", label="all of it, with the prefilter")
    top.set_title(f"CPU per event, ns ({report.machine})", fontsize=9)
    top.legend(fontsize=7)
    bottom.barh([cost.name[:60] for cost in rules], [cost.ns_per_event for cost in rules])
    bottom.set_title("each rule alone, ns per event above reading", fontsize=9)
    bottom.tick_params(axis="y", labelsize=7)
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)
    return f"plot: {path}"
