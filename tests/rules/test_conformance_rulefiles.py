"""Rule files, held against what real Falco did with them: exit, codes, rules, and the alerts on the events."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import pytest

from falcoeks_fast.rules import LoadResult

from .scenarios import CONFORMANCE, Scenario, needs_conformance, scenarios

pytestmark = needs_conformance


def by_name(scenario: Scenario) -> str:
    return scenario.name


@pytest.mark.parametrize("scenario", scenarios(), ids=by_name)
def test_exit_codes_and_rules(scenario: Scenario) -> None:
    result = scenario.load()
    assert int(not result.successful) == scenario.exit, result.error_text
    if result.requirement_error is not None:
        assert scenario.message == f"Error: {result.requirement_error}"
        return
    assert tuple(sorted({code for report in result.reports for code in report.codes})) == scenario.codes
    assert set(scenario.matches) <= set(result.order)
    if scenario.exit:
        assert scenario.message == f"Error: {result.reports[-1].summary()}"


def test_every_scenario_is_there() -> None:
    assert len(scenarios()) >= 51


def alerts(result: LoadResult, *, matches_all: bool) -> list[dict[str, Any]]:
    core = pytest.importorskip("falcoeks_fast.engine._core", reason="the native core is not built")
    assert result.plan is not None
    form = core.Format(json_output=True, hostname="oracle", plugin="k8saudit")
    rules = core.RuleSet(result.plan.wire(), result.plan.predicate_digest(), form, match_all=matches_all)
    scanner = core.Scanner(rules, core.Numbering())
    batch = scanner.scan_lines((CONFORMANCE / "events.jsonl").read_bytes(), core.Origin(), last=True)
    return [json.loads(line) for line in batch.text.splitlines()]


@pytest.mark.parametrize("scenario", [s for s in scenarios() if not s.exit], ids=by_name)
def test_alerts(scenario: Scenario) -> None:
    found = alerts(scenario.load(), matches_all=scenario.matches_all)
    by_rule: dict[str, list[Any]] = defaultdict(list)
    for alert in found:
        # Where the output does not show evt.num, the scenario names events by their time.
        by_rule[alert["rule"]].append(alert["output_fields"].get("evt.num", alert["time"]))
    assert dict(by_rule) == scenario.matches
    shown = [{key: alert[key] for key in expected} for alert, expected in zip(found, scenario.sample, strict=False)]
    assert shown == scenario.sample
