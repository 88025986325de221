"""How long from a page to its alerts as Python sees them? Scanned, recognised, each alert with its id."""

from __future__ import annotations

from typing import Any

from falcoeks_fast.bench.workload import Pages, Rules
from falcoeks_fast.engine import _core


def test_page_to_alerts(benchmark: Any, pages: Pages, everyday: Rules) -> None:
    scanner = _core.Scanner(everyday.rule_set(), _core.Numbering())
    origin = _core.Origin(cluster="bench", account="111122223333", region="eu-central-1", log_group="bench")
    body = pages.bodies[0]

    def one_page() -> int:
        seen = _core.SeenSet(bytes(16))
        ticket = seen.ticket()
        batch = scanner.scan_page(body, origin, seen, ticket)
        alerts = [batch.alert(index) for index in range(batch.alert_count)]
        seen.confirm(ticket)
        return len(alerts)

    benchmark.extra_info["alerts"] = benchmark(one_page)
