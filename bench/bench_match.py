"""How fast are rules evaluated? With and without the prefilter, interpreted and compiled."""

from __future__ import annotations

import pytest

from falcoeks_fast.bench.conftest import Measure
from falcoeks_fast.bench.workload import Pages, Rules, scan_case


@pytest.mark.parametrize("compiled", [False, True], ids=["interpreter", "compiled"])
@pytest.mark.parametrize("prefilter", [False, True], ids=["prefilter off", "prefilter on"])
def test_everyday_rules(measure: Measure, pages: Pages, everyday: Rules, prefilter: bool, compiled: bool) -> None:
    measure(scan_case("match", pages, everyday.rule_set(compiled=compiled), prefilter=prefilter))
