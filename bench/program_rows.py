"""The rows of the table that measure the program as a whole, in processes of its own.

In: rules files, a folder to work in. Out: rows. Called by `table`.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence
from pathlib import Path

from falcoeks_fast.bench.measure import Ratio
from falcoeks_fast.bench.mix import Mix
from falcoeks_fast.bench.program import ProgramError, Watched, first_line, watch
from falcoeks_fast.bench.rows import Measured, Row, ratio_row
from falcoeks_fast.bench.workload import generated
from falcoeks_fast.rules import RuleFile

MEMORY_EVENTS = 2_000_000
EVENTS_A_FILE = 100_000
LARGEST_MB = 120.0
GROWTH_MB = 5.0
START_S = 0.5
COMPILE_S = 5.0
COMPILE_THOUSAND_S = 15.0
_MB = 1e6
_FIRST_RULE = """\
- rule: The first event
  desc: So that the first event shows when it was evaluated.
  condition: ka.verb exists
  output: verb=%ka.verb
  priority: NOTICE
  source: k8s_audit
"""


def memory_rows(files: Sequence[RuleFile], folder: Path, events: int) -> Measured:
    """Peak memory over `events` events from files of 100,000, all of them names of one file on disk."""
    inputs = folder / "inputs"
    inputs.mkdir()
    one = folder / "events.jsonl"
    a_file = min(EVENTS_A_FILE, events)
    with one.open("wb") as file:
        file.writelines(event + b"\n" for event in Mix(1).events(a_file))
    for number in range(events // a_file):
        os.link(one, inputs / f"{number:04d}.jsonl")
    what = f"falcoeks-fast run, {events:,} events from file"
    try:
        watched = watch(["run", "--events", str(inputs), *rule_options(files, folder)], folder, inputs=inputs)
    except ProgramError as error:
        return [Row("memory", f"peak memory, {what}", "MB", None, LARGEST_MB, False, note=str(error))], {}
    note = f"{watched.cpu_s:.1f} s of CPU, {watched.wall_s:.1f} s in all"
    rows = [Row("memory", f"peak memory, {what}", "MB", watched.peak_rss_bytes / _MB, LARGEST_MB, False, note=note)]
    growth = growth_bytes(watched)
    if growth is not None:
        rows.append(
            Row("memory_growth", "growth behind the first 100,000 of them", "MB", growth / _MB, GROWTH_MB, False)
        )
    return rows, {"falcoeks-fast run, from file, start and end included": events / watched.cpu_s}


def growth_bytes(watched: Watched) -> int | None:
    """How far the most memory behind the first file is above the most while it was read; None if either is unknown."""
    first = [sample.rss_bytes for sample in watched.samples if sample.files_opened == 1]
    later = [sample.rss_bytes for sample in watched.samples if sample.files_opened > 1]
    return max(later) - max(first) if first and later else None


def start_rows(files: Sequence[RuleFile], folder: Path, rounds: int) -> Measured:
    """From the start of the process to the first alert, on the interpreter (nothing cached) and on a bundle.

    The first event alerts by a rule of its own.
    """
    event = folder / "event.jsonl"
    event.write_bytes(next(Mix(1).events(1)) + b"\n")
    options = rule_options([*files, RuleFile("first.yaml", _FIRST_RULE.encode())], folder)
    bundle = folder / "rules.bundle"
    arguments = ["run", "--events", str(event), *options, "-o", "rule_matching=all"]
    rows = []
    for name, more in (("interpreter", ["-o", "falcoeks.compile=off"]), ("bundle", ["--compiled", str(bundle)])):
        measure = f"start to first alert, {name}"
        try:
            if name == "bundle":
                watch(["compile", *options, "-O", str(bundle)], folder)
            taken = [first_line([*arguments, *more], folder) for _ in range(rounds + 1)][1:]
        except ProgramError as error:
            rows.append(
                Row(f"start_{name}", f"start to first alert, {name}", "s", None, START_S, False, note=str(error))
            )
            continue
        note = f"{statistics.median(cpu_s for _, cpu_s in taken):.2f} s of CPU"
        ratio = Ratio.of([seconds for seconds, _ in taken])
        rows.append(ratio_row(f"start_{name}", measure, "s", ratio, START_S, at_least=False, note=note))
    return rows, {}


def compile_rows(files: Sequence[RuleFile], folder: Path, rounds: int) -> Measured:
    """`falcoeks-fast compile` with nothing cached, as CPU seconds of all its processes."""
    rows = []
    for key, name, chosen, goal, times in (
        ("compile", "the everyday rules", files, COMPILE_S, rounds),
        ("compile_thousand", "1,000 rules", generated(1000), COMPILE_THOUSAND_S, min(rounds, 3)),
    ):
        measure = f"cold compile of {name}"
        options = rule_options(chosen, folder)
        try:
            taken = [watch(["compile", *options, "-O", str(folder / "cold.bundle")], folder) for _ in range(times)]
        except ProgramError as error:
            rows.append(Row(key, measure, "s", None, goal, False, note=str(error)))
            continue
        wall_s = statistics.median(one.wall_s for one in taken)
        ratio = Ratio.of([one.cpu_s for one in taken])
        rows.append(ratio_row(key, measure, "s", ratio, goal, at_least=False, note=f"{wall_s:.1f} s on the clock"))
    return rows, {}


def rule_options(files: Sequence[RuleFile], folder: Path) -> list[str]:
    """The files written out, as options of the program."""
    options = []
    for number, file in enumerate(files):
        path = folder / f"rules-{len(files)}-{number}.yaml"
        path.write_bytes(file.content)
        options += ["-r", str(path)]
    return options
