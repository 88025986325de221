"""The source with its threads, against the stand-in over HTTP."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from falcoeks_fast.bench.fake_cloudwatch.server import FakeServer
from falcoeks_fast.bench.fake_cloudwatch.service import FakeCloudWatch
from falcoeks_fast.bench.fake_cloudwatch.sink import ReferenceSink
from falcoeks_fast.bench.fake_cloudwatch.store import LogStore, event_id
from falcoeks_fast.poller import crew as crew_module
from falcoeks_fast.poller import source as source_module
from falcoeks_fast.poller.checkpoint import checkpoint_path, load
from falcoeks_fast.poller.client import Fetched, Fetcher
from falcoeks_fast.poller.clock import SystemClock
from falcoeks_fast.poller.messages import Message
from falcoeks_fast.poller.page import Cluster, Page
from falcoeks_fast.poller.page_buffer import PageBuffer
from falcoeks_fast.poller.settings import PollerSettings, TimeRange
from falcoeks_fast.poller.source import CloudWatchSource, Progress
from falcoeks_fast.poller.state_dir import StateLock

WAIT_S = 20.0


def until(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return condition()


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Site:
    def __init__(self, cluster: Cluster, state: Path, url: str, service: FakeCloudWatch) -> None:
        self.cluster = replace(cluster, endpoint_url=url)
        self.state = state
        self.service = service
        self.store = service.groups[cluster.log_group] = LogStore([])
        self.messages: list[Message] = []
        self.sources: list[CloudWatchSource] = []

    def source(self, sink: ReferenceSink, **more: Any) -> CloudWatchSource:
        settings: dict[str, Any] = {"state_dir": self.state, "checkpoint_every_s": 0.1, "shift_ms": 60_000}
        handlers = {name: more.pop(name) for name in ("on_status", "on_progress", "fetchers") if name in more}
        chosen = PollerSettings((self.cluster,), **{**settings, **more})
        source = CloudWatchSource(chosen, sink, on_message=self.messages.append, **handlers)
        self.sources.append(source)
        return source

    def said(self, words: str) -> bool:
        return any(words in message.text for message in list(self.messages))


@pytest.fixture
def site(no_aws: Path, cluster: Cluster, tmp_path: Path) -> Iterator[Site]:
    service = FakeCloudWatch(call_s=0.0, s_per_mb=0.0)
    with FakeServer(service) as server:
        place = Site(cluster, tmp_path / "state", server.url, service)
        yield place
        for source in place.sources:
            source.stop()


@pytest.fixture
def sink() -> ReferenceSink:
    return ReferenceSink(SystemClock())


def test_an_event_becomes_an_alert_and_is_not_repeated_after_a_restart(site: Site, sink: ReferenceSink) -> None:
    first = site.store.put_text(now_ms() - 5_000, "{}")
    source = site.source(sink)
    source.start()
    assert until(lambda: len(sink.alerts) == 1)
    second = site.store.put_text(now_ms(), "{}")
    assert until(lambda: len(sink.alerts) == 2)
    source.stop()
    assert source.join(0)
    assert source.error == ""
    state = load(checkpoint_path(site.state, site.cluster), site.cluster)
    assert state is not None
    assert len(state.alerts) == 2 * 22
    third = site.store.put_text(now_ms(), "{}")
    again = ReferenceSink(SystemClock())
    site.source(again).start()
    assert until(lambda: len(again.alerts) == 1)
    seen = [alert.event_id for alert in sink.alerts + again.alerts]
    assert sorted(seen) == [event_id(one) for one in (first, second, third)]


def test_it_stops_in_time_although_aws_does_not_answer(site: Site, sink: ReferenceSink) -> None:
    site.service._call_s = 60.0
    source = site.source(sink, stop_within_s=1.0)
    source.start()
    assert until(lambda: site.service.served.calls > 0)
    source.stop()
    assert source.join(0)
    assert site.service.served.calls > source.status().clusters[0].counters.pages
    assert load(checkpoint_path(site.state, site.cluster), site.cluster) is not None


def test_a_stop_waits_for_the_outputs(site: Site) -> None:
    asked = threading.Event()
    waiting: list[Future[None]] = []

    def accept(_: Page, future: Future[None]) -> None:
        waiting.append(future)
        asked.set()

    slow = ReferenceSink(SystemClock(), accept)
    site.store.put_text(now_ms() - 5_000, "{}")
    source = site.source(slow, stop_within_s=10.0)
    source.start()
    assert asked.wait(WAIT_S)
    stopper = threading.Thread(target=source.stop)
    stopper.start()
    time.sleep(0.2)
    assert not source.join(0)
    for future in waiting:
        future.set_result(None)
    stopper.join(WAIT_S)
    assert source.join(0)
    state = load(checkpoint_path(site.state, site.cluster), site.cluster)
    assert state is not None
    assert len(state.alerts) == 22


def test_a_second_instance_waits_and_then_goes_on(site: Site, sink: ReferenceSink) -> None:
    first = site.source(sink)
    first.start()
    assert until(lambda: site.service.served.calls > 0)
    other_sink = ReferenceSink(SystemClock())
    second = site.source(other_sink)
    second.start()
    assert until(lambda: site.said("another instance"))
    assert site.said(f"process {os.getpid()}")
    assert second.status().waiting_for_lock
    site.store.put_text(now_ms(), "{}")
    assert until(lambda: len(sink.alerts) == 1)
    first.stop()
    assert until(lambda: site.said("going on from the checkpoint of"))
    late = site.store.put_text(now_ms(), "{}")
    assert until(lambda: len(other_sink.alerts) == 1)
    assert [alert.event_id for alert in other_sink.alerts] == [event_id(late)]


def test_an_instance_that_waits_can_be_stopped(site: Site, sink: ReferenceSink) -> None:
    holder = StateLock(site.state)
    holder.prepare()
    assert holder.acquire()
    source = site.source(sink)
    source.start()
    assert until(lambda: source.status().waiting_for_lock)
    source.stop()
    assert source.join(0)
    assert site.service.served.calls == 0
    holder.release()


@pytest.mark.parametrize(("content", "word"), [(b"no checkpoint at all", "damaged"), (None, "foreign")])
def test_an_unusable_checkpoint_is_set_aside(site: Site, sink: ReferenceSink, content: bytes | None, word: str) -> None:
    path = checkpoint_path(site.state, site.cluster)
    if content is None:
        other = replace(site.cluster, name="other")
        site.service.groups[other.log_group] = LogStore([])
        maker = CloudWatchSource(PollerSettings((other,), state_dir=site.state), sink, on_message=site.messages.append)
        maker.start()
        assert until(lambda: maker.status().clusters != () and maker.status().clusters[0].state == "reading")
        maker.stop()
        os.replace(checkpoint_path(site.state, other), path)
    else:
        site.state.mkdir()
        path.write_bytes(content)
    # Written a while ago: a damaged one must not lose what happened since.
    before = now_ms() - 500_000
    os.utime(path, (before / 1000, before / 1000))
    site.store.put_text(now_ms() - 400_000, "{}")
    site.store.put_text(now_ms() - 1_000, "{}")
    source = site.source(sink)
    source.start()
    wanted = 2 if word == "damaged" else 1
    assert until(lambda: len(sink.alerts) == wanted)
    source.stop()
    kept = [one for one in site.state.iterdir() if f".{word}-" in one.name]
    assert len(kept) == 1
    assert site.said(f"checkpoint {path} cannot be used")
    assert site.said(str(kept[0]))


def test_without_a_usable_state_directory_it_goes_on(site: Site, sink: ReferenceSink, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    site.store.put_text(now_ms() - 5_000, "{}")
    source = site.source(sink, state_dir=tmp_path / "file" / "state")
    source.start()
    assert until(lambda: len(sink.alerts) == 1)
    assert site.said("Going on without a checkpoint")


def test_a_range_ends_by_itself_and_tells_how_far_it_is(site: Site, sink: ReferenceSink) -> None:
    begin = now_ms() - 3_600_000
    for minute in range(60):
        site.store.put_text(begin + minute * 60_000, "{}")
    progress: list[Progress] = []
    wanted = TimeRange(begin + 600_000, begin + 1_800_000 - 1)
    source = site.source(sink, time_range=wanted, on_progress=progress.append)
    source.start()
    assert source.join(WAIT_S)
    assert source.error == ""
    assert len(sink.alerts) == 20
    assert progress[-1] == Progress(1_200_000, 1_200_000, 20)
    assert not site.state.exists()


def test_what_can_never_work_ends_with_an_error(site: Site, sink: ReferenceSink) -> None:
    site.cluster = replace(site.cluster, profile="absent")
    source = site.source(sink)
    source.start()
    assert source.join(WAIT_S)
    assert "absent" in source.error


def test_the_next_page_is_fetched_while_one_is_evaluated(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((source_module, "_TIDY_S"), (crew_module, "_LONGEST_WAIT_S")):
        monkeypatch.setattr(module, name, 600.0)  # nobody looks by chance
    for age_ms in (5_000, 4_000, 3_000):
        site.store.put_text(now_ms() - age_ms, "x" * 700_000)
    asked = threading.Event()
    ask = site.service.filter_log_events

    def spy(parameters: dict[str, Any], at_ms: int) -> Any:
        if "nextToken" in parameters:
            asked.set()
        return ask(parameters, at_ms)

    site.service.filter_log_events = spy  # type: ignore[method-assign]
    overlapped: list[bool] = []

    def accept(page: Page, accepted: Future[None]) -> None:
        if not overlapped and b'"nextToken"' in bytes(page.body):
            overlapped.append(asked.wait(WAIT_S / 4))
        accepted.set_result(None)

    wanted = TimeRange(now_ms() - 60_000, now_ms())
    source = site.source(ReferenceSink(SystemClock(), accept), time_range=wanted, checkpoint_every_s=600.0)
    source.start()
    assert until(lambda: bool(overlapped))
    assert overlapped == [True]


def test_a_status_comes_regularly(site: Site, sink: ReferenceSink) -> None:
    site.store.put_text(now_ms() - 5_000, "{}")
    heard = threading.Event()
    source = site.source(sink, status_every_s=0.1, on_status=lambda _: heard.set())
    source.start()
    assert heard.wait(WAIT_S)
    assert until(lambda: source.status().clusters[0].counters.alerts == 1)
    assert until(lambda: source.status().clusters[0].state == "reading")
    status = source.status()
    line = status.clusters[0].line
    assert line.startswith("prod: reading, lag ")
    assert "1 events" in line
    assert status.budgets[0].calls >= 1
    assert status.clusters[0].counters.bytes > 0


class Crashing:
    """A fetcher with a defect."""

    def fetch(self, start_ms: int, end_ms: int, token: str | None, buffer: PageBuffer) -> Fetched:
        raise ZeroDivisionError("a defect")

    def renew(self) -> None:
        """Nothing."""

    def identity(self) -> tuple[str, str]:
        return "123456789012", ""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_defect_in_a_thread_is_not_silent(site: Site, sink: ReferenceSink) -> None:
    def make(_: Cluster) -> Fetcher:
        return Crashing()

    source = site.source(sink, fetchers=make)
    source.start()
    assert source.join(WAIT_S)
    assert "a defect" in source.error


def test_refused_credentials_are_read_anew(site: Site, sink: ReferenceSink) -> None:
    site.service.faults.expired = True
    site.store.put_text(now_ms() - 5_000, "{}")
    source = site.source(sink)
    source.start()
    assert until(lambda: site.said("renew them"))
    site.service.faults.expired = False
    assert until(lambda: len(sink.alerts) == 1)
    assert until(lambda: site.said("reading again"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"clusters": ()}, "no cluster is configured"),
        ({"clusters": (Cluster("", "eu-west-1"),)}, "can't be empty"),
        ({"clusters": (Cluster("a", "r"), Cluster("a", "r"))}, "configured twice"),
        ({"trailing": ()}, "passes"),
        ({"threads": 0}, "threads"),
        ({"time_range": TimeRange(2, 1)}, "--since"),
    ],
)
def test_settings_that_can_never_work(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        PollerSettings(**{"clusters": (Cluster("a", "r"),), **change})
