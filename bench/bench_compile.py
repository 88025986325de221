"""How long from the text of rules to a plan, to source, to machine code?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from falcoeks_fast.bench.workload import everyday_files, generated, load
from falcoeks_fast.rules import RuleFile
from falcoeks_fast.rules.code.build import SOMEBODY_WAITS
from falcoeks_fast.rules.code.cache import CompiledCache
from falcoeks_fast.rules.code.emit import emit

SETS = [pytest.param(lambda: everyday_files()[1], id="everyday"), pytest.param(lambda: generated(1000), id="1000")]


@pytest.mark.parametrize("files", SETS)
def test_load(benchmark: Any, files: Any) -> None:
    content: list[RuleFile] = files()
    benchmark(lambda: load("rules", content))


@pytest.mark.parametrize("files", SETS)
def test_emit(benchmark: Any, files: Any) -> None:
    plan = load("rules", files()).plan
    benchmark(lambda: emit(plan))


@pytest.mark.parametrize("files", SETS)
def test_cold_compile(benchmark: Any, files: Any, tmp_path: Path) -> None:
    plan = load("rules", files()).plan
    folders = iter(range(100))

    def fresh() -> tuple[tuple[CompiledCache], dict[str, Any]]:
        return (CompiledCache(tmp_path / f"cache-{next(folders)}"),), {}

    benchmark.pedantic(lambda cache: cache.compile(plan, limits=SOMEBODY_WAITS), setup=fresh, rounds=3)
