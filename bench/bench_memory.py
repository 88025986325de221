"""How much memory does the program take? Peak of `falcoeks-fast run` over files, and of what recognises repeats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from falcoeks_fast.bench.program_rows import memory_rows
from falcoeks_fast.bench.workload import Pages, everyday_files, load, never_files
from falcoeks_fast.engine import _core


def test_run_over_a_file(benchmark: Any, tmp_path: Path) -> None:
    _, files = everyday_files()
    rows, _ = benchmark.pedantic(lambda: memory_rows(files, tmp_path, 200_000), rounds=1)
    benchmark.extra_info |= {row.key: row.value_text for row in rows}


def test_seen_set(benchmark: Any, pages: Pages) -> None:
    scanner = _core.Scanner(load("never", never_files()).rule_set(), _core.Numbering())
    origin = _core.Origin()

    def enter() -> _core.SeenSet:
        seen = _core.SeenSet(bytes(16))
        for body in pages.bodies:
            scanner.scan_page(body, origin, seen, seen.ticket())
        return seen

    seen = benchmark(enter)
    benchmark.extra_info["bytes_per_event"] = round(seen.memory_bytes / len(seen), 1)
