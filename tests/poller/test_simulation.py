"""The whole poller in simulated time: nothing lost, nothing twice, whatever happens."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from falcoeks_fast.bench.fake_cloudwatch.sink import NotAccepted, ReferenceSink
from falcoeks_fast.bench.fake_cloudwatch.traffic import ordinary, with_late
from falcoeks_fast.poller.page import Cluster, Page
from falcoeks_fast.poller.settings import BudgetSettings, TrailingPass

MakeWorld = Callable[..., Any]


def assert_once(world: Any) -> None:
    assert world.lost() == []
    assert world.repeated() == 0


def test_ordinary_lateness(make_world: MakeWorld) -> None:
    world = make_world(quota=10, size_bytes=1600)
    world.flow(100, 50)
    world.start().run(180)
    assert_once(world)
    assert sum(world.alerted().values()) > 4_000
    late_throttles = [ms for ms in world.service.served.throttle_times_ms if ms - world.traffic[0].begin_ms > 10_000]
    assert late_throttles == []
    delays = sorted(alert.at_ms - world.traffic[0].visible_ms[int(alert.event_id)] for alert in world.sinks[0].alerts)
    assert delays[len(delays) // 2] <= 300
    assert delays[len(delays) * 99 // 100] <= 900


def test_late_events_are_found_by_the_settled_pass(make_world: MakeWorld) -> None:
    world = make_world(quota=10)
    world.flow(60, 60, with_late(0.05))
    world.start().run(250)
    assert_once(world)
    by_pass = {alert.pass_name for alert in world.sinks[0].alerts}
    assert by_pass == {"early", "settled"}
    delays = [alert.at_ms - world.traffic[0].visible_ms[int(alert.event_id)] for alert in world.sinks[0].alerts]
    assert max(delays) <= 130_000


def test_a_further_pass_finds_what_is_later_still(make_world: MakeWorld) -> None:
    world = make_world()
    world.flow(20, 30, with_late(0.1, 200.0, 500.0))
    trailing = (TrailingPass("settled", 120_000), TrailingPass("last", 600_000))
    world.start(trailing=trailing).run(700)
    assert_once(world)
    assert {alert.pass_name for alert in world.sinks[0].alerts} == {"early", "last"} | (
        {"settled"} & {alert.pass_name for alert in world.sinks[0].alerts}
    )


def test_faults_of_every_kind(make_world: MakeWorld) -> None:
    world = make_world(quota=10)
    faults = world.faults
    faults.throttle, faults.server_error, faults.reset = 0.1, 0.05, 0.02
    faults.empty_page, faults.partial_page, faults.bad_token = 0.2, 0.3, 0.03
    world.flow(60, 60)
    world.start().run(400)
    assert_once(world)
    assert world.service.served.throttled > 10


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10_000),
    rate=st.sampled_from([3, 40, 150]),
    late=st.sampled_from([0.0, 0.1]),
    throttle=st.sampled_from([0.0, 0.2]),
    server_error=st.sampled_from([0.0, 0.2]),
    reset=st.sampled_from([0.0, 0.1]),
    empty=st.sampled_from([0.0, 0.4]),
    partial=st.sampled_from([0.0, 0.5]),
    token=st.sampled_from([0.0, 0.1]),
    refuse=st.sampled_from([0.0, 0.1]),
    ceiling=st.sampled_from([3.0, 10.0]),
)
def test_nothing_is_lost_or_repeated(
    make_world: MakeWorld,
    seed: int,
    rate: int,
    late: float,
    throttle: float,
    server_error: float,
    reset: float,
    empty: float,
    partial: float,
    token: float,
    refuse: float,
    ceiling: float,
) -> None:
    world = make_world(seed=seed)
    faults = world.faults
    faults.throttle, faults.server_error, faults.reset = throttle, server_error, reset
    faults.empty_page, faults.partial_page, faults.bad_token = empty, partial, token
    dice = random.Random(seed)

    def accept(_: Page, future: Future[None]) -> None:
        if dice.random() < refuse:
            future.set_exception(NotAccepted("the output is away"))
        else:
            future.set_result(None)

    world.flow(rate, 30, with_late(late) if late else ordinary, seed=seed)
    simulation = world.start(ReferenceSink(world.clock, accept), seed, budget=BudgetSettings(ceiling=ceiling))
    simulation.run(160)
    # In the end the world gets well again.
    faults.throttle = faults.server_error = faults.reset = faults.empty_page = faults.partial_page = 0.0
    refuse = faults.bad_token = 0.0
    simulation.run(300)
    assert_once(world)


def test_clusters_of_one_account_share_the_calls_fairly(make_world: MakeWorld) -> None:
    clusters = tuple(Cluster(f"c{i}", "eu-west-1", "123456789012") for i in range(6))
    world = make_world(clusters=clusters, quota=10)
    world.flow(10, 40)
    # One of them is far busier than all others together.
    world.traffic[0].events_per_s = 600
    world.start(budget=BudgetSettings(ceiling=10.0)).run(40)
    world.simulation.run(220)
    assert_once(world)
    worst = []
    for index, cluster in enumerate(clusters[1:], start=1):
        times = world.traffic[index].visible_ms
        delays = sorted(a.at_ms - times[int(a.event_id)] for a in world.sinks[0].alerts if a.cluster == cluster.name)
        worst.append(delays[len(delays) * 99 // 100])
    assert max(worst) <= 3 * min(worst)
    assert max(worst) <= 5_000


def test_an_idle_cluster_is_called_twice_a_second_at_most(world: Any) -> None:
    world.start().run(60)
    assert world.service.served.calls <= 2 * 60 + 60 / 5 + 5
    assert world.service.served.calls >= 60


def test_two_regions_have_budgets_of_their_own(make_world: MakeWorld, cluster: Cluster) -> None:
    world = make_world(clusters=(cluster, replace(cluster, name="other", region="us-east-1")))
    simulation = world.start()
    simulation.run(5)
    assert len(simulation.dispatcher.status()[1]) == 2
    same = make_world(clusters=(cluster, replace(cluster, name="other")))
    simulation = same.start()
    assert len(simulation.dispatcher.status()[1]) == 1


@pytest.mark.parametrize("switch", ["denied", "missing", "expired", "down"])
def test_a_cluster_that_cannot_be_read_recovers_by_itself(world: Any, switch: str) -> None:
    world.flow(20, 200)
    simulation = world.start()
    simulation.run(20)
    setattr(world.faults, switch, True)
    calls = world.service.served.calls
    simulation.run(120)
    assert world.service.served.calls - calls < 80
    status = simulation.dispatcher.status()[0][0]
    assert status.state == "retrying"
    errors = [message for message in simulation.messages if message.level in ("error", "warning")]
    assert 1 <= len(errors) <= 3
    assert "prod" in errors[0].text
    setattr(world.faults, switch, False)
    simulation.run(350)
    assert simulation.dispatcher.status()[0][0].state == "reading"
    assert any(message.text.startswith("cluster prod: ") for message in simulation.messages[len(errors) :])
    assert_once(world)


def test_a_refused_delivery_is_read_again_and_alerted_once(world: Any) -> None:
    away = [True]

    def accept(_: Page, future: Future[None]) -> None:
        if away[0]:
            future.set_exception(NotAccepted("the output is away"))
        else:
            future.set_result(None)

    world.flow(20, 30)
    simulation = world.start(ReferenceSink(world.clock, accept))
    simulation.run(40)
    assert not world.alerted()
    assert simulation.dispatcher.readers[0].ledgers[0].cursor_ms < world.traffic[0].begin_ms
    assert any("alerts were not accepted: the output is away" in message.text for message in simulation.messages)
    away[0] = False
    simulation.run(250)
    assert_once(world)
    assert simulation.dispatcher.status()[0][0].counters.windows_read_again > 0


def test_outputs_that_never_answer_stop_the_fetching_not_the_memory(world: Any) -> None:
    kept: list[Future[None]] = []
    world.flow(50, 400)
    simulation = world.start(ReferenceSink(world.clock, lambda _, future: kept.append(future)))
    simulation.run(400)
    reader = simulation.dispatcher.readers[0]
    assert max(len(ledger.open) for ledger in reader.ledgers) <= 210
    calls = world.service.served.calls
    simulation.run(100)
    assert world.service.served.calls - calls < 60
    for future in kept:
        future.set_result(None)
    simulation.sink._accept = lambda _, future: future.set_result(None)
    simulation.run(400)
    assert_once(world)


def test_pages_in_flight_are_bounded_in_bytes(world: Any) -> None:
    world.service._call_s = 5.0
    world.flow(300, 60)
    simulation = world.start(max_bytes_in_flight=2 << 20, threads=8)
    most = 0

    def look() -> bool:
        nonlocal most
        most = max(most, simulation.dispatcher.calls_in_flight)
        return False

    simulation.run(60, until=look)
    assert 1 <= most <= 2


def test_memory_is_flat_over_time(world: Any) -> None:
    world.flow(5, 2_000)
    world.traffic[0].keep_times = False
    simulation = world.start()
    sizes = []

    def look() -> bool:
        world.store.forget(world.clock.now_ms() - 300_000)
        if int(world.clock.elapsed_s) % 300 == 0:
            reader = simulation.dispatcher.readers[0]
            windows = sum(len(ledger.open) + len(ledger.backlog) for ledger in reader.ledgers)
            sizes.append((world.sinks[0].remembered(), reader.alert_log.count, windows))
        return False

    simulation.run(2_000, until=look)
    for column in range(3):
        values = [size[column] for size in sizes[1:]]
        assert max(values) <= 1.5 * min(values) + 60
    assert world.repeated() == 0


def test_the_clock_of_the_machine_may_jump(world: Any) -> None:
    world.flow(20, 300)
    simulation = world.start()
    simulation.run(60)
    # Back by a minute, later forward again: what was read stays read, what is new is found.
    world.clock._begin_ms -= 60_000
    simulation.run(90)
    world.clock._begin_ms += 60_000
    simulation.run(500)
    assert_once(world)
