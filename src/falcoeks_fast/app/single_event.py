"""Evaluates plans on one event that is at hand as bytes.

In: an audit event as JSON, plans. Out: which rules fired, with their messages. Called by `explain` and by rule tests.
An event that CloudWatch Logs cut, which shows in the mark at its end, is evaluated as the log event that it was.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from falcoeks_fast.engine._core import Batch, Format, Numbering, Origin, RuleSet, Scanner
from falcoeks_fast.rules.plan import Plan

CUT_MARK = b"[Truncated...]"
"""What CloudWatch Logs ends a message with that it cut."""


class EventError(Exception):
    """The bytes are not exactly one audit event; the message says what they are."""


def scan_event(scanner: Scanner, event: bytes) -> Batch:
    """Evaluate an event in JSON. One that was cut has lost its time, and gets the present one."""
    if not event.rstrip().endswith(CUT_MARK):
        return scanner.scan_payload(event, Origin())
    message = {"timestamp": time.time_ns() // 1_000_000, "message": event.decode("utf-8", "replace")}
    return scanner.scan_page(json.dumps({"events": [message]}).encode(), Origin())


def evaluator(event: bytes) -> Callable[[Plan], dict[int, str]]:
    """Runs a plan on the event: number of each rule that fired -> its message. The function raises EventError."""

    def evaluate(plan: Plan) -> dict[int, str]:
        style = Format(json_output=False, include_message=True)
        rules = RuleSet(plan.wire(), plan.predicate_digest(), style, match_all=True)
        batch = scan_event(Scanner(rules, Numbering(), prefilter=False), event)
        if batch.events != 1:
            raise EventError(f"{batch.events} audit events; give exactly one, as a JSON object")
        fired = {}
        for index in range(batch.alert_count):
            alert = batch.alert(index)
            body = alert.body.decode("utf-8", "replace")
            fired[alert.rule_index] = body.split(": ", 1)[1].partition(" ")[2]
        return fired

    return evaluate
