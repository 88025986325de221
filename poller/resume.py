"""Where the passes of a cluster begin: at the checkpoint, or a little before now.

In: the settings, the clock, what was stored. Out: a `Ledger` for each pass, the early one first. Called by the reader
once, when it is made.
"""

from __future__ import annotations

from .checkpoint import Checkpoint, PassState
from .clock import Instant
from .settings import EARLY, RANGE, PollerSettings
from .windows import Ledger, Span


def open_ledgers(settings: PollerSettings, now: Instant, restored: Checkpoint | None) -> list[Ledger]:
    """For a time range a single ledger, all of it backlog."""
    if settings.time_range is not None:
        wanted = settings.time_range
        ledger = Ledger(RANGE, wanted.since_ms - 1)
        ledger.defer(Span(wanted.since_ms, wanted.until_ms))
        return [ledger]
    names = [EARLY, *(one.name for one in settings.trailing)]
    if restored is None or not restored.passes:
        begin = now.ms - max(1, settings.shift_ms) - 1
        return [Ledger(name, begin) for name in names]
    return _resumed(settings, now, restored.passes, names)


def _resumed(settings: PollerSettings, now: Instant, stored: dict[str, PassState], names: list[str]) -> list[Ledger]:
    lowest = min(one.cursor_ms for one in stored.values())
    states = {name: stored.get(name, PassState(lowest)) for name in names}
    last = names[-1]
    # What a pass had not done that is no longer configured, the last pass takes over.
    orphans = [one.cursor_ms for name, one in stored.items() if name not in names]
    if orphans and min(orphans) < states[last].cursor_ms:
        states[last] = PassState(min(orphans))
    ledgers = []
    for name in names:
        # A clock that was ahead must not make us skip what it had announced.
        ledger = Ledger(name, min(states[name].frontier_ms, now.ms))
        for span in states[name].todo:
            ledger.defer(span)
        ledgers.append(ledger)
    early, first = ledgers[0], ledgers[1]
    early.defer(Span(early.frontier_ms - settings.max_overlap_ms, early.frontier_ms))
    handed_over = now.ms - settings.trailing[0].lag_ms
    for span in list(early.backlog):
        # Open windows among them may hold events whose alerts were never accepted: they must be read by somebody.
        if span.start_ms < handed_over:
            first.defer(Span(span.start_ms, min(span.end_ms, handed_over - 1)))
    early.drop_backlog_before(handed_over)
    early.frontier_ms = max(early.frontier_ms, handed_over - 1)
    return ledgers


def skipped_ms(ledgers: list[Ledger], now: Instant, max_catch_up_ms: int) -> int:
    """How much of the log lies before `max_catch_up` and was not read by the last pass, in ms; it is given up.

    The frontiers are moved, the caller announces it.
    """
    oldest = now.ms - max_catch_up_ms
    dropped = 0
    for ledger in ledgers:
        dropped = ledger.drop_backlog_before(oldest)
        if ledger.frontier_ms < oldest - 1:
            dropped += oldest - 1 - ledger.frontier_ms
            ledger.frontier_ms = oldest - 1
    return dropped
