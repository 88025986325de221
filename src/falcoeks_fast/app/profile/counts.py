"""How often rules and macros match, and how often rules are looked at.

In: loaded rules, events one by one. Out: counts, and which rules take alerts from which. Called by `profile`. All
values come from the native core: every rule, every macro and "the head leaves this rule possible" are evaluated as
rules of one plan, all of them on each event.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from falcoeks_fast.app.replay.events import Chunk, scan
from falcoeks_fast.engine._core import Format, Numbering, Origin, RuleSet, Scanner
from falcoeks_fast.rules import LoadResult
from falcoeks_fast.rules.lowering.lower import Lowering
from falcoeks_fast.rules.optimiser.optimise import optimise
from falcoeks_fast.rules.optimiser.prune import drop_unused
from falcoeks_fast.rules.plan import Plan, RulePlan, Segment

from .candidates import with_candidates
from .single import single_events


@dataclass(frozen=True, slots=True)
class Macro:
    """`rules`: numbers of the rules whose conditions use it."""

    name: str
    rules: frozenset[int]


class Counts:
    """`matches`, `looked_at` and `alerts` by the number of a rule in the plan; `macro_matches` by that of a macro."""

    def __init__(self, result: LoadResult, *, match_all: bool) -> None:
        plan = result.plan
        assert plan is not None
        self._match_all = match_all
        self._rules = len(plan.rules)
        self.macros, self.macro_plan = used_macros(result)
        self.events = 0
        self.matches: Counter[int] = Counter()
        self.alerts: Counter[int] = Counter()
        self.looked_at: Counter[int] = Counter()
        self.macro_matches: Counter[int] = Counter()
        self.macro_looked_at: Counter[int] = Counter()
        self.shadowed: Counter[tuple[int, int]] = Counter()
        """(rule, earlier rule that took its alert) -> events."""
        self._scanner = _quiet_scanner(_probes(plan))
        self._macro_scanner = _quiet_scanner(self.macro_plan)
        self._origin = Origin()

    def add(self, chunk: Chunk) -> None:
        """Raises ValueError for a page that is none."""
        for event in single_events(chunk):
            batch = scan(self._scanner, event, self._origin)
            if batch.events:
                self.events += 1
                self._count([index for index, _ in batch.rule_counts], event)

    def _count(self, fired: list[int], event: Chunk) -> None:
        matching = sorted(index for index in fired if index < self._rules)
        possible = {index - self._rules for index in fired if index >= self._rules}
        first = matching[0] if matching else self._rules
        if not self._match_all:
            possible = {index for index in possible if index <= first}
            self.shadowed.update((index, first) for index in matching[1:])
        self.matches.update(matching)
        self.alerts.update(matching if self._match_all else matching[:1])
        self.looked_at.update(possible)
        self.macro_looked_at.update(
            number for number, macro in enumerate(self.macros) if not possible.isdisjoint(macro.rules)
        )
        self.macro_matches.update(index for index, _ in scan(self._macro_scanner, event, self._origin).rule_counts)


def used_macros(result: LoadResult) -> tuple[list[Macro], Plan]:
    """The macros that running rules use, in the order of definition, and a plan with a rule for each."""
    compiled = result.compiled
    assert compiled is not None
    users: dict[str, set[int]] = {}
    for number, name in enumerate(result.order):
        for macro_name in _reached(result, compiled.rules[name].parsed.macros):
            users.setdefault(macro_name, set()).add(number)
    found = []
    lowering = Lowering(result.fields)
    for name, macro in compiled.macros.items():
        if name in users:
            lowering.add_rule(name, 7, "k8s_audit", (), compiled.macro_condition(macro), b"x")
            found.append(Macro(name, frozenset(users[name])))
    return found, optimise(lowering.plan())


def _reached(result: LoadResult, names: tuple[str, ...]) -> Iterator[str]:
    assert result.compiled is not None
    seen: set[str] = set()
    stack = list(names)
    while stack:
        name = stack.pop()
        if name not in seen:
            seen.add(name)
            yield name
            stack.extend(result.compiled.macros[name].parsed.macros)


def _probes(plan: Plan) -> Plan:
    """The rules without their outputs, then for each of them a rule that says whether it is still possible."""
    extended, roots = with_candidates(plan)
    silent = [_silent(rule, rule.root) for rule in plan.rules]
    return drop_unused(
        replace(
            extended,
            rules=(*silent, *(_silent(rule, root) for rule, root in zip(plan.rules, roots, strict=True))),
        )
    )


def _silent(rule: RulePlan, root: int) -> RulePlan:
    return RulePlan(b"x", 7, rule.source, (), root, (Segment(b"x"),), ())


def _quiet_scanner(plan: Plan) -> Scanner:
    rules = RuleSet(plan.wire(), plan.predicate_digest(), Format(), match_all=True)
    return Scanner(rules, Numbering(), prefilter=False)
