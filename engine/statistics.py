"""Counts of alerts and events since the start.

In: what each batch gave. Out: totals for the statistics at exit, for status lines and metrics. Called by the app's
sinks (count) and by everything that reports. Counts live on over reloads; rules are known by name.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields

from .escaping import escape_text

SEVERITIES = ("EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG")
PRIORITY_NAMES = ("Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug")


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """What reports say about a rule that may fire. `priority` counts from 0, emergency."""

    name: str
    priority: int
    source: str = "k8s_audit"
    tags: tuple[str, ...] = ()


@dataclass(slots=True)
class EventCounts:
    """Sums of the counters of batches, see `Batch` in the native core; of one cluster or input."""

    events: int = 0
    messages: int = 0
    repeated: int = 0
    malformed: int = 0
    not_audit: int = 0
    bad_time: int = 0
    oversize: int = 0
    truncated: int = 0
    prefiltered: int = 0
    alerts: int = 0
    suppressed: int = 0
    collapsed: int = 0
    unaccepted: int = 0

    def add(self, other: EventCounts) -> None:
        for entry in fields(self):
            setattr(self, entry.name, getattr(self, entry.name) + getattr(other, entry.name))


@dataclass(frozen=True, slots=True)
class Totals:
    """A consistent copy. `rules` holds every rule that fired, in the order in which rules were defined."""

    events: EventCounts
    by_input: dict[str, EventCounts]
    rules: tuple[tuple[RuleFacts, int], ...]

    @property
    def alerts(self) -> int:
        return sum(count for _, count in self.rules)


@dataclass(slots=True)
class _Rule:
    facts: RuleFacts
    order: int
    count: int = 0


@dataclass(slots=True)
class Statistics:
    """Thread-safe."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _rules: dict[str, _Rule] = field(default_factory=dict)
    _inputs: dict[str, EventCounts] = field(default_factory=dict)

    def define(self, rules: Sequence[RuleFacts]) -> None:
        """Rules of a new generation. Counts stay; the order is that of the newest definition."""
        with self._lock:
            for order, facts in enumerate(rules):
                known = self._rules.get(facts.name)
                self._rules[facts.name] = _Rule(facts, order, known.count if known else 0)

    def add(self, name: str, counts: EventCounts, rules: Iterable[tuple[RuleFacts, int]]) -> None:
        """Count one batch that came from the input `name`."""
        with self._lock:
            self._inputs.setdefault(name, EventCounts()).add(counts)
            for facts, count in rules:
                entry = self._rules.get(facts.name)
                if entry is None:
                    entry = self._rules[facts.name] = _Rule(facts, len(self._rules))
                entry.count += count

    def totals(self) -> Totals:
        with self._lock:
            total = EventCounts()
            by_input = {}
            for name, counts in self._inputs.items():
                total.add(counts)
                by_input[name] = EventCounts(*(getattr(counts, entry.name) for entry in fields(counts)))
            fired = sorted((rule for rule in self._rules.values() if rule.count), key=lambda rule: rule.order)
            return Totals(total, by_input, tuple((rule.facts, rule.count) for rule in fired))


def exit_statistics(totals: Totals) -> str:
    """What Falco prints on standard output when it ends. "Events" are alerts there."""
    by_severity = [0] * len(SEVERITIES)
    for facts, count in totals.rules:
        by_severity[facts.priority] += count
    lines = [f"Events detected: {totals.alerts}", "Rule counts by severity:"]
    lines += [f"   {name}: {count}" for name, count in zip(SEVERITIES, by_severity, strict=True) if count]
    lines.append("Triggered rules by rule name:")
    lines += [f"   {escape_text(facts.name)}: {count}" for facts, count in totals.rules]
    return "\n".join(lines) + "\n"
