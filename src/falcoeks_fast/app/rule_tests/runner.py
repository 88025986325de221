"""Runs tests of rules.

In: test files and a way to load rules. Out: outcomes with readable reasons, and what the tests covered. Called by the
`test` command. Every rule is looked at for itself, as under `rule_matching: all`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from falcoeks_fast.app.single_event import evaluator, scan_event
from falcoeks_fast.engine import _core
from falcoeks_fast.rules import LoadResult
from falcoeks_fast.rules.advice.explain import EventExplanation, UnknownRule
from falcoeks_fast.rules.suggest import closest

from .coverage import Coverage
from .files import Case, Expected, RuleTestFile
from .located import RuleTestError

LoadRules = Callable[[tuple[str, ...]], LoadResult]
"""Loads rule files, all rules switched on; for no names, those of the configuration. What it returns succeeded."""

_MARKS = {True: "true", False: "false", None: "unknown"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """`failures`: what is wrong, each some lines of text; none if the test passed."""

    case: Case
    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.failures


@dataclass(slots=True)
class FileOutcome:
    file: RuleTestFile
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def failed(self) -> int:
        return sum(not outcome.passed for outcome in self.outcomes)


@dataclass(frozen=True, slots=True)
class TestRun:
    """`coverages` by the rule files that were loaded together."""

    __test__ = False

    files: list[FileOutcome]
    coverages: dict[tuple[str, ...], Coverage]

    @property
    def failed(self) -> int:
        return sum(file.failed for file in self.files)

    @property
    def total(self) -> int:
        return sum(len(file.outcomes) for file in self.files)


def run_tests(files: Sequence[RuleTestFile], load: LoadRules, *, rules: tuple[str, ...] = ()) -> TestRun:
    """`rules`: used instead of what the files name. Raises RuleTestError and what `load` raises."""
    subjects: dict[tuple[str, ...], _Subject] = {}
    outcomes = []
    for file in files:
        names = rules or file.rules
        if names not in subjects:
            subjects[names] = _Subject(load(names))
        outcome = FileOutcome(file)
        outcome.outcomes = [Outcome(case, subjects[names].check(case)) for case in file.cases]
        outcomes.append(outcome)
    return TestRun(outcomes, {names: subject.coverage for names, subject in subjects.items()})


class _Subject:
    """Loaded rules under test."""

    def __init__(self, result: LoadResult) -> None:
        assert result.plan is not None
        self._result = result
        style = _core.Format(json_output=True, include_message=True)
        rules = _core.RuleSet(result.plan.wire(), result.plan.predicate_digest(), style, match_all=True)
        self._scanner = _core.Scanner(rules, _core.Numbering(), prefilter=False)
        self._names = set(result.order)
        self.coverage = Coverage(result)

    def check(self, case: Case) -> tuple[str, ...]:
        """What is wrong. Raises RuleTestError if the test's event is no audit event."""
        event = case.text()
        batch = scan_event(self._scanner, event)
        if batch.events != 1:
            why = "; ".join(f"{issue.kind} {issue.detail}".strip() for issue in batch.issues)
            raise RuleTestError(
                f"{case.file}:{case.line}: the event of '{case.name}' is not one audit event"
                f"{f' ({why})' if why else ''}: it needs kind: Event and a stageTimestamp, see docs/rule-tests.md"
            )
        alerts = {alert["rule"]: alert for alert in map(json.loads, batch.text.splitlines())}
        self.coverage.observe(event, case)
        failures = [self._unknown(name) for name in _named(case) if name not in self._names]
        for expected in case.fires:
            if expected.rule in alerts:
                failures += _differences(expected, alerts[expected.rule])
            elif expected.rule in self._names:
                failures.append(f"must fire, but does not: {expected.rule}{self._why(expected.rule, event)}")
        for name in case.silent:
            if name in alerts:
                failures.append(self._loud("must be silent, but fires", name, alerts[name], event))
        if case.only:
            meant = set(_named(case))
            for name in sorted(alerts.keys() - meant):
                failures.append(self._loud("fires, but only others may", name, alerts[name], event))
        return tuple(failures)

    def _unknown(self, name: str) -> str:
        hint = closest(name, self._names)
        return f"there is no rule '{name}'{'; ' + hint if hint else ''}"

    def _loud(self, what: str, name: str, alert: Mapping[str, Any], event: bytes) -> str:
        return f"{what}: {name}\n  its output: {alert['message']}{self._why(name, event)}"

    def _why(self, name: str, event: bytes) -> str:
        """The comparisons that decided, as indented lines."""
        try:
            explanation = EventExplanation(self._result, name, evaluator(event))
        except UnknownRule:
            return ""
        lines = ["\n  decided by:"]
        for step in explanation.deciding():
            lines.append(f"    {_MARKS[step.value]:<8}{step.text}")
            if step.note:
                lines.append(f"            {step.note}")
        return "\n".join(lines)


def _named(case: Case) -> list[str]:
    return [*dict.fromkeys([*(expected.rule for expected in case.fires), *case.silent])]


def _differences(expected: Expected, alert: Mapping[str, Any]) -> list[str]:
    """What of an alert is not as expected."""
    pairs = []
    if expected.priority is not None:
        pairs.append(("priority", expected.priority, alert["priority"]))
    if expected.output is not None:
        pairs.append(("output", expected.output, alert["message"]))
    fields = alert["output_fields"]
    for name, wanted in expected.fields.items():
        if name not in fields:
            hint = closest(name, fields)
            pairs.append((name, wanted, f"(the output has no such field{'; ' + hint if hint else ''})"))
        else:
            pairs.append((name, wanted, fields[name]))
    wrong = [(name, wanted, got) for name, wanted, got in pairs if wanted != got or type(wanted) is not type(got)]
    if not wrong:
        return []
    lines = [f"fires, but with another alert: {expected.rule}"]
    for name, wanted, got in wrong:
        lines += [f"  {name}", f"    - expected: {_shown(wanted)}", f"    + got:      {_shown(got)}"]
    return ["\n".join(lines)]


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
