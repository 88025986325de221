"""Instructions per event, counted by callgrind: the same on a busy machine as on an idle one.

In: the native core, a small fixed workload. Out: counts, held against `bench/baseline.json`. Called by `.ci/run`:

    python -m falcoeks_fast.bench.instructions --check     exit code 1 if an event costs over 5 % more than the baseline
    python -m falcoeks_fast.bench.instructions --update    write the baseline, to be committed with the change

A baseline fits a compiler, a simdjson, a Python, a valgrind and an instruction set; where none fits, or valgrind is
absent, the check says so and passes. valgrind knows no AVX-512, so what is counted is the AVX2 code.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from falcoeks_fast.bench.workload import EVERY_EVENT_RULE, ROOT, eks_pages, generated, load
from falcoeks_fast.engine import _core
from falcoeks_fast.rules import RuleFile

BASELINE = ROOT / "bench" / "baseline.json"
GROWTH_ALLOWED_PERCENT = 5
EVENTS = 300
MORE_PASSES = 6
RULES = 60
CASES = ("prefilter off", "prefilter on", "every event alerts", "floor")
_CHILD = "falcoeks_fast.bench.instructions_child"
_COMPILER = re.compile(rb"(GCC: \([^)\0]*\) [\d.]+|clang version [\d.]+)")
_SUMMARY = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)


class CountError(Exception):
    """valgrind did not do its work. The text says why."""


@dataclass(frozen=True, slots=True)
class Counted:
    """`tools`: what a baseline must be of to be comparable. `workload`: a digest of events and rules."""

    tools: str
    workload: str
    per_event: dict[str, int]


def count() -> Counted:
    """Run the workload under callgrind, a few times side by side. Raises CountError."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise CountError("valgrind is not installed")
    with tempfile.TemporaryDirectory(prefix="falcoeks-instructions-") as name:
        folder = Path(name)
        workload = prepare(folder)
        with ThreadPoolExecutor(2) as pool:
            runs = list(pool.map(lambda case: _run(valgrind, folder, case), ("none", *CASES)))
    (base, chosen), *rest = runs
    per_event = {
        case: round((total - base) / (EVENTS * MORE_PASSES)) for case, (total, _) in zip(CASES, rest, strict=True)
    }
    return Counted(f"{tools(valgrind)}, {chosen}", workload, per_event)


def prepare(folder: Path) -> str:
    """Write the workload; its digest."""
    rules = generated(RULES)
    every_event = RuleFile("every event", EVERY_EVENT_RULE.encode())
    (page,) = eks_pages(EVENTS).padded
    for name, loaded in (("plan", load("generated", rules)), ("dummy", load("every event", [every_event]))):
        (folder / name).write_bytes(loaded.plan.wire())
        (folder / f"{name}-digest").write_bytes(loaded.plan.predicate_digest())
    (folder / "page").write_bytes(page)
    return hashlib.sha256(b"\0".join((page, rules[0].content, every_event.content))).hexdigest()[:16]


def tools(valgrind: str) -> str:
    """Compiler (as the core's file names it), simdjson, Python, valgrind."""
    found = _COMPILER.search(Path(_core.__file__).read_bytes())
    compiler = found.group(1).decode() if found else "an unknown compiler"
    version = subprocess.run([valgrind, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    python = ".".join(platform.python_version_tuple()[:2])
    return f"{compiler}, simdjson {_core.SIMDJSON_VERSION}, Python {python}, {version}, {platform.machine()}"


def _run(valgrind: str, folder: Path, case: str) -> tuple[int, str]:
    """All instructions of one run, and the instruction set that the core chose."""
    out = folder / f"callgrind {case}"
    command = [
        *(valgrind, "--tool=callgrind", f"--callgrind-out-file={out}", "--error-exitcode=9"),
        *(sys.executable, "-X", "frozen_modules=on", "-m", _CHILD, str(folder), case, str(MORE_PASSES)),
    ]
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONMALLOC": "malloc", "PYTHONPATH": str(_package_root())}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode or not out.is_file():
        raise CountError(f"valgrind failed with exit code {done.returncode}: {done.stderr[-500:]}")
    found = _SUMMARY.search(out.read_text("utf-8", "replace"))
    if found is None:
        raise CountError(f"{out} holds no sum")
    return int(found.group(1)), done.stdout.strip()


def _package_root() -> Path:
    return ROOT / "src" if (ROOT / "src").is_dir() else ROOT.parent


def compare(counted: Counted, baseline: dict[str, dict[str, object]]) -> tuple[list[str], bool]:
    """What to say, and whether the check passes."""
    known = baseline.get(counted.tools)
    if known is None:
        return [f"instructions per event: skipped, no baseline for {counted.tools}"], True
    if known["workload"] != counted.workload:
        return ["the workload (bench/mix*.py, bench/rulegen.py) changed: count anew with --update"], False
    expected = known["instructions_per_event"]
    assert isinstance(expected, dict)
    lines = []
    passes = True
    for case, now in counted.per_event.items():
        before = int(expected[case])
        growth = now / before - 1
        verdict = ""
        if 100 * (now - before) > GROWTH_ALLOWED_PERCENT * before and case != "floor":
            passes = False
            verdict = (
                f": more than {GROWTH_ALLOWED_PERCENT} %; make it cheaper, or commit a new baseline with it (--update)"
            )
        lines.append(f"instructions per event, {case}: {now:,} (baseline {before:,}, {growth:+.1%}){verdict}")
    return lines, passes


def read_baseline() -> dict[str, dict[str, object]]:
    if not BASELINE.is_file():
        return {}
    content: dict[str, dict[str, object]] = json.loads(BASELINE.read_text("utf-8"))
    return content


def main(arguments: list[str] | None = None) -> int:
    """Count, then print, check or update."""
    parser = argparse.ArgumentParser(
        prog="python -m falcoeks_fast.bench.instructions", description="Instruction counts."
    )
    parser.add_argument("--check", action="store_true", help="exit code 1 if the baseline is exceeded by over 5 %%")
    parser.add_argument("--update", action="store_true", help="write bench/baseline.json")
    options = parser.parse_args(arguments)
    try:
        counted = count()
    except CountError as error:
        print(f"instructions per event: skipped, {error}" if options.check else f"Error: {error}")
        return 0 if options.check and shutil.which("valgrind") is None else 1
    baseline = read_baseline()
    if options.update:
        baseline[counted.tools] = {"workload": counted.workload, "instructions_per_event": counted.per_event}
        BASELINE.write_text(json.dumps(baseline, indent=1) + "\n", encoding="utf-8")
    lines, passes = compare(counted, baseline)
    print("\n".join(lines))
    if counted.tools not in baseline and not options.check:
        print("\n".join(f"{case}: {number:,}" for case, number in counted.per_event.items()))
    return 0 if passes or not options.check else 1


if __name__ == "__main__":
    sys.exit(main())
