"""The output that promises delivery: receivers that are down, crashes, full disks, restarts."""

from __future__ import annotations

import logging
import os
import resource
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path

import pytest

from falcoeks_fast.engine.outputs.channel import ChannelState
from falcoeks_fast.engine.outputs.dispatcher import Dispatcher, make_channel
from falcoeks_fast.engine.outputs.parcel import Alert, ListParcel, Parcel
from falcoeks_fast.engine.outputs.settings import HttpSettings, OutputsSettings, QueueSettings
from falcoeks_fast.engine.outputs.sink import Undelivered
from falcoeks_fast.engine.outputs.spool import Spool
from falcoeks_fast.engine.outputs.spool_channel import SpoolChannel

from .tools import PATIENCE_S, Receiver, environment, free_port, receiver, until

WRITER = Path(__file__).with_name("spool_writer.py")


class Gate:
    """A sink that delivers while it is open. Implements `Sink`."""

    max_attempts = 0

    def __init__(self, *, is_open: bool = True) -> None:
        self.is_open = is_open
        self.numbers: list[int] = []
        self.attempts = 0
        self.closed = False

    def deliver(self, parcel: Parcel, start: int, abort: threading.Event) -> int:
        self.attempts += 1
        if not self.is_open:
            raise Undelivered("nobody is there", "open the gate")
        self.numbers += [int(alert.body) for alert in parcel.alerts(start)]
        return 0

    def reopen(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def parcel(*numbers: int, priority: int = 4) -> ListParcel:
    return ListParcel([Alert(b"%d" % number, priority, f"{number:032x}") for number in numbers])


class Line:
    """A channel under test, with what it said."""

    def __init__(
        self, directory: Path, sink: Gate, *, limit: int = 1 << 20, queue: QueueSettings | None = None
    ) -> None:
        self.sink = sink
        settings = queue or QueueSettings(output_timeout_s=0.5, retry_delay_max_s=0.05)
        self.channel = SpoolChannel("http", sink, settings, Spool(directory, limit))
        self.channel.start()

    def send(self, *numbers: int, priority: int = 4, wait: bool = False) -> Future[bool]:
        told: Future[bool] = Future()
        if not self.channel.offer(parcel(*numbers, priority=priority), told.set_result, wait=wait):
            told.set_result(False)
        return told

    @property
    def state(self) -> ChannelState:
        return self.channel.state()

    def stop(self) -> int:
        self.channel.begin_stop()
        return self.channel.give_up()


@pytest.fixture
def spool_dir(tmp_path: Path) -> Path:
    return tmp_path / "state" / "spool" / "http"


def test_while_the_receiver_takes_them_alerts_never_touch_the_disk(spool_dir: Path) -> None:
    line = Line(spool_dir, Gate())
    told = [line.send(i) for i in range(50)]
    assert all(it.result(PATIENCE_S) for it in told)
    assert line.sink.numbers == list(range(50))
    assert list(spool_dir.glob("*.spool")) == []
    assert line.stop() == 0
    assert line.sink.closed


def test_what_the_receiver_does_not_take_is_accepted_by_the_disk_and_delivered_later_in_order(
    spool_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    line = Line(spool_dir, Gate(is_open=False))
    with caplog.at_level(logging.INFO, "falcoeks_fast"):
        told = [line.send(i, priority=i % 8) for i in range(200)]
        assert all(it.result(PATIENCE_S) for it in told)
        until(lambda: line.state.spooled == 200, "all on disk")
        assert line.state.queued == 0
        assert line.state.trouble == "nobody is there"
        assert line.sink.numbers == []
        line.sink.is_open = True
        later = line.send(200)
        assert later.result(PATIENCE_S)
        until(lambda: len(line.sink.numbers) == 201, "the deliveries")
    assert line.sink.numbers == list(range(201))
    until(lambda: not line.state.trouble and line.state.spooled == 0, "an empty spool")
    assert (line.state.delivered, line.state.dropped) == (201, 0)
    assert caplog.text.count("nobody is there. What to do: open the gate") == 1
    assert "works again after" in caplog.text
    line.stop()


def test_a_stop_leaves_the_rest_on_disk_for_the_next_start(spool_dir: Path) -> None:
    first = Line(spool_dir, Gate(is_open=False))
    told = first.send(1, 2, 3)
    assert first.stop() == 0
    assert told.result(PATIENCE_S) is True, "on disk is accepted"
    second = Line(spool_dir, Gate())
    second.send(4)
    until(lambda: len(second.sink.numbers) == 4, "the alerts of before and the new one")
    assert second.sink.numbers == [1, 2, 3, 4]
    second.stop()


def test_what_is_read_again_after_a_crash_is_not_spooled_twice(spool_dir: Path) -> None:
    first = Line(spool_dir, Gate(is_open=False))
    assert first.send(1, 2, 3).result(PATIENCE_S)
    first.stop()
    second = Line(spool_dir, Gate(is_open=False))
    again = [second.send(2, 3), second.send(3, 4), second.send(1)]
    assert all(told.result(PATIENCE_S) for told in again)
    second.sink.is_open = True
    until(lambda: len(second.sink.numbers) == 4, "the deliveries")
    assert second.send(2).result(PATIENCE_S), "delivered by now, but it is the same alert"
    second.send(5)
    until(lambda: 5 in second.sink.numbers, "the next one")
    assert second.sink.numbers == [1, 2, 3, 4, 5]
    second.stop()


def test_the_outputs_of_after_a_reload_wait_for_those_of_before(spool_dir: Path) -> None:
    old = Line(spool_dir, Gate(is_open=False))
    old.send(1, 2).result(PATIENCE_S)
    new = Line(spool_dir, Gate())
    told = new.send(3)
    time.sleep(0.3)
    assert (told.done(), new.sink.numbers) == (False, []), "not before the older ones"
    old.stop()
    until(lambda: new.sink.numbers == [1, 2, 3], "all in order")
    assert told.result(PATIENCE_S)
    new.stop()


def test_a_full_spool_drops_the_least_severe_and_says_so(spool_dir: Path) -> None:
    line = Line(spool_dir, Gate(is_open=False), limit=4_096)
    for number in range(100):
        line.send(number, priority=7 if number < 60 else 2).result(PATIENCE_S)
    dropped = line.state.dropped
    assert dropped > 0
    (said,) = line.channel.news()
    assert f"{dropped} alerts were dropped" in said
    assert line.channel.news() == []
    line.sink.is_open = True
    until(lambda: line.state.spooled == 0, "the deliveries")
    assert len(line.sink.numbers) + dropped == 100
    assert set(range(60, 100)) <= set(line.sink.numbers)
    assert line.sink.numbers == sorted(line.sink.numbers)
    line.stop()


def test_a_full_disk_is_said_once_and_nothing_is_accepted_until_there_is_room(
    spool_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    full = [True]
    write = os.write

    def limited(descriptor: int, data: bytes) -> int:
        if full[0] and os.readlink(f"/proc/self/fd/{descriptor}").endswith(".spool"):
            raise OSError(28, "No space left on device")
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", limited)
    line = Line(spool_dir, Gate(is_open=False), queue=QueueSettings(max_bytes=10, retry_delay_max_s=0.05))
    with caplog.at_level(logging.INFO, "falcoeks_fast"):
        first = line.send(1000)
        until(lambda: "cannot be put on disk: No space left on device" in caplog.text, "the message")
        second = line.send(2000)
        refused = line.send(3000, 3001, 3002)
        assert refused.result(PATIENCE_S) is False, "the page is read again"
        assert not first.done()
        assert line.state.trouble
        full[0] = False
        assert first.result(PATIENCE_S)
        assert second.result(PATIENCE_S)
    assert caplog.text.count("No space left on device") == 1
    until(lambda: "alerts are put there again" in caplog.text, "the message that it is over")
    line.sink.is_open = True
    until(lambda: line.sink.numbers == [1000, 2000], "the deliveries")
    line.stop()


def test_a_directory_that_cannot_be_used_is_said_and_alerts_still_go_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    with caplog.at_level(logging.INFO, "falcoeks_fast"):
        line = Line(tmp_path / "file" / "http", Gate())
        assert line.send(1, 2).result(PATIENCE_S)
    assert line.sink.numbers == [1, 2]
    assert "alerts cannot be put on disk" in caplog.text
    assert line.state.trouble == "", "nothing is waiting"
    line.stop()


def test_the_dispatcher_announces_dropped_alerts(tmp_path: Path) -> None:
    said: list[str] = []
    settings = OutputsSettings(
        http=HttpSettings(f"http://127.0.0.1:{free_port()}/", timeout_s=1.0),
        spool_dir=str(tmp_path),
        spool_bytes=4_096,
        queue=QueueSettings(output_timeout_s=0.1, retry_delay_max_s=0.05),
    )
    dispatcher = Dispatcher(settings, said.append)
    dispatcher.start()
    for number in range(100):
        dispatcher.submit(parcel(number)).result(PATIENCE_S)
    until(lambda: said, "an announcement")
    assert "Spool of output http is full" in said[0]
    assert dispatcher.stop() == 0


@pytest.mark.parametrize(("spool_bytes", "kind"), [(0, "Channel"), (4_096, "SpoolChannel")])
def test_no_spool_without_room_or_promise(tmp_path: Path, spool_bytes: int, kind: str) -> None:
    settings = OutputsSettings(
        stdout=True, http=HttpSettings("http://x/"), spool_dir=str(tmp_path), spool_bytes=spool_bytes
    )
    assert type(make_channel("http", settings)).__name__ == kind
    assert type(make_channel("stdout", settings)).__name__ == "Channel"


class Writer:
    """`spool_writer.py` in the background."""

    def __init__(self, directory: Path, url: str, first: int, count: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(WRITER), str(directory), url, str(first), str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        self.lines: list[str] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.strip())

    @property
    def taken(self) -> list[int]:
        return [int(line.split()[1]) for line in list(self.lines) if line.startswith("taken ")]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE_S)
        self._thread.join(PATIENCE_S)

    def end(self) -> str:
        assert self.process.stdin is not None
        assert self.process.stderr is not None
        self.process.stdin.close()
        said = self.process.stderr.read()
        self.process.wait(PATIENCE_S)
        return said


@pytest.fixture
def port() -> int:
    return free_port()


def test_killed_twice_while_the_receiver_is_down_nothing_accepted_is_missing(tmp_path: Path, port: int) -> None:
    url = f"http://127.0.0.1:{port}/"
    accepted: list[int] = []
    for first in (0, 1_000):
        writer = Writer(tmp_path, url, first, 10_000)
        until(lambda writer=writer: len(writer.taken) > 100, "accepted alerts")
        writer.kill()
        accepted += writer.taken
    hook = Receiver(port=port)
    try:
        writer = Writer(tmp_path, url, 2_000, 20)
        until(lambda: hook.bodies and hook.bodies[-1] == b"2019", "the last alert")
        writer.end()
    finally:
        hook.close()
    arrived = [int(body) for body in hook.bodies]
    assert arrived == sorted(set(arrived)), "in order, once"
    assert set(accepted) <= set(arrived)
    assert set(range(2_000, 2_020)) <= set(arrived)
    assert {int(it["falcoeks-alert-id"], 16) for it in hook.headers} == set(arrived)


def test_killed_while_the_spool_is_delivered_at_most_the_alert_under_way_comes_twice(tmp_path: Path, port: int) -> None:
    url = f"http://127.0.0.1:{port}/"
    writer = Writer(tmp_path, url, 0, 300)
    until(lambda: len(writer.taken) == 300, "all accepted")
    writer.kill()
    hook = Receiver(lambda number: (time.sleep(0.002), (200, {}))[1], port=port)
    try:
        for seen in (40, 120):
            writer = Writer(tmp_path, url, 0, 0)
            until(lambda seen=seen: len(hook.bodies) >= seen, "some deliveries")
            writer.kill()
        writer = Writer(tmp_path, url, 0, 0)
        until(lambda: hook.bodies[-1] == b"299", "the last alert")
        writer.end()
    finally:
        hook.close()
    arrived = [int(body) for body in hook.bodies]
    assert arrived == sorted(arrived)
    assert set(arrived) == set(range(300))
    assert len(arrived) - 300 <= 2, "one for each kill"


def test_a_quota_that_is_used_up_and_raised_again(tmp_path: Path, port: int) -> None:
    url = f"http://127.0.0.1:{port}/"
    writer = Writer(tmp_path, url, 0, 400)
    resource.prlimit(writer.process.pid, resource.RLIMIT_FSIZE, (600, resource.RLIM_INFINITY))
    until(lambda: "done" in writer.lines, "all offered")
    some = len(writer.taken)
    assert some < 400, "the files are full"
    resource.prlimit(writer.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    until(lambda: len(writer.taken) == 400, "all accepted once there is room")
    with_receiver = Receiver(port=port)
    try:
        until(lambda: len(with_receiver.bodies) == 400, "all delivered")
    finally:
        with_receiver.close()
    said = writer.end()
    assert [int(body) for body in with_receiver.bodies] == list(range(400))
    assert said.count("cannot be put on disk: File too large") == 1


def test_a_receiver_that_refuses_one_alert_blocks_nothing(tmp_path: Path) -> None:
    with receiver(lambda number: (400, {}) if number == 1 else (200, {})) as hook:
        writer = Writer(tmp_path, hook.url, 0, 3)
        until(lambda: len(writer.taken) == 3, "all decided")
        writer.end()
    assert [int(body) for body in hook.bodies] == [0, 1, 2]
    assert "400" in (tmp_path / "dead" / "http.jsonl").read_text()
