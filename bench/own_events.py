"""Whose events `falcoeks-fast bench` measures: the user's own, from a file or a cluster's log, or the generated mix.

In: paths, or a function that fetches. Out: `Pages`, as FilterLogEvents would send them. Called by the command `bench`.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

from falcoeks_fast.bench.mix import LogEvent, pages
from falcoeks_fast.bench.workload import PADDING, Pages, WorkloadError
from falcoeks_fast.engine import _core

LARGEST_BYTES = 256 << 20
_START_MS = 1_795_000_000_000

Fetch = Callable[[str | None], bytes]
"""From a page's token (None: the first) to the body of its response."""


def file_pages(path: Path) -> Pages:
    """Events from JSON lines or from one FilterLogEvents response, at most 256 MiB. Raises WorkloadError."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES)
    except OSError as error:
        raise WorkloadError(f"cannot read the events file {path}: {error.strerror}") from error
    if is_page(content):
        return counted([content], str(path))
    messages = [line.strip() for line in content.split(b"\n")]
    return message_pages([message for message in messages if message], str(path))


def message_pages(messages: list[bytes], name: str) -> Pages:
    """Audit events, packed into pages. Raises WorkloadError if none is one."""
    rng = random.Random(1)
    return counted(list(pages(_log_events(messages), rng)), name)


def fetched_pages(fetch: Fetch, name: str, largest_bytes: int = LARGEST_BYTES) -> Pages:
    """Walk pages to their end, or to `largest_bytes`. Raises WorkloadError, and what `fetch` raises."""
    bodies = []
    token: str | None = None
    total_bytes = 0
    while True:
        body = fetch(token)
        bodies.append(body)
        total_bytes += len(body)
        token = _core.SplitPage(body).next_token
        if token is None or total_bytes >= largest_bytes:
            return counted(bodies, name)


def counted(bodies: list[bytes], name: str) -> Pages:
    """Pages with the number of audit events in them. Raises WorkloadError if there are none."""
    rules = _core.RuleSet(*_no_rules(), _core.Format())
    scanner = _core.Scanner(rules, _core.Numbering(), prefilter=False)
    origin = _core.Origin()
    batches = [scanner.scan_page(body, origin) for body in bodies]
    if not any(batch.events for batch in batches):
        raise WorkloadError(f"{name} holds no audit events: give JSON lines, or the response of FilterLogEvents")
    return Pages([body + PADDING for body in bodies], sum(batch.messages for batch in batches))


def is_page(content: bytes) -> bool:
    try:
        _core.SplitPage(content)
    except ValueError:
        return False
    return True


def _no_rules() -> tuple[bytes, bytes]:
    from falcoeks_fast.bench.workload import load, never_files

    plan = load("no rules", never_files()).plan
    return plan.wire(), plan.predicate_digest()


def _log_events(messages: list[bytes]) -> Iterator[LogEvent]:
    for number, message in enumerate(messages):
        escaped = json.dumps(message.decode("utf-8", "replace"), ensure_ascii=False)[1:-1].encode("utf-8", "replace")
        stamp_ms = _START_MS + number
        yield LogEvent(f"{number:056d}", f"kube-apiserver-audit-{0:032x}", stamp_ms, stamp_ms + 500, escaped)
