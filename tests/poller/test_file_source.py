"""Files, directories and standard input."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcoeks_fast.poller import file_source
from falcoeks_fast.poller.file_source import FileSource, files_by_age
from falcoeks_fast.poller.messages import Message


class Lines:
    """A `LineSink` that keeps what it gets."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def accept_lines(self, chunk: bytes, last: bool) -> int:
        end = len(chunk) if last else chunk.rfind(b"\n") + 1
        self.lines += [line for line in chunk[:end].split(b"\n") if line]
        return end

    def accept_payload(self, body: bytes) -> None:
        raise AssertionError("files have lines")


def read(path: Path | str, chunk_bytes: int = 1 << 20) -> tuple[list[bytes], str, list[Message]]:
    sink = Lines()
    messages: list[Message] = []
    source = FileSource(str(path), sink, on_message=messages.append, chunk_bytes=chunk_bytes)
    source.start()
    assert source.join(20)
    return sink.lines, source.error, messages


lines = st.lists(st.binary(min_size=1, max_size=20).map(lambda raw: raw.replace(b"\n", b" ")), max_size=12)


@given(content=lines, chunk_bytes=st.integers(1, 50), ended=st.booleans())
def test_every_line_comes_once_whatever_the_chunks(
    tmp_path_factory: pytest.TempPathFactory, content: list[bytes], chunk_bytes: int, ended: bool
) -> None:
    path = tmp_path_factory.mktemp("lines") / "events.jsonl"
    path.write_bytes(b"\n".join(content) + (b"\n" if ended else b""))
    assert read(path, chunk_bytes)[:2] == (content, "")


def test_a_directory_in_order_of_modification(tmp_path: Path) -> None:
    for name, age in (("a", 10), ("b", 30), ("c", 20)):
        (tmp_path / name).write_bytes(name.encode())
        os.utime(tmp_path / name, (1_700_000_000 - age, 1_700_000_000 - age))
    (tmp_path / "folder").mkdir()
    assert [path.name for path in files_by_age(tmp_path)] == ["b", "c", "a"]
    assert read(tmp_path)[:2] == ([b"b", b"c", b"a"], "")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    found, error, _ = read(tmp_path / "absent.jsonl")
    assert found == []
    assert "absent.jsonl" in error
    assert "No such file" in error


def test_a_line_that_is_too_long_loses_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_source, "_LONGEST_LINE_BYTES", 1_000)
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"one\n" + b"x" * 5_000 + b"\ntwo\n")
    found, error, messages = read(path, chunk_bytes=100)
    assert (found[0], found[-1], error) == (b"one", b"two", "")
    assert len(b"".join(found)) < 1_500
    assert all(message.code == "long_line" for message in messages)
    assert messages


def test_standard_input_and_a_stop_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        sink = Lines()
        source = FileSource("-", sink, on_message=lambda _: None)
        source.start()
        os.write(writing, b"one\ntw")
        done = threading.Event()
        while not sink.lines and not done.wait(0.01):
            pass
        assert not source.join(0)
        source.stop()
        assert source.join(20)
    os.close(writing)
    assert sink.lines == [b"one"]
