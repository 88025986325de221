"""What do more threads give? Wall time: run it on an idle machine, or see `thread_rows`."""

from __future__ import annotations

from typing import Any

import pytest

from falcoeks_fast.bench.thread_rows import REPEATS, run_threads
from falcoeks_fast.bench.workload import Pages, Rules


@pytest.mark.parametrize("count", [1, 2, 4])
def test_threads(benchmark: Any, pages: Pages, everyday: Rules, count: int) -> None:
    rules = everyday.rule_set()
    benchmark(lambda: run_threads(pages, rules, count, True))
    benchmark.extra_info["events"] = pages.events * REPEATS
