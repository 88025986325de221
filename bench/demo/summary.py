"""What the demonstration shows: alerts as they come, and at the end what came of it.

In: alerts (dictionaries) with the time of their arrival, and what was written. Out: lines on the terminal. Called by
`demo.__main__`.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from falcoeks_fast.bench.demo.writer import Written

STYLES = {"Critical": "bold white on red", "Error": "bold red", "Warning": "yellow", "Notice": "cyan"}


class Summary:
    """Counts alerts and delays; prints."""

    def __init__(self, console: Console, written: Written) -> None:
        self._console = console
        self._written = written
        self._alerts: Counter[tuple[str, str]] = Counter()
        self._delays: list[float] = []
        self._seen: set[tuple[str, str]] = set()
        self.repeated = 0

    def alert(self, alert: dict[str, Any], arrived: float) -> None:
        """Print one alert. `arrived`: time.monotonic() when its line was read."""
        rule, priority = alert["rule"], alert["priority"]
        audit_id = str((alert.get("output_fields") or {}).get("ka.auditid", ""))
        if audit_id:
            self.repeated += (audit_id, rule) in self._seen
            self._seen.add((audit_id, rule))
        self._alerts[priority, rule] += 1
        written = self._written.at.get(audit_id)
        delay = ""
        if written is not None:
            self._delays.append(arrived - written)
            delay = f"{(arrived - written) * 1000:5.0f} ms"
        line = Text.assemble(
            (str(alert.get("time", ""))[11:23], "dim"),
            " ",
            (f"{priority:<8}", STYLES.get(priority, "")),
            f" {delay:>8} ",
            (rule, "bold"),
            "  ",
            (_body(str(alert.get("output", ""))), "dim"),
        )
        self._console.print(line, no_wrap=True, overflow="ellipsis", crop=True)

    def missing(self) -> list[tuple[str, str]]:
        """(step, rule) of every step of the attack that was written and has not alerted."""
        fired = {rule for _, rule in self._seen}
        return [(step.title, rule) for step in self._written.steps for rule in step.rules if rule not in fired]

    def show(self) -> None:
        """The closing table."""
        table = Table(title="Alerts by rule", title_justify="left")
        for column in ("priority", "rule", "alerts"):
            table.add_column(column, justify="right" if column == "alerts" else "left")
        order = list(STYLES)
        for (priority, rule), count in sorted(self._alerts.items(), key=lambda item: _rank(order, item[0][0])):
            table.add_row(Text(priority, STYLES.get(priority, "")), rule, str(count))
        self._console.print(table)
        alerts = sum(self._alerts.values())
        self._console.print(f"{self._written.events} audit events written, {alerts} alerts, {self.repeated} repeated")
        if self._delays:
            delays = sorted(self._delays)
            middle, high = (delays[int((len(delays) - 1) * share)] for share in (0.5, 0.95))
            self._console.print(
                f"From written to alert: p50 {middle:.2f} s, p95 {high:.2f} s, longest {delays[-1]:.2f} s"
            )
        for title, rule in self.missing():
            self._console.print(f"[bold red]Not seen:[/] {title} (rule {rule})")


def _rank(order: list[str], priority: str) -> int:
    return order.index(priority) if priority in order else len(order)


def _body(output: str) -> str:
    """The output without Falco's time and priority in front, on one line."""
    return " ".join(output.partition(": ")[2].partition(" ")[2].split()) or output
