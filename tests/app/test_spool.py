"""The spool: order, bounds, crashes, full disks."""

from __future__ import annotations

import errno
import os
import stat
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falcoeks_fast.engine.outputs import spool_lane
from falcoeks_fast.engine.outputs.parcel import Alert
from falcoeks_fast.engine.outputs.spool import Spool, SpoolBusyError

ROOMY = 1 << 20
CRITICAL, WARNING, DEBUG = 2, 4, 7


def alert(number: int, priority: int = WARNING, size: int = 20) -> Alert:
    return Alert(f"{number}:".encode().ljust(size, b"x"), priority, f"{number:032x}")


def number(it: Alert) -> int:
    return int(it.body.split(b":")[0])


def opened(directory: Path, limit: int = ROOMY) -> Spool:
    spool = Spool(directory, limit)
    spool.open()
    return spool


def put(spool: Spool, *alerts: Alert) -> None:
    """As the channel does: write, publish, write the rest."""
    rest = list(alerts)
    while rest:
        written = spool.write(rest)
        spool.publish()
        assert written.error is None
        assert written.sequences, "a spool that is full goes on, too"
        rest = rest[len(written.sequences) :]


def drained(spool: Spool, count: int = -1) -> list[Alert]:
    found: list[Alert] = []
    while len(found) != count and (head := spool.head()) is not None:
        found.append(head.alert)
        spool.done(head.sequence)
    return found


