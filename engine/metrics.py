"""Prometheus exposition.

In: metric families. Out: text of format 0.0.4. Called by the app for `/metrics`. Unlike Falco, HELP and TYPE stand once
for each family and label values are escaped, so that strict parsers take it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

CONTENT_TYPE = "text/plain; version=0.0.4"
FALCO_HELP = "https://falco.org/docs/metrics/"
_NOT_IN_LABELS = re.compile(r"[^A-Za-z0-9_]+")
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


class MetricKind(Enum):
    COUNTER = "counter"
    GAUGE = "gauge"


@dataclass(slots=True)
class Family:
    """Samples of one name. `samples` are (labels, value)."""

    name: str
    kind: MetricKind
    help: str = FALCO_HELP
    samples: list[tuple[dict[str, str], int | float]] = field(default_factory=list)

    def add(self, value: int | float, labels: Mapping[str, str] | None = None) -> Family:
        self.samples.append((dict(labels or {}), value))
        return self


def label_name(text: str) -> str:
    """Everything but letters, digits and `_` becomes `_`, runs of it one; as Falco does for tags."""
    return re.sub(r"_+", "_", _NOT_IN_LABELS.sub("_", text))


def exposition(families: Iterable[Family]) -> bytes:
    """Families without samples are left out."""
    lines: list[str] = []
    for family in families:
        if not family.samples:
            continue
        lines.append(f"# HELP {family.name} {family.help}")
        lines.append(f"# TYPE {family.name} {family.kind.value}")
        for labels, value in family.samples:
            inner = ",".join(f'{name}="{text.translate(_ESCAPES)}"' for name, text in sorted(labels.items()))
            shown = str(value) if isinstance(value, int) else f"{value:.6f}"
            lines.append(f"{family.name}{{{inner}}} {shown}" if inner else f"{family.name} {shown}")
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")
