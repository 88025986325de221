"""From a batch of the native core to the outputs and the counts.

In: batches. Out: a future that is done when the outputs that promise delivery have the alerts. Called by the page and
line sinks. In shadow mode everything is counted and nothing delivered.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from concurrent.futures import Future

from falcoeks_fast.engine._core import Batch
from falcoeks_fast.engine.outputs.dispatcher import Dispatcher
from falcoeks_fast.engine.outputs.parcel import Alert, BatchParcel, ListParcel, NativeBatch, Parcel
from falcoeks_fast.engine.statistics import EventCounts, RuleFacts, Statistics

from .generation import Generation
from .held_back import EVERY_OUTPUT, HeldBack
from .suppress import Kept, Suppressor

_ISSUE_TEXTS = {
    "malformed": "a message is not JSON and was skipped",
    "not_audit": "a message is no Kubernetes audit event and was skipped",
    "bad_time": "an event has no usable stageTimestamp",
    "oversize": "an event is larger than max_event_size and was skipped",
    "truncated": "an event was cut by CloudWatch Logs and evaluated on the part that is there",
}
_ISSUES_LOGGED = 3
_SWAP_PATIENCE_S = 2.0
_log = logging.getLogger("falcoeks_fast.events")


class Delivery:
    """Thread-safe. `dispatcher` None: shadow mode."""

    def __init__(self, dispatcher: Dispatcher | None, statistics: Statistics) -> None:
        self._dispatcher = dispatcher
        self._statistics = statistics
        self._lock = threading.Condition()
        self._users: dict[Dispatcher, int] = {}
        self._issues: dict[str, int] = {}

    @property
    def dispatcher(self) -> Dispatcher | None:
        return self._dispatcher

    def swap(self, dispatcher: Dispatcher | None) -> Dispatcher | None:
        """Use other outputs from now on; the old ones, once nobody is handing anything to them."""
        with self._lock:
            old, self._dispatcher = self._dispatcher, dispatcher
            if old is not None:  # somebody may wait for room there, which the stop of the old outputs ends
                self._lock.wait_for(lambda: not self._users.get(old, 0), _SWAP_PATIENCE_S)
            return old

    def deliver(
        self, name: str, batch: Batch, generation: Generation, *, wait: bool = False, held_back: HeldBack | None = None
    ) -> Future[None]:
        """Count a batch from the input `name` and hand its alerts on. `held_back`: what must not go out again."""
        shown, kept = self._without_repeats(batch, generation, held_back)
        parcel: Parcel = BatchParcel(shown, generation.priorities)
        instead: Mapping[str, Parcel] | None = None
        fired = dict(batch.rule_counts)
        suppressed = 0
        if parcel.count and held_back is not None and len(held_back):
            parcel, instead, suppressed = self._without_held_back(shown, parcel, generation, held_back, fired)
        self._count(name, batch, generation.facts, fired, suppressed, kept.held_back if kept else 0)
        if batch.issues:
            self._report_issues(name, batch)
        outcome = self.submit(parcel, wait=wait, instead=instead)
        if kept is not None and kept.held_back and generation.suppressor is not None:
            _take_back_on_failure(outcome, kept, generation.suppressor)
        return outcome

    def _without_repeats(
        self, batch: Batch, generation: Generation, held_back: HeldBack | None
    ) -> tuple[NativeBatch, Kept | None]:
        suppressor = generation.suppressor
        if suppressor is None or not batch.alert_count:
            return batch, None
        names = [facts.name for facts in generation.facts]
        kept = suppressor.filtered(batch, names, lambda key: held_back is not None and bool(held_back.outputs(key)))
        return kept, kept

    def submit(
        self, parcel: Parcel, *, wait: bool = False, instead: Mapping[str, Parcel] | None = None
    ) -> Future[None]:
        with self._lock:
            dispatcher = self._dispatcher
            if dispatcher is not None:
                self._users[dispatcher] = self._users.get(dispatcher, 0) + 1
        if dispatcher is None:
            done: Future[None] = Future()
            done.set_result(None)
            return done
        try:
            return dispatcher.submit(parcel, wait=wait, instead=instead)
        finally:
            with self._lock:
                self._users[dispatcher] -= 1
                if not self._users[dispatcher]:
                    del self._users[dispatcher]
                    self._lock.notify_all()

    def _without_held_back(
        self, batch: NativeBatch, parcel: Parcel, generation: Generation, held_back: HeldBack, fired: dict[int, int]
    ) -> tuple[Parcel, Mapping[str, Parcel] | None, int]:
        """The parcel without alerts that all outputs have, a parcel of its own for outputs that have some of them,
        and how many were left out. `fired` loses the alerts that were counted before."""
        outputs_of = [held_back.outputs(batch.alert(index).id) for index in range(batch.alert_count)]
        if not any(outputs_of):
            return parcel, None, 0
        alerts = list(parcel.alerts())
        kept: list[tuple[Alert, frozenset[str]]] = []
        for index, (alert, having) in enumerate(zip(alerts, outputs_of, strict=True)):
            if having:
                fired[batch.alert(index).rule_index] -= 1
            if having != EVERY_OUTPUT:
                kept.append((alert, having))
        suppressed = len(alerts) - len(kept)
        partly = frozenset().union(*(having for _, having in kept))
        instead = {name: ListParcel([alert for alert, having in kept if name not in having]) for name in partly}
        return ListParcel([alert for alert, _ in kept]), instead or None, suppressed

    def _count(
        self,
        name: str,
        batch: Batch,
        facts: tuple[RuleFacts, ...],
        fired: Mapping[int, int],
        suppressed: int,
        collapsed: int,
    ) -> None:
        counts = EventCounts(
            events=batch.events,
            messages=batch.messages,
            repeated=batch.repeated,
            malformed=batch.malformed,
            not_audit=batch.not_audit,
            bad_time=batch.bad_time,
            oversize=batch.oversize,
            truncated=batch.truncated,
            prefiltered=batch.prefiltered,
            alerts=sum(fired.values()),
            suppressed=suppressed,
            collapsed=collapsed,
        )
        self._statistics.add(name, counts, [(facts[index], count) for index, count in fired.items() if count])

    def _report_issues(self, name: str, batch: Batch) -> None:
        """The first few of each kind at warning, the rest only counted."""
        for issue in batch.issues:
            with self._lock:
                seen = self._issues.get(issue.kind, 0) + 1
                self._issues[issue.kind] = seen
            if seen > _ISSUES_LOGGED:
                continue
            where = f"stream {issue.log_stream}, event {issue.event_id}" if issue.event_id else f"byte {issue.offset}"
            more = "; further ones are only counted" if seen == _ISSUES_LOGGED else ""
            text = _ISSUE_TEXTS.get(issue.kind, issue.kind)
            _log.warning("[%s] %s (%s): %s%s", name, text, where, issue.detail, more)

    def count_unaccepted(self, name: str, alerts: int) -> None:
        """Alerts that an output which promises delivery did not take."""
        self._statistics.add(name, EventCounts(unaccepted=alerts), [])


def _take_back_on_failure(outcome: Future[None], kept: Kept, suppressor: Suppressor) -> None:
    """Repeats of a page that will be read again are counted then."""

    def settle(done: Future[None]) -> None:
        if done.exception() is not None:
            suppressor.take_back(kept)

    outcome.add_done_callback(settle)
