"""Alerts about the program itself: metrics snapshots, failed reloads.

In: rule name, text, fields. Out: an alert in the shape of Falco's internal messages (spec: outputs 4.4). Called by the
app; no rule, threshold or `json_include_*` switch is involved.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass

from .escaping import escape_text
from .outputs.parcel import Alert, own_alert
from .statistics import PRIORITY_NAMES

CRITICAL = 2
INFORMATIONAL = 6
ALERTS_DROPPED = "Falco internal: alerts dropped"
HOT_RESTART_FAILURE = "Falco internal: hot restart failure"
REPEATS_HELD_BACK = "Falco internal: repeats held back"
METRICS_SNAPSHOT = "Falco internal: metrics snapshot"

FieldValue = str | int | float | None


@dataclass(frozen=True, slots=True)
class InternalFormat:
    json_output: bool
    iso8601: bool
    hostname: str


def internal_alert(
    style: InternalFormat, rule: str, priority: int, output: str, fields: Mapping[str, FieldValue], time_ns: int
) -> Alert:
    """`time_ns`: nanoseconds since the epoch."""
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    if style.json_output:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
        record = {
            "hostname": style.hostname,
            "output": output,
            "output_fields": dict(sorted(fields.items())),
            "priority": PRIORITY_NAMES[priority],
            "rule": rule,
            "source": "internal",
            "time": f"{stamp}.{nanoseconds:09d}Z",
        }
        return own_alert(_json(record).encode("utf-8", "replace"), priority)
    if style.iso8601:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{nanoseconds:09d}+0000"
    else:
        stamp = time.strftime("%H:%M:%S", time.localtime(seconds)) + f".{nanoseconds:09d}"
    shown = " ".join(f"{name}={_json(value)}" for name, value in sorted(fields.items()))
    text = f"{stamp}: {PRIORITY_NAMES[priority]} {escape_text(output)}"
    if shown:
        text += f" ({escape_text(shown)})"
    return own_alert(text.encode("utf-8", "replace"), priority)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
