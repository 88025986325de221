"""How fast are alerts written? Every event alerts."""

from __future__ import annotations

import pytest

from falcoeks_fast.bench.conftest import Measure
from falcoeks_fast.bench.workload import Pages, Rules, scan_case
from falcoeks_fast.engine import _core


@pytest.mark.parametrize("json_output", [False, True], ids=["text", "json"])
def test_every_event_alerts(measure: Measure, pages: Pages, every_event: Rules, json_output: bool) -> None:
    plan = every_event.plan
    rules = _core.RuleSet(plan.wire(), plan.predicate_digest(), _core.Format(json_output=json_output, hostname="bench"))
    measure(scan_case("format", pages, rules, prefilter=True))
