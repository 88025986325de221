"""The user's own events: lines, pages, walks."""

import json
from pathlib import Path

import pytest

from falcoeks_fast.bench.mix import Mix
from falcoeks_fast.bench.own_events import fetched_pages, file_pages
from falcoeks_fast.bench.user_measure import messages
from falcoeks_fast.bench.workload import WorkloadError

EVENTS = list(Mix(3).events(900))


def test_lines_become_pages_with_the_same_messages(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n".join(EVENTS) + b"\n\n")
    pages = file_pages(file)
    assert pages.events == len(EVENTS)
    assert len(pages.padded) > 1
    assert list(messages(pages, 1 << 30)) == EVENTS


def test_a_response_of_the_service_is_taken_as_it_is(tmp_path: Path) -> None:
    body = next(Mix(3).pages(50))
    file = tmp_path / "page.json"
    file.write_text(json.dumps(json.loads(body), indent=2))
    pages = file_pages(file)
    assert pages.events == 50
    assert bytes(pages.bodies[0]) == file.read_bytes()


@pytest.mark.parametrize("content", [b"", b"no json\n", b'{"kind":"Pod"}\n', b'{"events":[]}'])
def test_what_holds_no_audit_event_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(content)
    with pytest.raises(WorkloadError, match="holds no audit events"):
        file_pages(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorkloadError, match=r"missing\.jsonl: No such file"):
        file_pages(tmp_path / "missing.jsonl")


def test_a_log_is_walked_to_its_end_or_to_the_limit() -> None:
    bodies = list(Mix(3).pages(2000))
    assert len(bodies) > 2
    tokens: list[str | None] = []

    def fetch(token: str | None) -> bytes:
        tokens.append(token)
        return bodies[len(tokens) - 1]

    assert fetched_pages(fetch, "the log").events == 2000
    assert tokens[0] is None
    assert len(set(tokens)) == len(bodies)
    tokens.clear()
    assert len(fetched_pages(fetch, "the log", largest_bytes=1).padded) == 1
