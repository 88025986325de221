"""How long does a reload take until the new rules evaluate? Loading, and the swap alone."""

from __future__ import annotations

from typing import Any

from falcoeks_fast.bench.workload import Pages, Rules, everyday_files, load
from falcoeks_fast.engine import _core


def test_load_and_swap(benchmark: Any, pages: Pages) -> None:
    name, files = everyday_files()
    scanner = _core.Scanner(load(name, files).rule_set(), _core.Numbering())
    origin = _core.Origin()

    def reload() -> int:
        scanner.rules = load(name, files).rule_set()
        return scanner.scan_page(pages.bodies[0], origin).messages

    benchmark(reload)


def test_swap(benchmark: Any, pages: Pages, everyday: Rules, thousand: Rules) -> None:
    sets = [everyday.rule_set(), thousand.rule_set()]
    scanner = _core.Scanner(sets[0], _core.Numbering())
    origin = _core.Origin()

    def swap() -> int:
        sets.reverse()
        scanner.rules = sets[0]
        return scanner.scan_page(pages.bodies[0], origin).messages

    benchmark(swap)
