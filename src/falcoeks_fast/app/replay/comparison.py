"""What a change of rules alerts more and less.

In: chunks of events. Out: counts by rule with examples, as text or JSON. Called by `diff`. Two alerts belong together
if they are of the same event and rule; if then priority or text differ, the alert is changed.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from falcoeks_fast.engine._core import Batch, Origin

from .events import Chunk
from .side import ReplayedAlert, Side

_ODD = (
    ("malformed", "no JSON"),
    ("not_audit", "no audit event"),
    ("bad_time", "without a usable time"),
    ("truncated", "cut, evaluated on what is there"),
)
_NAMES_SHOWN = 10


@dataclass(slots=True)
class Group:
    """Alerts of one rule. `examples`: the first ones; of changed alerts in pairs, old and new."""

    count: int = 0
    examples: list[tuple[ReplayedAlert, ...]] = field(default_factory=list)


class Comparison:
    """Thread-safe. Memory grows with the number of rules, not of alerts; of pages, event ids are remembered."""

    def __init__(self, old: Side, new: Side, *, examples: int = 3) -> None:
        self._sides = (old, new)
        self._examples = examples
        self._lock = threading.Lock()
        self._odd: Counter[str] = Counter()
        self.events = 0
        self.totals = [0, 0]
        self.same = 0
        self.more: dict[str, Group] = defaultdict(Group)
        self.less: dict[str, Group] = defaultdict(Group)
        self.changed: dict[str, Group] = defaultdict(Group)
        self.moved: Counter[tuple[str, str]] = Counter()

    @property
    def differs(self) -> bool:
        return bool(self.more or self.less or self.changed)

    def add(self, chunk: Chunk, origin: Origin) -> Batch:
        """Evaluate a chunk with both sets; the batch of the new one. Raises ValueError for a page that is none."""
        with self._lock:
            (_, left), (batch, right) = (side.alerts(chunk, origin) for side in self._sides)
            self.events += batch.events
            for name, _ in _ODD:
                self._odd[name] += getattr(batch, name)
            self.totals[0] += len(left)
            self.totals[1] += len(right)
            self._line_up(left, right)
            return batch

    def _line_up(self, left: list[ReplayedAlert], right: list[ReplayedAlert]) -> None:
        before = {(alert.event, alert.rule): alert for alert in left}
        after = {(alert.event, alert.rule): alert for alert in right}
        lost: dict[int, list[str]] = defaultdict(list)
        for key, alert in before.items():
            if key not in after:
                self._note(self.less, alert)
                lost[alert.event].append(alert.rule)
        for key, alert in after.items():
            former = before.get(key)
            if former is None:
                self._note(self.more, alert)
                self.moved.update((rule, alert.rule) for rule in lost.get(alert.event, ()))
            elif (former.priority, former.text) != (alert.priority, alert.text):
                self._note(self.changed, former, alert)
            else:
                self.same += 1

    def _note(self, groups: dict[str, Group], *alerts: ReplayedAlert) -> None:
        group = groups[alerts[0].rule]
        group.count += 1
        if len(group.examples) < self._examples:
            group.examples.append(alerts)

    def text(self) -> str:
        """For people; lines ended by LF."""
        old, new = self._sides
        lines = [
            f"OLD {old.name}: {_many(len(old.rules), 'rule')}, {_many(self.totals[0], 'alert')}",
            f"NEW {new.name}: {_many(len(new.rules), 'rule')}, {_many(self.totals[1], 'alert')}",
            f"{_many(self.events, 'event')} evaluated; {_many(self.same, 'alert')} the same",
        ]
        lines += [f"{self._odd[name]} messages {text}" for name, text in _ODD if self._odd[name]]
        for names, heading in (
            (_only(new, old), "Rules that only NEW has"),
            (_only(old, new), "Rules that only OLD has"),
        ):
            if names:
                more = f", ... and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
                lines += ["", f"{heading}: {', '.join(names[:_NAMES_SHOWN])}{more}"]
        lines += self._side("More with NEW", self.more)
        lines += self._side("Less with NEW", self.less)
        lines += self._side("Another priority or text with NEW", self.changed)
        if self.moved:
            lines += ["", "Events that alert for another rule now:"]
            lines += [f"  {before} -> {after}: {count}" for (before, after), count in _ranked(self.moved)]
        if not self.differs:
            lines += ["", "No difference."]
        return "\n".join(lines) + "\n"

    def _side(self, heading: str, groups: dict[str, Group]) -> list[str]:
        if not groups:
            return []
        lines = ["", f"{heading}: {_many(sum(group.count for group in groups.values()), 'alert')}"]
        for rule, group in sorted(groups.items(), key=lambda entry: (-entry[1].count, entry[0])):
            lines.append(f"  {rule}: {group.count}")
            for example in group.examples:
                marks = ("",) if len(example) == 1 else ("- ", "+ ")
                lines += [f"    {mark}{alert.line}" for mark, alert in zip(marks, example, strict=True)]
            if group.count > len(group.examples):
                lines.append(f"    ... and {group.count - len(group.examples)} more")
        return lines

    def as_json(self) -> dict[str, object]:
        old, new = self._sides
        return {
            "events": self.events,
            "old": {"rules": len(old.rules), "alerts": self.totals[0]},
            "new": {"rules": len(new.rules), "alerts": self.totals[1]},
            "same": self.same,
            "more": _grouped(self.more),
            "less": _grouped(self.less),
            "changed": _grouped(self.changed),
            "moved": [{"from": a, "to": b, "count": count} for (a, b), count in _ranked(self.moved)],
        }


def _grouped(groups: dict[str, Group]) -> dict[str, object]:
    return {
        rule: {"count": group.count, "examples": [[alert.line for alert in example] for example in group.examples]}
        for rule, group in sorted(groups.items())
    }


def _ranked(counts: Counter[tuple[str, str]]) -> list[tuple[tuple[str, str], int]]:
    return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))


def _only(one: Side, other: Side) -> list[str]:
    return sorted(set(one.rules) - set(other.rules))


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
