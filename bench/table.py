"""`make bench`: the table of goals, each measured here and now.

In: the command line. Out: the table on the terminal, as JSON and as one plot. Exit code 0 if everything that was
measured reached its goal, 3 if something did not.

    python -m falcoeks_fast.bench.table [--rules FILE] [--only speed,threads] [--json FILE] [--plot FILE]
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from falcoeks_fast.bench import engine_rows, program_rows
from falcoeks_fast.bench.engine_rows import EngineRules
from falcoeks_fast.bench.fetcher_rows import SOAK_MINUTES, fetcher_rows
from falcoeks_fast.bench.measure import ROUNDS, machine_name
from falcoeks_fast.bench.rows import Measured, Table
from falcoeks_fast.bench.table_print import plot_table, print_table
from falcoeks_fast.bench.thread_rows import thread_rows
from falcoeks_fast.bench.transport_rows import transport_rows
from falcoeks_fast.bench.workload import (
    EVERY_EVENT_RULE,
    ROOT,
    Pages,
    WorkloadError,
    eks_pages,
    everyday_files,
    generated,
    load,
    read_files,
)
from falcoeks_fast.engine import _core
from falcoeks_fast.rules import RuleFile
from falcoeks_fast.rules.code.build import BuildError
from falcoeks_fast.rules.code.cache import CompiledCache

EVENTS = 60_000
EVENTS_IN_PYTHON = 4_000
MISSED = 3
THOUSAND = 1000
OUT = ROOT / "build" / "bench"


class Bench:
    """The parts of the table, each measured when asked for."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.rounds: int = options.rounds
        self.soak_minutes: int = options.soak_minutes
        self.memory_events: int = options.memory_events
        self.folder = folder
        name, files = everyday_files() if not options.rules else (_names(options.rules), read_files(options.rules))
        self.files = files
        self.pages = eks_pages(options.events, options.seed)
        self.few_pages: Pages = eks_pages(min(EVENTS_IN_PYTHON, options.events), options.seed)
        cache: CompiledCache | None = CompiledCache(folder / "cache")
        self.notes: dict[str, str] = {}
        try:
            load(name, files, cache)
        except BuildError as error:
            self.notes["not compiled"] = str(error)
            cache = None
        self.rules = EngineRules(
            load(name, files, cache),
            load("every event", [RuleFile("every event", EVERY_EVENT_RULE.encode())], cache),
            load("generated", generated(THOUSAND), cache),
        )

    def speed(self) -> Measured:
        return engine_rows.speed_rows(self.pages, self.few_pages, self.rules, self.rounds)

    def threads(self) -> Measured:
        return thread_rows(self.pages, self.rules.everyday, self.rounds)

    def counts(self) -> Measured:
        return engine_rows.rule_count_rows(self.pages, self.rules, self.rounds)

    @property
    def parts(self) -> dict[str, Callable[[], Measured]]:
        return {
            "speed": self.speed,
            "threads": self.threads,
            "rules": self.counts,
            "transport": lambda: transport_rows(
                self.rules.everyday, self.files, self.new_folder("transport"), self.rounds
            ),
            "fetcher": lambda: fetcher_rows(self.soak_minutes),
            "memory": lambda: program_rows.memory_rows(self.files, self.new_folder("memory"), self.memory_events),
            "start": lambda: program_rows.start_rows(self.files, self.new_folder("start"), self.rounds),
            "compile": lambda: program_rows.compile_rows(self.files, self.new_folder("compile"), self.rounds),
        }

    def new_folder(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(mode=0o700)
        return folder


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, write."""
    options = _options(arguments)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="falcoeks-bench-") as folder:
        try:
            bench = Bench(options, Path(folder))
        except WorkloadError as error:
            print(f"Error: {error}", file=sys.stderr)
            return 1
        table = Table("falcoeks-fast: goals and what was measured", machine_facts(bench))
        for name, part in bench.parts.items():
            if options.only and name not in options.only:
                continue
            console.print(f"measuring: {name}", style="dim")
            table.add(part())
    table.machine |= bench.notes | {"seconds taken": f"{time.monotonic() - start:.0f}"}
    print_table(console, table)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(table.json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    console.print(f"JSON: {options.json}; {plot_table(table, options.plot)}", style="dim", markup=False)
    return MISSED if any(row.reached is False for row in table.rows) else 0


def machine_facts(bench: Bench) -> dict[str, str]:
    rules, pages = bench.rules, bench.pages
    return {
        "machine": machine_name(),
        "instructions": f"{_core.implementation()} (simdjson {_core.SIMDJSON_VERSION})",
        "Python": platform.python_version(),
        "rules": f"{rules.everyday.name}, {rules.everyday.count} of them",
        "events": f"{pages.events:,} of the EKS mix in {len(pages.padded)} pages, {pages.size_bytes / 1e6:.0f} MB",
    }


def _names(paths: list[Path]) -> str:
    return ", ".join(path.name for path in paths)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description="The table of goals, measured.")
    parser.add_argument("--rules", type=Path, action="append", help="a rules file instead of the everyday rules")
    parser.add_argument("--events", type=int, default=EVENTS, help=f"events of the mix (default {EVENTS:,})")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"rounds of each case (default {ROUNDS})")
    parser.add_argument(
        "--memory-events", type=int, default=program_rows.MEMORY_EVENTS, help="events of the memory row"
    )
    parser.add_argument(
        "--soak-minutes", type=int, default=SOAK_MINUTES, help="simulated minutes of the fetcher's long row"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the mix")
    parser.add_argument("--only", type=lambda text: text.split(","), help="parts, with commas: speed,threads,rules,...")
    parser.add_argument("--json", type=Path, default=OUT / "table.json")
    parser.add_argument("--plot", type=Path, default=OUT / "table.svg")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
