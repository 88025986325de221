"""The peers in Python: `python -m falcoeks_fast.bench.peers.run_python NAME FOLDER`.

In: the name of a peer, a folder of pages. Out: CPU seconds for all pages, then the alerts (`task.say`). Called by
`compare`. What a peer imports and sets up before the first page is not counted.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from falcoeks_fast.bench.peers.task import RULES_YAML, Alert, boto3_parser, matches, say

LEAST_CPU_S = 0.3

Peer = Callable[[bytes], list[Alert]]


def with_loads(loads: Callable[[str], Any]) -> Peer:
    messages = boto3_parser()

    def evaluate(body: bytes) -> list[Alert]:
        alerts = []
        for message in messages(body):
            event = loads(message)
            alerts += [(rule, event["auditID"]) for rule in matches(event)]
        return alerts

    return evaluate


def with_json() -> Peer:
    return with_loads(json.loads)


def with_orjson() -> Peer:
    import orjson

    return with_loads(orjson.loads)


def with_pysimdjson() -> Peer:
    """No boto3: pysimdjson for the page and for each message, predicates on what it hands out."""
    import simdjson

    outer, inner = simdjson.Parser(), simdjson.Parser()

    def evaluate(body: bytes) -> list[Alert]:
        alerts = []
        page: Any = outer.parse(body)
        events = page.at_pointer("/events")
        for row in events:
            event: Any = inner.parse(row["message"])
            alerts += [(rule, event["auditID"]) for rule in matches(event)]
            del event, row  # a parser refuses to go on while a part of its last document is referred to
        del events, page
        return alerts

    return evaluate


def ours(*, compiled: bool) -> Peer:
    """The engine behind the same interface; alerts taken from what it would write."""
    import tempfile

    from falcoeks_fast.bench.workload import load
    from falcoeks_fast.engine import _core
    from falcoeks_fast.rules import RuleFile
    from falcoeks_fast.rules.code.cache import CompiledCache

    with tempfile.TemporaryDirectory(prefix="falcoeks-bench-") as folder:
        cache = CompiledCache(Path(folder)) if compiled else None
        rules = load("peers", [RuleFile("task.yaml", RULES_YAML.encode())], cache)
    names = [rule.name.decode() for rule in rules.plan.rules]
    scanner = _core.Scanner(rules.rule_set(match_all=True), _core.Numbering())
    origin = _core.Origin()

    def evaluate(body: bytes) -> list[Alert]:
        batch = scanner.scan_page(body, origin)
        alerts = map(batch.alert, range(batch.alert_count))
        return [(names[alert.rule_index], audit_id(alert.body)) for alert in alerts]

    return evaluate


def audit_id(alert: bytes) -> str:
    """From an alert as JSON: what stands behind `auditID=`."""
    return alert.partition(b"auditID=")[2][:36].decode()


PEERS: dict[str, Callable[[], Peer]] = {
    "boto3 + json": with_json,
    "boto3 + orjson": with_orjson,
    "pysimdjson": with_pysimdjson,
    "falcoeks-fast, interpreter": lambda: ours(compiled=False),
    "falcoeks-fast, compiled": lambda: ours(compiled=True),
}


def main(name: str, folder: Path) -> None:
    """Evaluate two pages to warm up, then all of them for the clock, until it has counted enough."""
    bodies = [path.read_bytes() for path in sorted(folder.glob("page-*.json"))]
    evaluate = PEERS[name]()
    for body in bodies[:2]:
        evaluate(body)
    passes = 0
    start_s = time.process_time()
    while not passes or time.process_time() - start_s < LEAST_CPU_S:
        alerts = [alert for body in bodies for alert in evaluate(body)]
        passes += 1
    cpu_s = (time.process_time() - start_s) / passes
    say(alerts, cpu_s, sum(len(json.loads(body)["events"]) for body in bodies))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
