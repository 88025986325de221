"""What do more rules cost? One, the everyday ones, a thousand."""

from __future__ import annotations

import pytest

from falcoeks_fast.bench.conftest import Measure
from falcoeks_fast.bench.workload import Pages, Rules, generated, load, scan_case


@pytest.mark.parametrize("prefilter", [False, True], ids=["prefilter off", "prefilter on"])
@pytest.mark.parametrize("count", [1, 10, 100, 1000, 3000])
def test_generated(measure: Measure, pages: Pages, count: int, prefilter: bool) -> None:
    measure(scan_case("rules", pages, load(f"{count} rules", generated(count)).rule_set(), prefilter=prefilter))


@pytest.mark.parametrize("prefilter", [False, True], ids=["prefilter off", "prefilter on"])
def test_everyday(measure: Measure, pages: Pages, everyday: Rules, prefilter: bool) -> None:
    measure(scan_case("rules", pages, everyday.rule_set(), prefilter=prefilter))
