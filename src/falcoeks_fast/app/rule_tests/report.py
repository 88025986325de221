"""Outcomes of rule tests as text for people.

In: a run. Out: lines. Called by the `test` command.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from .coverage import Coverage
from .runner import Outcome, TestRun

_SHOWN = 5


def run_text(run: TestRun, *, all_coverage: bool = False) -> str:
    """Failures first, then a line for each file, the coverage, and the sum; lines ended by LF."""
    lines: list[str] = []
    for file in run.files:
        for outcome in file.outcomes:
            if not outcome.passed:
                lines += [*failure_lines(outcome), ""]
    width = max((len(_shown_path(file.file.path)) for file in run.files), default=0)
    for file in run.files:
        total = len(file.outcomes)
        failed = f", {file.failed} FAILED" if file.failed else ""
        lines.append(f"{_shown_path(file.file.path):<{width}}  {total - file.failed} of {_many(total, 'test')}{failed}")
    for names, coverage in run.coverages.items():
        lines += ["", *_coverage_lines(names, coverage, all_coverage)]
    total = run.total
    lines += ["", f"{total - run.failed} of {_many(total, 'test')} passed" + (", FAILED" if run.failed else "")]
    return "\n".join(lines) + "\n"


def failure_lines(outcome: Outcome) -> list[str]:
    """Where it is, then each reason, indented."""
    case = outcome.case
    lines = [f"FAILED {_shown_path(case.file)}:{case.line}: {case.name}"]
    for failure in outcome.failures:
        lines += [f"  {line}" for line in failure.split("\n")]
    return lines


def _coverage_lines(names: Sequence[str], coverage: Coverage, everything: bool) -> list[str]:
    undecided = coverage.undecided
    missing = sum(map(len, undecided.values()))
    heading = ", ".join(map(_shown_path, names)) or "the configured rules"
    lines = [f"Coverage of {heading}:"]
    total = len(coverage.rules)
    for unasked, verb in ((coverage.unfired, "to fire"), (coverage.unsilenced, "to stay silent")):
        lines.append(f"  {_many(total, 'rule')}, {len(unasked)} that no test asks {verb}")
        lines += _list(unasked, everything)
    lines.append(f"  {_many(coverage.comparisons, 'comparison')}, {missing} that never decided{'' if missing else '.'}")
    if everything:
        for name, comparisons in undecided.items():
            lines.append(f"    {name}:")
            lines += [f"      {text}" for text in comparisons]
    elif missing:
        lines.append("    (--coverage lists them)")
    return lines


def _list(names: Sequence[str], everything: bool) -> list[str]:
    shown = names if everything else names[:_SHOWN]
    lines = [f"    {name}" for name in shown]
    if len(names) > len(shown):
        lines.append(f"    ... and {len(names) - len(shown)} more (--coverage lists them)")
    return lines


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _shown_path(path: str) -> str:
    return os.path.normpath(path)