def files(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.spool"))


def test_alerts_come_back_in_order_whole_and_once(tmp_path: Path) -> None:
    spool = opened(tmp_path / "s")
    alerts = [alert(i, priority=i % 8) for i in range(100)]
    put(spool, *alerts)
    assert spool.count == 100
    assert drained(spool) == alerts
    assert (spool.count, spool.bytes, spool.head()) == (0, 0, None)
    assert files(tmp_path / "s") == [], "what is done leaves the disk"


def test_nothing_is_seen_before_it_is_published(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.write([alert(1)])
    assert spool.head() is None
    spool.publish()
    assert drained(spool) == [alert(1)]


def test_files_are_for_the_owner_only(tmp_path: Path) -> None:
    put(opened(tmp_path / "a" / "s"), alert(1))
    assert stat.S_IMODE((tmp_path / "a" / "s").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a" / "s").iterdir()} == {0o600}


def test_what_is_done_stays_done_without_a_proper_end(tmp_path: Path) -> None:
    first = opened(tmp_path)
    put(first, *(alert(i, priority=i % 3) for i in range(50)))
    assert len(drained(first, 20)) == 20
    os.close(first._lock_descriptor)  # as kill -9 does; nothing is flushed or closed
    second = opened(tmp_path)
    assert [number(it) for it in drained(second)] == list(range(20, 50))


@pytest.mark.parametrize("cut", [1, 7, 8, 9, 30])
def test_a_torn_last_record_is_cut_and_counted(tmp_path: Path, cut: int) -> None:
    spool = opened(tmp_path)
    put(spool, *(alert(i) for i in range(3)))
    spool.close()
    (path,) = files(tmp_path)
    os.truncate(path, path.stat().st_size - cut)
    again = opened(tmp_path)
    assert again.counts.damaged == 1
    assert [number(it) for it in drained(again)] == [0, 1]
    put(again, alert(9))
    assert [number(it) for it in drained(again)] == [9]


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    put(spool, *(alert(i) for i in range(3)))
    spool.close()
    (path,) = files(tmp_path)
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    again = opened(tmp_path)
    assert (again.counts.damaged, [number(it) for it in drained(again)]) == (1, [0, 1])


def test_damage_while_running_costs_the_file_and_is_counted(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    put(spool, *(alert(i, size=5_000) for i in range(20)))
    first = files(tmp_path)[0]
    content = bytearray(first.read_bytes())
    content[6_000] ^= 1
    first.write_bytes(content)
    left = [number(it) for it in drained(spool)]
    assert left[0] == 0
    assert spool.counts.damaged == 1
    assert left[1:] == list(range(left[1], 20)), "the other files are whole"
    assert (spool.count, spool.bytes) == (0, 0)


def test_a_lost_cursor_only_repeats(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    put(spool, *(alert(i) for i in range(5)))
    drained(spool, 2)
    spool.close()
    (tmp_path / "cursor").write_bytes(b"\xff" * 1000)
    assert [number(it) for it in drained(opened(tmp_path))] == [0, 1, 2, 3, 4]


def test_a_half_written_cursor_slot_leaves_the_other(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    put(spool, *(alert(i) for i in range(5)))
    drained(spool, 3)
    spool.close()
    content = bytearray((tmp_path / "cursor").read_bytes())
    content[512 + 3] ^= 0xFF  # the third entry stands in the second slot
    (tmp_path / "cursor").write_bytes(content)
    assert [number(it) for it in drained(opened(tmp_path))] == [2, 3, 4]


def test_one_user_at_a_time(tmp_path: Path) -> None:
    first = opened(tmp_path)
    with pytest.raises(SpoolBusyError):
        opened(tmp_path)
    first.close()
    opened(tmp_path)


def test_when_full_the_least_severe_go_first_the_oldest_of_them_before_others(tmp_path: Path) -> None:
    spool = opened(tmp_path, 64 << 10)
    put(spool, *(alert(i, DEBUG, 1000) for i in range(20)))
    put(spool, *(alert(100 + i, WARNING, 1000) for i in range(20)))
    put(spool, *(alert(200 + i, CRITICAL, 1000) for i in range(50)))
    dropped = spool.counts.dropped
    left = [number(it) for it in drained(spool)]
    assert dropped[CRITICAL] == 0
    assert dropped[DEBUG] == 20, "before any that is more severe"
    assert dropped[WARNING] == 90 - 20 - len(left)
    assert left == [*range(100 + dropped[WARNING], 120), *range(200, 250)]


def test_a_less_severe_alert_does_not_push_out_a_more_severe_one(tmp_path: Path) -> None:
    spool = opened(tmp_path, 64 << 10)
    put(spool, *(alert(i, CRITICAL, 1000) for i in range(60)))
    before = spool.count
    put(spool, *(alert(500 + i, DEBUG, 1000) for i in range(30)))
    left = Counter(it.priority for it in drained(spool))
    assert left[CRITICAL] == before
    assert left[DEBUG] + spool.counts.dropped[DEBUG] == 30
    assert spool.counts.dropped[CRITICAL] == 0


def test_the_bound_holds_on_disk(tmp_path: Path) -> None:
    limit = 256 << 10
    spool = opened(tmp_path, limit)
    for i in range(2_000):
        put(spool, alert(i, i % 8, 700))
        assert spool.bytes <= limit
    on_disk = sum(path.stat().st_size for path in files(tmp_path))
    assert on_disk <= limit + 8 * (32 << 10), "half-used files of each severity included"


def test_an_alert_dropped_while_it_was_delivered_is_not_counted_as_dropped(tmp_path: Path) -> None:
    spool = opened(tmp_path, 64 << 10)
    put(spool, alert(0, DEBUG, 1000))
    head = spool.head()
    assert head is not None
    put(spool, *(alert(i, WARNING, 1000) for i in range(1, 63)))
    assert spool.counts.dropped[DEBUG] == 1
    spool.done(head.sequence)
    assert spool.counts.dropped[DEBUG] == 0


def test_a_full_disk_is_reported_and_leaves_no_half_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = opened(tmp_path)
    put(spool, alert(0), alert(1))
    room = [200]

    def write(descriptor: int, data: bytes) -> None:
        taken = data[: room[0]]
        os.write(descriptor, taken)
        room[0] -= len(taken)
        if len(taken) < len(data):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(spool_lane, "write_all", write)
    written = spool.write([alert(i) for i in range(2, 9)])
    spool.publish()
    assert written.error is not None
    assert written.error.errno == errno.ENOSPC
    safe = len(written.sequences)
    assert 0 < safe < 7
    room[0] = 1 << 20
    put(spool, *(alert(i) for i in range(2 + safe, 9)))
    spool.close()
    again = opened(tmp_path)
    assert again.counts.damaged == 0
    assert [number(it) for it in drained(again)] == list(range(9))


def test_what_could_not_be_synced_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = opened(tmp_path)
    put(spool, alert(0))

    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        written = spool.write([alert(1), alert(2)])
        spool.publish()
    assert (written.sequences, spool.count) == ((), 1)
    put(spool, alert(1), alert(2))
    spool.close()
    assert [number(it) for it in drained(opened(tmp_path))] == [0, 1, 2]


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.lists(st.integers(0, 7), min_size=1, max_size=5)),
        st.tuples(st.just("take"), st.integers(1, 4)),
        st.tuples(st.just("restart"), st.booleans()),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(actions=ACTIONS)
def test_it_is_a_queue_over_any_number_of_restarts(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, object]]
) -> None:
    directory = tmp_path_factory.mktemp("spool")
    spool = opened(directory)
    model: list[Alert] = []
    made = 0
    for kind, argument in actions:
        if kind == "put" and isinstance(argument, list):
            fresh = [alert(made + i, priority, 3_000) for i, priority in enumerate(argument)]
            made += len(fresh)
            put(spool, *fresh)
            model += fresh
        elif kind == "take" and isinstance(argument, int):
            taken = drained(spool, min(argument, len(model)))
            assert taken == model[: len(taken)]
            del model[: len(taken)]
        else:
            if argument:
                spool.close()
            else:
                os.close(spool._lock_descriptor)
                spool._lock_descriptor = -1
            spool = opened(directory)
            assert spool.counts.damaged == 0
        assert spool.count == len(model)
    assert drained(spool) == model
