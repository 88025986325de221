"""Scans 200,000 events and prints how far the process grew (bytes) after the first 20,000. Run by test_memory."""

from __future__ import annotations

import os
from pathlib import Path

from falcoeks_fast.bench.mix import Mix
from falcoeks_fast.engine import _core

from ..fuzz.rulesets import PACK, plan_of
from .tools import rule

EVENTS_AT_A_TIME = 10_000
ROUNDS = 20


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    plan = plan_of(PACK.read_bytes(), rule("get", "ka.verb in (get, create)").encode())
    rules = _core.RuleSet(plan.wire(), plan.predicate_digest(), _core.Format(json_output=True), match_all=True)
    origin = _core.Origin(cluster="c")
    reader = _core.Scanner(rules, _core.Numbering())
    pages = list(Mix(seed=2).pages(EVENTS_AT_A_TIME))
    lines = b"".join(event + b"\n" for event in Mix(seed=3).events(EVENTS_AT_A_TIME // 10))
    after_first, greatest, events, alerts = 0, 0, 0, 0
    for number in range(ROUNDS):
        seen = _core.SeenSet(bytes(range(16)))
        ticket = seen.ticket()
        for batch in (
            *(reader.scan_page(body, origin, seen, ticket) for body in pages),
            reader.scan_lines(lines, origin, last=True),
        ):
            events += batch.events
            alerts += len(batch.text)
        seen.confirm(ticket)
        if number == 1:
            after_first = resident_bytes()
        greatest = max(greatest, resident_bytes())
    assert alerts
    print(events, greatest - after_first)


if __name__ == "__main__":
    main()
