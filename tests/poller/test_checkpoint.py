"""The checkpoint file, and the lock of its directory."""

from __future__ import annotations

import multiprocessing
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcoeks_fast.poller.checkpoint import (
    MAX_ALERTS,
    AlertLog,
    Checkpoint,
    CheckpointUnusable,
    PassState,
    checkpoint_path,
    load,
    save,
    set_aside,
)
from falcoeks_fast.poller.page import Cluster
from falcoeks_fast.poller.state_dir import StateDirError, StateLock
from falcoeks_fast.poller.windows import Span


def some_state() -> Checkpoint:
    log = AlertLog()
    log.add([("0123456789abcdef" * 2, 1_764_000_000_123), ("f" * 32, 1_764_000_060_000)])
    passes = {"early": PassState(1_000, (Span(10, 20), Span(900, 950))), "settled": PassState(500)}
    return Checkpoint(1_764_000_100_000, passes, "123456789012", log.packed())


def test_what_is_saved_is_loaded(tmp_path: Path, cluster: Cluster) -> None:
    path = checkpoint_path(tmp_path, cluster)
    save(path, cluster, some_state())
    assert load(path, cluster) == some_state()
    assert AlertLog.unpacked(some_state().alerts)[0] == ("0123456789abcdef" * 2, 1_764_000_000_123)


def test_a_file_only_its_owner_may_read_and_nothing_else_is_left(tmp_path: Path, cluster: Cluster) -> None:
    path = checkpoint_path(tmp_path, cluster)
    os.umask(0o000)
    try:
        save(path, cluster, some_state())
        save(path, cluster, some_state())
    finally:
        os.umask(0o022)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    path = checkpoint_path(tmp_path, cluster)
    save(path, cluster, some_state())

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="No space"):
        save(path, cluster, replace(some_state(), account="other"))
    monkeypatch.undo()
    assert load(path, cluster) == some_state()
    assert list(tmp_path.iterdir()) == [path]


def test_no_file_is_no_error(tmp_path: Path, cluster: Cluster) -> None:
    assert load(checkpoint_path(tmp_path, cluster), cluster) is None


@given(at=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_every_changed_byte_is_noticed(tmp_path_factory: pytest.TempPathFactory, at: int, flip: int) -> None:
    cluster = Cluster("prod", "eu-west-1")
    path = checkpoint_path(tmp_path_factory.mktemp("state"), cluster)
    save(path, cluster, some_state())
    content = bytearray(path.read_bytes())
    content[at % len(content)] ^= flip
    path.write_bytes(content)
    with pytest.raises(CheckpointUnusable):
        load(path, cluster)


@pytest.mark.parametrize("content", [b"", b"\n", b"{}", b"falcoeks-fast checkpoint 2 0\n{}", b"\xff" * 5_000])
def test_other_files_are_not_taken_for_checkpoints(tmp_path: Path, cluster: Cluster, content: bytes) -> None:
    path = checkpoint_path(tmp_path, cluster)
    path.write_bytes(content)
    with pytest.raises(CheckpointUnusable) as caught:
        load(path, cluster)
    assert not caught.value.foreign


def test_a_cut_file_is_noticed(tmp_path: Path, cluster: Cluster) -> None:
    path = checkpoint_path(tmp_path, cluster)
    save(path, cluster, some_state())
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointUnusable):
        load(path, cluster)


def test_the_checkpoint_of_another_cluster_is_foreign(tmp_path: Path, cluster: Cluster) -> None:
    other = replace(cluster, name="staging")
    path = checkpoint_path(tmp_path, cluster)
    save(path, other, some_state())
    with pytest.raises(CheckpointUnusable, match="staging") as caught:
        load(path, cluster)
    assert caught.value.foreign


def test_clusters_of_one_name_have_files_of_their_own(tmp_path: Path, cluster: Cluster) -> None:
    like = [
        cluster,
        replace(cluster, region="us-east-1"),
        replace(cluster, role_arn="arn:aws:iam::210987654321:role/x"),
        replace(cluster, endpoint_url="http://127.0.0.1:1"),
        replace(cluster, name="../../etc/passwd"),
    ]
    paths = {checkpoint_path(tmp_path, one) for one in like}
    assert len(paths) == len(like)
    assert all(path.parent == tmp_path for path in paths)


def test_set_aside_keeps_the_content(tmp_path: Path, cluster: Cluster) -> None:
    path = checkpoint_path(tmp_path, cluster)
    path.write_bytes(b"damaged")
    kept = set_aside(path, "damaged", 17)
    assert not path.exists()
    assert kept.read_bytes() == b"damaged"


def test_the_alert_log_forgets_what_will_not_be_read_again() -> None:
    log = AlertLog()
    log.add((f"{minute:032x}", minute * 60_000) for minute in range(100))
    log.expire(90 * 60_000)
    assert [time for _, time in sorted(AlertLog.unpacked(log.packed()))] == [m * 60_000 for m in range(90, 100)]
    assert log.count == 10


def test_the_alert_log_is_bounded() -> None:
    log = AlertLog()
    for minute in range(30):
        log.add((f"{n:032x}", minute * 60_000) for n in range(10_000))
    log.expire(0)
    assert log.count <= MAX_ALERTS
    assert len(log.packed()) == 22 * log.count


def test_an_alert_id_of_another_form_is_refused() -> None:
    with pytest.raises(ValueError, match="alert id"):
        AlertLog().add([("abcd", 1)])


def hold(state_dir: Path, held: multiprocessing.synchronize.Event) -> None:
    lock = StateLock(state_dir)
    lock.prepare()
    assert lock.acquire()
    held.set()
    multiprocessing.Event().wait()


def test_one_process_holds_the_lock_until_it_dies(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    held = context.Event()
    other = context.Process(target=hold, args=(tmp_path, held), daemon=True)
    other.start()
    assert held.wait(10)
    lock = StateLock(tmp_path)
    lock.prepare()
    assert not lock.acquire()
    assert lock.holder() == str(other.pid)
    other.kill()
    other.join(10)
    assert lock.acquire()
    lock.release()


def test_a_state_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateDirError, match="state_dir"):
        StateLock(tmp_path / "file" / "state").prepare()


def test_the_state_directory_is_private(tmp_path: Path) -> None:
    lock = StateLock(tmp_path / "state")
    lock.prepare()
    lock.release()
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
