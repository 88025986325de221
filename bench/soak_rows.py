"""The rows of the soak: each a situation that the fetcher must stand, with its goal.

In: how long a row may take. Out: a `Row` with what was measured. Called by `soak`. Rows in *simulated time* run the
poller without threads against the stand-in (what a call takes is simulated, what evaluating takes is not counted); rows
in *real time* run it with its threads, boto3 and HTTP.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from falcoeks_fast.poller.page import Cluster
from falcoeks_fast.poller.settings import BudgetSettings, PollerSettings

from .fake_cloudwatch.service import FakeCloudWatch, Faults, Quota
from .fake_cloudwatch.simulation import SimulatedClock, Simulation
from .fake_cloudwatch.store import LogStore
from .fake_cloudwatch.traffic import Latenesses, Traffic, messages, ordinary, with_late
from .soak_sink import Noted, SoakSink

CEILING = 10.0
PASSES = "early, settled"
WARM_UP_MS = 15_000


@dataclass(frozen=True, slots=True)
class Row:
    situation: str
    goal: str
    measured: str
    reached: bool
    conditions: str  # ceiling, bytes, passes


def percentile(values: list[float], q: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else 0.0


class Scene:
    """Clusters with traffic, a service, and processes of the poller in simulated time."""

    def __init__(self, *, clusters: int = 1, faults: Faults | None = None, keep_times: bool = True) -> None:
        self.clock = SimulatedClock()
        self.service = FakeCloudWatch(quota=Quota(CEILING), faults=faults)
        self.clusters = tuple(Cluster(f"c{i:02d}", "eu-west-1", "123456789012") for i in range(clusters))
        self.stores = [LogStore(messages()) for _ in self.clusters]
        for cluster, store in zip(self.clusters, self.stores, strict=True):
            self.service.groups[cluster.log_group] = store
        self.traffic: list[Traffic] = []
        self.noted: list[Noted] = []
        self.simulation: Simulation | None = None
        self._keep_times = keep_times

    def flow(self, events_per_s: float, seconds: float, lateness: Latenesses = ordinary) -> None:
        begin = self.clock.now_ms()
        end = begin + int(seconds * 1000)
        self.traffic = [
            Traffic(store, events_per_s, begin, end, lateness, seed=number, keep_times=self._keep_times)
            for number, store in enumerate(self.stores, start=7)
        ]
        self.feed()

    def feed(self) -> None:
        for one in self.traffic:
            one.feed(self.clock.now_ms() + 3_000)

    def start(self, state_dir: Path | None = None, sink: SoakSink | None = None) -> Simulation:
        sink = sink if sink is not None else SoakSink(self.clock, self.noted.extend)
        settings = PollerSettings(self.clusters, budget=BudgetSettings(ceiling=CEILING), state_dir=state_dir)
        services = dict.fromkeys(self.clusters, self.service)
        self.simulation = Simulation(settings, services, sink, self.clock, every_second=self.feed)
        return self.simulation

    def lost_and_repeated(self) -> tuple[int, int]:
        counts = Counter((one.cluster, one.serial) for one in self.noted)
        lost = sum(
            (cluster.name, serial) not in counts
            for cluster, traffic in zip(self.clusters, self.traffic, strict=True)
            for serial in traffic.visible_ms
        )
        return lost, sum(counts.values()) - len(counts)

    def delays_s(self, *, pass_name: str = "", cluster: int | None = None, after_ms: int = 0) -> list[float]:
        """From visible to alert, of events that became visible later than `after_ms` after the beginning."""
        by_name = {one.name: traffic for one, traffic in zip(self.clusters, self.traffic, strict=True)}
        chosen = self.clusters[cluster].name if cluster is not None else None
        delays = []
        for one in self.noted:
            if (pass_name and one.pass_name != pass_name) or (chosen is not None and one.cluster != chosen):
                continue
            traffic = by_name[one.cluster]
            visible = traffic.visible_ms[one.serial]
            if visible >= traffic.begin_ms + after_ms:
                delays.append((one.at_ms - visible) / 1000.0)
        return delays

    def conditions(self) -> str:
        return f"simulated time, ceiling {CEILING:.0f}, {self.service.served.bytes / 1e6:.0f} MB, passes {PASSES}"


def ordinary_lag() -> Row:
    scene = Scene()
    scene.flow(500, 60)
    scene.start().run(200)
    lost, repeated = scene.lost_and_repeated()
    delays = scene.delays_s()
    median, high = percentile(delays, 0.5), percentile(delays, 0.99)
    begin = scene.traffic[0].begin_ms
    throttled = sum(at > begin + 10_000 for at in scene.service.served.throttle_times_ms)
    return Row(
        "500 events/s, ordinary lag, 60 s",
        "0 lost, 0 repeated; p50 <= 0.3 s, p99 <= 0.9 s; 0 throttled after 10 s",
        f"{lost} lost, {repeated} repeated; p50 {median:.2f} s, p99 {high:.2f} s; {throttled} throttled",
        lost + repeated + throttled == 0 and median <= 0.3 and high <= 0.9,
        scene.conditions(),
    )


def some_late() -> Row:
    scene = Scene()
    scene.flow(500, 60, with_late(0.03))
    scene.start().run(260)
    lost, repeated = scene.lost_and_repeated()
    longest = max(scene.delays_s())
    return Row(
        "the same, 3 % of events 5-60 s late",
        "0 lost, 0 repeated; late ones within 130 s",
        f"{lost} lost, {repeated} repeated; longest {longest:.0f} s",
        lost + repeated == 0 and longest <= 130,
        scene.conditions(),
    )


def _faults() -> Faults:
    return Faults(throttle=0.1, server_error=0.05, reset=0.02, empty_page=0.2, partial_page=0.3)


def faulty() -> Row:
    scene = Scene(faults=_faults())
    scene.flow(500, 60)
    scene.start().run(500)
    lost, repeated = scene.lost_and_repeated()
    return Row(
        "10 % throttled, 5 % 5xx, 2 % resets, 20 % empty, 30 % partial pages",
        "0 lost, 0 repeated",
        f"{lost} lost, {repeated} repeated; p50 {percentile(scene.delays_s(), 0.5):.1f} s",
        lost + repeated == 0,
        scene.conditions(),
    )


def killed() -> Row:
    scene = Scene(faults=_faults())
    scene.flow(500, 60)
    with tempfile.TemporaryDirectory() as state:
        for seconds in (8.3, 12.1, 5.7, 14.9, 9.6):
            scene.start(Path(state)).run(seconds)
        scene.start(Path(state)).run(500)
    lost, repeated = scene.lost_and_repeated()
    ids: dict[int, set[str]] = {}
    for one in scene.noted:
        ids.setdefault(one.serial, set()).add(one.alert_id)
    changed = sum(len(some) > 1 for some in ids.values())
    return Row(
        "killed five times during that",
        "0 lost; what repeats carries the same alert id",
        f"{lost} lost; {repeated} repeated, {changed} of them with another id",
        lost + changed == 0,
        scene.conditions(),
    )


def heavy() -> Row:
    scene = Scene()
    scene.flow(5_000, 60)
    simulation = scene.start()
    simulation.run(60)
    behind_s = simulation.dispatcher.status()[0][0].backlog_ms / 1000
    simulation.run(200)
    lost, repeated = scene.lost_and_repeated()
    high = percentile(scene.delays_s(pass_name="early", after_ms=WARM_UP_MS), 0.99)
    whole = percentile(scene.delays_s(pass_name="early"), 0.99)
    settled = len(scene.delays_s(pass_name="settled")) / max(1, len(scene.noted))
    return Row(
        "5,000 events/s, 60 s, settled pass behind and catching up after",
        "0 lost; p99 of the early pass <= 2.5 s",
        f"{lost} lost, {repeated} repeated; p99 {high:.2f} s from second {WARM_UP_MS // 1000} on ({whole:.0f} s with "
        f"those before, when the budget still grows); {settled:.1%} left to the settled pass; "
        f"backlog {behind_s:.0f} s",
        lost + repeated == 0 and high <= 2.5,
        scene.conditions(),
    )


def many_clusters() -> Row:
    scene = Scene(clusters=20)
    scene.flow(50, 60)
    scene.start().run(260)
    lost, repeated = scene.lost_and_repeated()
    highs = [percentile(scene.delays_s(cluster=index), 0.99) for index in range(20)]
    return Row(
        "20 clusters of one account, 50 events/s each",
        "0 lost; the worst p99 at most 3x the best",
        f"{lost} lost, {repeated} repeated; p99 {min(highs):.2f} to {max(highs):.2f} s",
        lost + repeated == 0 and max(highs) <= 3 * min(highs),
        scene.conditions(),
    )


def down() -> Row:
    scene = Scene()
    scene.flow(300, 900)
    with tempfile.TemporaryDirectory() as state:
        scene.start(Path(state)).run(30)
        scene.clock.elapsed_s += 600
        scene.feed()
        simulation = scene.start(Path(state))
        begin_s, begin_ms = scene.clock.elapsed_s, scene.clock.now_ms()
        missed = sum(begin_ms - 600_000 <= at < begin_ms for at in scene.traffic[0].visible_ms.values())
        # The bytes of their messages, and what may be fetched in a second: a page of 1 MB for each call.
        limit_s = 2.5 * missed * 1600 / (CEILING * 1e6)
        simulation.run(300, until=lambda: not simulation.dispatcher.readers[0].catching_up)
        took_s = scene.clock.elapsed_s - begin_s
        served = percentile(scene.delays_s(after_ms=begin_ms - scene.traffic[0].begin_ms), 0.99)
        scene.traffic[0].end_ms = scene.clock.now_ms()
        simulation.run(150)
    lost, repeated = scene.lost_and_repeated()
    return Row(
        "down for 10 minutes at 300 events/s, then started",
        f"caught up within 2.5x bytes over budgeted bytes/s ({limit_s:.0f} s), newest served meanwhile",
        f"{took_s:.0f} s, p99 of new events {served:.2f} s; {lost} lost, {repeated} repeated",
        took_s <= limit_s and served < 10 and lost + repeated == 0,
        scene.conditions(),
    )


def long_run(minutes: int = 60) -> Row:
    scene = Scene(keep_times=False)
    scene.flow(1_000, minutes * 60)
    count = [0]

    def deliver(noted: list[Noted]) -> None:
        count[0] += len(noted)

    sink = SoakSink(scene.clock, deliver)
    simulation = scene.start(sink=sink)
    sizes: list[int] = []

    def look() -> bool:
        scene.stores[0].forget(scene.clock.now_ms() - 200_000)
        if int(scene.clock.elapsed_s) % 60 == 0:
            sizes.append(sink.remembered()[1] + len(simulation.dispatcher.readers[0].alert_log.packed()))
        return False

    simulation.run(minutes * 60, until=look)
    simulation.run(150, until=look)
    missing = scene.traffic[0].count - count[0]
    # The first minutes fill the sets: an id is kept until the settled pass has read its time.
    early, late = max(sizes[4 : len(sizes) // 2] or sizes), max(sizes[len(sizes) // 2 :])
    kept, held_bytes = sink.remembered()
    return Row(
        f"{minutes} minutes of simulated time at 1,000 events/s",
        "memory flat",
        f"ids and alert ids: at most {early / 1e6:.1f} MB in the first half, {late / 1e6:.1f} MB in the second; "
        f"{missing} lost or repeated; at the end {kept} ids in {held_bytes / 1e6:.2f} MB",
        late <= 1.2 * early and missing == 0,
        scene.conditions(),
    )


SIMULATED: dict[str, Callable[[], Row]] = {
    "ordinary": ordinary_lag,
    "late": some_late,
    "faults": faulty,
    "killed": killed,
    "heavy": heavy,
    "clusters": many_clusters,
    "down": down,
}
