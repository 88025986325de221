"""Evaluates plans on one event that is at hand as bytes.

In: an audit event as JSON, plans. Out: which rules fired, with their messages. Called by `explain` and by rule tests.
"""

from __future__ import annotations

from collections.abc import Callable

from falcoeks_fast.engine._core import Format, Numbering, Origin, RuleSet, Scanner
from falcoeks_fast.rules.plan import Plan


class EventError(Exception):
    """The bytes are not exactly one audit event; the message says what they are."""


def evaluator(event: bytes) -> Callable[[Plan], dict[int, str]]:
    """Runs a plan on the event: number of each rule that fired -> its message. The function raises EventError."""

    def evaluate(plan: Plan) -> dict[int, str]:
        style = Format(json_output=False, include_message=True)
        rules = RuleSet(plan.wire(), plan.predicate_digest(), style, match_all=True)
        batch = Scanner(rules, Numbering(), prefilter=False).scan_payload(event, Origin())
        if batch.events != 1:
            raise EventError(f"{batch.events} audit events; give exactly one, as a JSON object")
        fired = {}
        for index in range(batch.alert_count):
            alert = batch.alert(index)
            body = alert.body.decode("utf-8", "replace")
            fired[alert.rule_index] = body.split(": ", 1)[1].partition(" ")[2]
        return fired

    return evaluate
