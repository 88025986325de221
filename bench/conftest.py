"""Fixtures of the benchmarks under pytest-benchmark: `pytest bench --benchmark-only`. No part of `make test`.

In: nothing. Out: pages of the EKS mix, rule sets; each result carries events per second in its `extra_info`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from falcoeks_fast.bench.measure import Case
from falcoeks_fast.bench.workload import EVERY_EVENT_RULE, Pages, Rules, eks_pages, everyday_files, generated, load
from falcoeks_fast.rules import RuleFile
from falcoeks_fast.rules.code.cache import CompiledCache

EVENTS = 10_000

Measure = Callable[[Case], None]


@pytest.fixture(scope="session")
def pages() -> Pages:
    return eks_pages(EVENTS)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> CompiledCache:
    folder: Path = tmp_path_factory.mktemp("cache")
    folder.chmod(0o700)
    return CompiledCache(folder)


@pytest.fixture(scope="session")
def everyday(cache: CompiledCache) -> Rules:
    name, files = everyday_files()
    return load(name, files, cache)


@pytest.fixture(scope="session")
def thousand(cache: CompiledCache) -> Rules:
    return load("1,000 rules", generated(1000), cache)


@pytest.fixture(scope="session")
def every_event() -> Rules:
    return load("every event", [RuleFile("every event", EVERY_EVENT_RULE.encode())])


@pytest.fixture
def measure(benchmark: Any) -> Measure:
    """Run all pieces of a case again and again; the result says events per second."""

    def run(case: Case) -> None:
        events = benchmark(lambda: sum(case.work(piece) for piece in range(case.pieces)))
        if benchmark.stats is not None:
            benchmark.extra_info["events_per_s"] = round(events / benchmark.stats.stats.median)

    return run
