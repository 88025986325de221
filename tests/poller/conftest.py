"""A small world for tests of the poller: a fake CloudWatch, traffic, a plain sink, simulated time."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from falcoeks_fast.bench.fake_cloudwatch.service import FakeCloudWatch, Faults, Quota
from falcoeks_fast.bench.fake_cloudwatch.simulation import SimulatedClock, Simulation
from falcoeks_fast.bench.fake_cloudwatch.sink import ReferenceSink
from falcoeks_fast.bench.fake_cloudwatch.store import LogStore, event_id
from falcoeks_fast.bench.fake_cloudwatch.traffic import Latenesses, Traffic, audit_message, ordinary
from falcoeks_fast.poller.page import Cluster
from falcoeks_fast.poller.settings import BudgetSettings, PollerSettings

CLUSTER = Cluster("prod", "eu-west-1", account="123456789012")


class World:
    """One cluster, its log, and as many processes of the poller as a test starts one after the other."""

    def __init__(
        self,
        *,
        clusters: tuple[Cluster, ...] = (CLUSTER,),
        quota: float | None = None,
        seed: int = 1,
        size_bytes: int = 300,
    ) -> None:
        self.clock = SimulatedClock()
        self.clusters = clusters
        self.faults = Faults()
        self.service = FakeCloudWatch(quota=Quota(quota) if quota else None, faults=self.faults, seed=seed)
        self.stores = {}
        for cluster in clusters:
            self.stores[cluster] = self.service.groups[cluster.log_group] = LogStore(
                [audit_message(size_bytes=size_bytes)]
            )
        self.store = self.stores[clusters[0]]
        self.traffic: list[Traffic] = []
        self.sinks: list[ReferenceSink] = []
        self.simulation: Simulation | None = None

    def flow(self, events_per_s: float, seconds: float, lateness: Latenesses = ordinary, seed: int = 5) -> None:
        """From now on, for a while, in every cluster."""
        begin = self.clock.now_ms()
        for number, store in enumerate(self.stores.values()):
            end = begin + int(seconds * 1000)
            self.traffic.append(Traffic(store, events_per_s, begin, end, lateness, seed=seed + number))
        self.feed()

    def feed(self) -> None:
        for one in self.traffic:
            one.feed(self.clock.now_ms() + 3_000)

    def start(self, sink: ReferenceSink | None = None, seed: int = 3, **settings: Any) -> Simulation:
        """A new process; an older one is as if killed."""
        sink = sink if sink is not None else ReferenceSink(self.clock)
        self.sinks.append(sink)
        chosen = replace(PollerSettings(self.clusters, budget=BudgetSettings(ceiling=10.0)), **settings)
        services = dict.fromkeys(self.clusters, self.service)
        self.simulation = Simulation(chosen, services, sink, self.clock, seed=seed, every_second=self.feed)
        return self.simulation

    def alerted(self) -> Counter[tuple[str, str]]:
        """How often each event was alerted, by cluster and event id, over all processes."""
        return Counter((alert.cluster, alert.event_id) for sink in self.sinks for alert in sink.alerts)

    def lost(self) -> list[tuple[str, str]]:
        seen = self.alerted()
        return [
            (cluster.name, event_id(event.serial))
            for cluster, store in self.stores.items()
            for event in store._events
            if (cluster.name, event_id(event.serial)) not in seen
        ]

    def repeated(self) -> int:
        return sum(count - 1 for count in self.alerted().values())


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def make_world() -> Callable[..., World]:
    return World


@pytest.fixture
def cluster() -> Cluster:
    return CLUSTER


@pytest.fixture
def rng() -> random.Random:
    return random.Random(11)


@pytest.fixture
def no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty AWS environment with invented keys; the path of its (missing) configuration file."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    config = tmp_path / "aws-config"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws-credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAINVENTED")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "invented")
    return config


@pytest.fixture
def fast_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many checkpoints in simulated time: none of them needs to survive a power cut."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
