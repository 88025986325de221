"""One line a minute in the log: what the program does, and how well.

In: totals, output states, the source's status. Out: log lines. Called by the main loop.
"""

from __future__ import annotations

import logging

from falcoeks_fast.engine.outputs.channel import ChannelState
from falcoeks_fast.engine.statistics import Totals
from falcoeks_fast.poller.status import SourceStatus

_log = logging.getLogger("falcoeks_fast.status")


def log_status(source: SourceStatus | None, totals: Totals, outputs: list[ChannelState], predicates: str) -> None:
    if source is not None:
        for cluster in source.clusters:
            _log.info("Status: %s", cluster.line)
    _log.info("Status: %s; %s; %s", _events(totals), _outputs(outputs), predicates)


def _events(totals: Totals) -> str:
    counts = totals.events
    text = f"{counts.events} events, {counts.alerts} alerts"
    odd = (
        ("malformed", counts.malformed),
        ("no audit event", counts.not_audit),
        ("bad time", counts.bad_time),
        ("too large", counts.oversize),
        ("cut", counts.truncated),
        ("not accepted", counts.unaccepted),
    )
    return text + "".join(f", {number} {name}" for name, number in odd if number)


def _outputs(states: list[ChannelState]) -> str:
    if not states:
        return "shadow mode, nothing is delivered"
    parts = []
    for state in states:
        part = f"{state.name} {state.delivered} delivered"
        for name in ("queued", "spooled", "retried", "refused", "dropped"):
            if value := getattr(state, name):
                part += f", {value} {name}"
        if state.trouble:
            part += f" ({state.trouble})"
        parts.append(part)
    return "; ".join(parts)
