"""Lines up two streams of alerts and names what only one has.

In: JSON alerts, one on each line; lines that are no JSON (statistics) are counted and skipped. Out: `AlertDiff`. Called
by `diff-alerts`. Two alerts are the same if rule, event time and output agree; with key fields, rule and these fields.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class AlertFileError(Exception):
    """A file cannot be read; the message says which one and why."""


@dataclass(slots=True)
class AlertStream:
    """`other_lines`: lines that are no alert. `internal`: alerts of a program about itself, left out."""

    name: str
    alerts: list[dict[str, Any]] = field(default_factory=list)
    other_lines: int = 0
    internal: int = 0


def read_alerts(path: str) -> AlertStream:
    """Raises AlertFileError."""
    stream = AlertStream(path)
    try:
        content = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise AlertFileError(f"{path} cannot be read: {error.strerror}") from error
    for line in content.split(b"\n"):
        if not line.strip():
            continue
        alert = _alert(line)
        if alert is None:
            stream.other_lines += 1
        elif alert.get("source") == "internal":
            stream.internal += 1
        else:
            stream.alerts.append(alert)
    return stream


def _alert(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and isinstance(value.get("rule"), str) else None


class AlertDiff:
    """`keys`: names in output_fields that identify an event; none: rule, time and output do."""

    def __init__(self, ours: AlertStream, falcos: AlertStream, keys: Sequence[str] = ()) -> None:
        self._streams = (ours, falcos)
        self._keys = tuple(keys)
        left, right = (self._by_identity(stream.alerts) for stream in self._streams)
        self.both = sum(min(len(left[key]), len(right[key])) for key in left.keys() & right.keys())
        self.only_ours = _surplus(left, right)
        self.only_falcos = _surplus(right, left)

    @property
    def differs(self) -> bool:
        return bool(self.only_ours or self.only_falcos)

    def text(self, examples: int) -> str:
        """For people; lines ended by LF."""
        ours, falcos = self._streams
        lines = [
            f"{len(ours.alerts)} alerts in {ours.name}, {len(falcos.alerts)} in {falcos.name}: {self.both} are the same"
        ]
        for stream in self._streams:
            if stream.other_lines or stream.internal:
                lines.append(
                    f"{stream.name}: {stream.other_lines} lines are no alert, {stream.internal} are about the program"
                )
        for stream, only in ((ours, self.only_ours), (falcos, self.only_falcos)):
            lines += self._side(stream.name, only, examples)
        return "\n".join(lines) + "\n"

    def as_json(self, examples: int) -> dict[str, object]:
        return {
            "same": self.both,
            "only_ours": _grouped(self.only_ours, examples),
            "only_falcos": _grouped(self.only_falcos, examples),
        }

    def _side(self, name: str, only: list[dict[str, Any]], examples: int) -> list[str]:
        if not only:
            return []
        lines = ["", f"Only in {name}: {len(only)}"]
        counts = Counter(alert["rule"] for alert in only)
        for rule, count in counts.most_common():
            lines.append(f"  {rule}: {count}")
            shown = [alert for alert in only if alert["rule"] == rule][:examples]
            lines += [f"    {alert.get('time', '')} {alert.get('output', '')}" for alert in shown]
            if count > len(shown):
                lines.append(f"    ... and {count - len(shown)} more")
        return lines

    def _by_identity(self, alerts: Iterable[dict[str, Any]]) -> dict[tuple[object, ...], list[dict[str, Any]]]:
        found: dict[tuple[object, ...], list[dict[str, Any]]] = defaultdict(list)
        for alert in alerts:
            found[self._identity(alert)].append(alert)
        return found

    def _identity(self, alert: dict[str, Any]) -> tuple[object, ...]:
        if not self._keys:
            return alert["rule"], alert.get("time"), alert.get("output")
        fields = alert.get("output_fields")
        values = fields if isinstance(fields, dict) else {}
        return alert["rule"], *(json.dumps(values.get(key), sort_keys=True) for key in self._keys)


def _surplus(
    left: dict[tuple[object, ...], list[dict[str, Any]]], right: dict[tuple[object, ...], list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    """What `left` has more than `right`, in order of time."""
    more = [alert for key, alerts in left.items() for alert in alerts[len(right.get(key, ())) :]]
    return sorted(more, key=lambda alert: str(alert.get("time", "")))


def _grouped(alerts: list[dict[str, Any]], examples: int) -> list[dict[str, object]]:
    counts = Counter(alert["rule"] for alert in alerts)
    return [
        {"rule": rule, "count": count, "examples": [alert for alert in alerts if alert["rule"] == rule][:examples]}
        for rule, count in counts.most_common()
    ]
