"""One set of rules, evaluated on recorded events.

In: loaded rules, chunks. Out: alerts with the number of the event that caused each. Called by `comparison`.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, replace
from typing import Any

from falcoeks_fast.config import Config
from falcoeks_fast.config.model import AppendEntry
from falcoeks_fast.engine._core import Batch, Format, Numbering, Origin, RuleSet, Scanner, SeenSet
from falcoeks_fast.rules import LoadResult

from .events import Chunk, scan

_NUMBER = "evt.num"
_AUDIT_ID = "ka.auditid"


@dataclass(frozen=True, slots=True)
class ReplayedAlert:
    """`event`: its number, counted from 1. `time`: ISO 8601 in UTC. `text`: without time and priority."""

    event: int
    rule: str
    priority: str
    text: str
    time: str
    audit_id: str

    @property
    def line(self) -> str:
        return f"{self.time} {self.priority} {self.text} (event {self.event}, auditID {self.audit_id})"


def numbered(config: Config) -> Config:
    """The configuration under which rules must be loaded for a `Side`: alerts carry the number of their event."""
    entry = AppendEntry(fields=((_NUMBER, None), (_AUDIT_ID, None)))
    return replace(config, append_output=(*config.append_output, entry))


class Side:
    """Not thread-safe."""

    def __init__(self, name: str, result: LoadResult, *, match_all: bool) -> None:
        """`result`: loaded under `numbered(config)`."""
        plan = result.plan
        assert plan is not None
        self.name = name
        self.rules = list(result.order)
        style = Format(json_output=True, include_message=True, include_tags=False)
        rules = RuleSet(plan.wire(), plan.predicate_digest(), style, match_all=match_all)
        self._scanner = Scanner(rules, Numbering())
        self._seen: dict[Origin, SeenSet] = {}

    def alerts(self, chunk: Chunk, origin: Origin) -> tuple[Batch, list[ReplayedAlert]]:
        """`origin`: one object for each log group. Raises ValueError for a page that is none."""
        if origin not in self._seen:
            self._seen[origin] = SeenSet(secrets.token_bytes(16))
        batch = scan(self._scanner, chunk, origin, self._seen[origin])
        return batch, [_alert(json.loads(line)) for line in batch.text.splitlines()]


def _alert(alert: dict[str, Any]) -> ReplayedAlert:
    fields = alert["output_fields"]
    return ReplayedAlert(
        int(fields[_NUMBER]),
        alert["rule"],
        alert["priority"],
        alert["message"],
        alert["time"],
        str(fields.get(_AUDIT_ID) or ""),
    )
