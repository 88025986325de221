"""Evaluates JSON lines and payloads of files, directories and the webhook: the app's side of the poller's `LineSink`.

In: chunks and payloads. Out: alerts at the outputs. Called by the threads of those sources, which can stand still: a
full queue makes them wait instead of losing alerts.
"""

from __future__ import annotations

from concurrent.futures import Future

from falcoeks_fast.engine._core import Origin

from .delivery import Delivery
from .evaluation import Evaluation
from .replay.events import Kind


class EngineLineSink:
    """Implements `LineSink`. Thread-safe."""

    def __init__(self, evaluation: Evaluation, delivery: Delivery, name: str) -> None:
        """`name`: what the input is called in log and metrics."""
        self._evaluation = evaluation
        self._delivery = delivery
        self._name = name
        self._origin = Origin()

    def accept_lines(self, chunk: bytes, last: bool) -> int:
        scanner, generation = self._evaluation.scanner()
        batch = scanner.scan_lines(chunk, self._origin, last=last)
        self._evaluation.sample(Kind.LINES, chunk)
        self._watch(self._delivery.deliver(self._name, batch, generation, wait=True), batch.alert_count)
        return batch.consumed

    def accept_payload(self, body: bytes) -> None:
        scanner, generation = self._evaluation.scanner()
        batch = scanner.scan_payload(body, self._origin)
        self._evaluation.sample(Kind.PAYLOAD, body)
        self._watch(self._delivery.deliver(self._name, batch, generation, wait=True), batch.alert_count)

    def _watch(self, outcome: Future[None], alerts: int) -> None:
        """Nobody reads this input again: what a promising output refuses is counted, and said when the program ends."""

        def settle(done: Future[None]) -> None:
            if done.exception() is not None:
                self._delivery.count_unaccepted(self._name, alerts)

        outcome.add_done_callback(settle)
