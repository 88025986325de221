"""Restarts: where the poller goes on, and what it does not alert again."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from falcoeks_fast.bench.fake_cloudwatch.sink import NotAccepted, ReferenceSink
from falcoeks_fast.bench.fake_cloudwatch.traffic import with_late
from falcoeks_fast.poller.checkpoint import checkpoint_path, load
from falcoeks_fast.poller.page import Cluster, Page
from falcoeks_fast.poller.settings import TimeRange, TrailingPass


def stored_cursor(state: Path, cluster: Cluster, name: str = "early") -> int:
    found = load(checkpoint_path(state, cluster), cluster)
    assert found is not None
    return found.passes[name].cursor_ms


pytestmark = pytest.mark.usefixtures("fast_disk")


class Scene:
    """One event at a known time, and a sink that may refuse."""

    def __init__(self, world: Any, state: Path) -> None:
        self.world = world
        self.state = state
        self.refuse = False
        self.keep = False

    def accept(self, _: Page, future: Future[None]) -> None:
        if self.keep:
            return
        if self.refuse:
            future.set_exception(NotAccepted("the output is away"))
        else:
            future.set_result(None)

    def start(self) -> Any:
        sink = ReferenceSink(self.world.clock, self.accept)
        return self.world.start(sink, state_dir=self.state, checkpoint_every_s=0.5)


@pytest.fixture
def scene(world: Any, tmp_path: Path) -> Scene:
    return Scene(world, tmp_path)


def test_case_1_a_failed_call_does_not_move_the_stored_point(scene: Scene, cluster: Cluster) -> None:
    world = scene.world
    scene.start().run(10)
    world.faults.down = True
    before = world.clock.now_ms()
    world.flow(20, 20)
    world.simulation.run(30)
    assert stored_cursor(scene.state, cluster) <= before
    world.faults.down = False
    scene.start().run(200)
    assert world.lost() == []
    assert world.repeated() == 0


def test_case_2_a_failure_after_an_accepted_page_reads_the_window_again(scene: Scene, cluster: Cluster) -> None:
    world = scene.world
    scene.start().run(10)
    # A backlog window of several pages; after the first page every call with a token fails.
    world.faults.partial_page, world.faults.bad_token = 1.0, 1.0
    before = world.clock.now_ms()
    world.flow(100, 5)
    world.simulation.run(8)
    assert world.alerted()
    assert world.lost()
    assert stored_cursor(scene.state, cluster) < before + 5_000
    world.faults.partial_page = world.faults.bad_token = 0.0
    scene.start().run(250)
    assert world.lost() == []
    assert world.repeated() == 0


def test_case_3_a_refused_delivery_does_not_move_the_stored_point(scene: Scene, cluster: Cluster) -> None:
    world = scene.world
    scene.start().run(10)
    scene.refuse = True
    before = world.clock.now_ms()
    world.flow(20, 10)
    world.simulation.run(20)
    assert stored_cursor(scene.state, cluster) <= before
    scene.refuse = False
    scene.start().run(200)
    assert world.lost() == []
    assert world.repeated() == 0


def test_case_4_what_was_accepted_moves_it(scene: Scene, cluster: Cluster) -> None:
    world = scene.world
    world.flow(20, 10)
    scene.start().run(20)
    assert world.clock.now_ms() - stored_cursor(scene.state, cluster) < 5_000
    alerts = sum(world.alerted().values())
    assert alerts > 100
    scene.start().run(200)
    assert sum(world.alerted().values()) == alerts


def test_case_5_an_empty_scan_moves_it(scene: Scene, cluster: Cluster) -> None:
    world = scene.world
    scene.start().run(20)
    assert world.service.served.events == 0
    assert world.clock.now_ms() - stored_cursor(scene.state, cluster) < 5_000
    # The settled pass, too, but two minutes behind.
    world.simulation.run(200)
    assert 119_000 < world.clock.now_ms() - stored_cursor(scene.state, cluster, "settled") < 135_000


def test_alerts_on_their_way_when_it_ends_are_not_lost(scene: Scene) -> None:
    world = scene.world
    scene.keep = True
    world.flow(20, 10)
    # So long that the settled pass has read the same events, and knew them already.
    scene.start().run(200)
    assert not world.alerted()
    scene.keep = False
    scene.start().run(200)
    assert world.lost() == []
    assert world.repeated() == 0


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_again_and_again(make_world: Any, tmp_path: Path, seed: int) -> None:
    world = make_world(quota=10, seed=seed)
    faults = world.faults
    faults.throttle, faults.server_error, faults.reset = 0.1, 0.05, 0.02
    faults.empty_page, faults.partial_page = 0.2, 0.3
    world.flow(40, 60, with_late(0.03), seed=seed)
    for seconds in (7.3, 11.9, 3.1, 17.7, 9.2):
        world.start(state_dir=tmp_path).run(seconds)
    world.start(state_dir=tmp_path).run(450)
    assert world.lost() == []
    by_event: dict[str, set[str]] = {}
    for sink in world.sinks:
        for alert in sink.alerts:
            by_event.setdefault(alert.event_id, set()).add(alert.alert_id)
    assert all(len(ids) == 1 for ids in by_event.values())
    # Only what was alerted after the last checkpoint before a kill can come twice.
    assert world.repeated() < 5 * 40 * 6


def test_a_long_time_down_is_caught_up_newest_first_while_the_present_is_served(
    make_world: Any, tmp_path: Path
) -> None:
    world = make_world(quota=10, size_bytes=1600)
    world.flow(60, 1_200)
    world.start(state_dir=tmp_path).run(30)
    world.clock.elapsed_s += 600
    world.feed()
    simulation = world.start(state_dir=tmp_path)
    begin = world.clock.now_ms()
    assert simulation.dispatcher.readers[0].catching_up
    simulation.run(120, until=lambda: not simulation.dispatcher.readers[0].catching_up)
    assert not simulation.dispatcher.readers[0].catching_up
    times = world.traffic[0].visible_ms
    live = sorted(a.at_ms - times[int(a.event_id)] for a in world.sinks[1].alerts if times[int(a.event_id)] > begin)
    assert live[len(live) * 9 // 10] < 2_000
    old = [int(a.event_id) for a in world.sinks[1].alerts if times[int(a.event_id)] < begin - 130_000]
    # Newest first: the first half of what was caught up is newer than the second.
    half = len(old) // 2
    assert sum(old[:half]) / half > sum(old[half:]) / (len(old) - half)
    world.traffic[0].end_ms = world.clock.now_ms()
    simulation.run(150)
    assert world.lost() == []
    assert world.repeated() == 0


def test_what_is_older_than_max_catch_up_is_given_up_and_announced(world: Any, tmp_path: Path) -> None:
    world.flow(5, 900)
    world.start(state_dir=tmp_path).run(10)
    world.clock.elapsed_s += 600
    world.feed()
    simulation = world.start(state_dir=tmp_path, max_catch_up_ms=300_000)
    simulation.run(60)
    said = [message for message in simulation.messages if message.code == "max_catch_up"]
    assert len(said) == 1
    assert "--since" in said[0].text
    skipped = simulation.dispatcher.status()[0][0].counters.skipped_ms
    assert 290_000 < skipped < 450_000
    begin = world.clock.now_ms() - 60_000 - 300_000
    lost = {int(event_id) for _, event_id in world.lost()}
    known = [one for one in world.store._events if one.timestamp_ms < world.clock.now_ms() - 10_000]
    unread = [one.timestamp_ms for one in known if one.serial in lost]
    assert unread
    assert max(unread) < begin + 1_000


def test_a_first_start_reads_from_now_minus_shift(world: Any) -> None:
    now = world.clock.now_ms()
    for age_ms in (60_000, 31_000, 29_000, 1_000):
        world.store.put(now - age_ms)
    world.start(shift_ms=30_000).run(150)
    assert {int(event_id) for _, event_id in world.alerted()} == {2, 3}


def test_a_pass_that_is_no_longer_configured_leaves_nothing_unread(world: Any, tmp_path: Path) -> None:
    world.flow(10, 60, with_late(0.3, 150.0, 300.0))
    both = (TrailingPass("settled", 60_000), TrailingPass("last", 600_000))
    world.start(state_dir=tmp_path, trailing=both).run(120)
    world.start(state_dir=tmp_path, trailing=(TrailingPass("other", 320_000),)).run(400)
    assert world.lost() == []
    assert world.repeated() == 0


def test_a_time_range_is_read_once_and_ends(world: Any, tmp_path: Path) -> None:
    begin = world.clock.now_ms()
    world.flow(50, 300)
    world.clock.elapsed_s += 400
    world.feed()
    wanted = TimeRange(begin + 100_000, begin + 199_999)
    simulation = world.start(time_range=wanted)
    reader = simulation.dispatcher.readers[0]
    simulation.run(300, until=lambda: reader.done)
    assert reader.done
    assert simulation.dispatcher.status()[0][0].state == "done"
    inside = {e.serial for e in world.store._events if wanted.since_ms <= e.timestamp_ms <= wanted.until_ms}
    assert {int(event_id) for _, event_id in world.alerted()} == inside
    assert world.repeated() == 0
