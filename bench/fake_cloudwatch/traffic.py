"""Audit events as a cluster would log them, with lateness.

In: a rate, a distribution of lateness, a seed. Out: events in a `LogStore`, ahead of the clock; they become visible by
themselves. Called by the simulation, the soak and tests.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from .store import SERIAL, STREAMS, LogStore

Latenesses = Callable[[random.Random], float]


def ordinary(rng: random.Random) -> float:
    """Seconds: exponential with a mean of half a second."""
    return rng.expovariate(2.0)


def with_late(part: float, low_s: float = 5.0, high_s: float = 60.0) -> Latenesses:
    """Ordinary, but `part` of the events come `low_s` to `high_s` late."""

    def draw(rng: random.Random) -> float:
        return rng.uniform(low_s, high_s) if rng.random() < part else ordinary(rng)

    return draw


def audit_message(verb: str = "get", resource: str = "secrets", size_bytes: int = 1600) -> str:
    """An audit event of about this size; its auditID holds the serial number of the log event."""
    event = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": f"00000000-0000-4000-8000-{SERIAL}",
        "stage": "ResponseComplete",
        "requestURI": f"/api/v1/namespaces/kube-system/{resource}/demo",
        "verb": verb,
        "user": {"username": "eks:certificate-controller", "groups": ["system:authenticated"]},
        "sourceIPs": ["10.0.12.7"],
        "userAgent": "kube-controller-manager/v1.31.0 (linux/amd64)",
        "objectRef": {"resource": resource, "namespace": "kube-system", "name": "demo", "apiVersion": "v1"},
        "responseStatus": {"metadata": {}, "code": 200},
        "requestReceivedTimestamp": "2026-11-23T06:00:00.000000Z",
        "stageTimestamp": "2026-11-23T06:00:00.123456Z",
        "annotations": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": ""},
    }
    text = json.dumps(event, separators=(",", ":"))
    filler = max(0, size_bytes - len(text.replace(SERIAL, "0" * 12)))
    event["annotations"] = {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": "r" * filler}
    return json.dumps(event, separators=(",", ":"))


def messages(size_bytes: int = 1600) -> list[str]:
    return [audit_message(verb, size_bytes=size_bytes) for verb in ("get", "list", "create", "update")]


@dataclass(slots=True)
class Traffic:
    """`feed` puts events into the store up to a time; `visible_ms` tells by serial when each could be seen."""

    store: LogStore
    events_per_s: float
    begin_ms: int
    end_ms: int
    lateness: Latenesses = ordinary
    seed: int = 7
    keep_times: bool = True
    visible_ms: dict[int, int] = field(default_factory=dict)
    count: int = 0
    _next_ms: float = -1.0
    _rng: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)
        self._next_ms = float(self.begin_ms)

    def feed(self, until_ms: int) -> None:
        mean_ms = 1000.0 / self.events_per_s
        last = min(until_ms, self.end_ms)
        while self._next_ms < last:
            timestamp = int(self._next_ms)
            visible = timestamp + int(1000.0 * self.lateness(self._rng))
            stream = self._rng.randrange(len(STREAMS))
            message = self.count % 4 % len(self.store.messages)
            serial = self.store.put(timestamp, visible_ms=visible, stream=stream, message=message)
            if self.keep_times:
                self.visible_ms[serial] = visible
            self.count += 1
            self._next_ms += self._rng.expovariate(1.0) * mean_ms
