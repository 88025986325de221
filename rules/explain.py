"""Explaining a rule: what its condition is in the end, what it reads, when it can fire, and what decided on an event.

In: a `LoadResult` and a rule's name; for an event, also a way to run a plan on it (the application has the engine, this
room has not). Out: text for people. Called for `falcoeks-fast explain`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from falcoeks_fast.rules.ast import And, Check, Expr, FieldRef, MacroRef, Not, children, field_refs, field_text
from falcoeks_fast.rules.compiler import Compiled, CompiledRule
from falcoeks_fast.rules.condition_text import check_text, many_lines, one_line
from falcoeks_fast.rules.firing import Firing, in_words
from falcoeks_fast.rules.load import LoadResult
from falcoeks_fast.rules.lower import Lowering
from falcoeks_fast.rules.parser import parse_condition
from falcoeks_fast.rules.plan import Plan, Reader
from falcoeks_fast.rules.suggest import closest
from falcoeks_fast.rules.template import parse_template

ALWAYS = b"evt.num exists"
VALUE_WIDTH = 100
TEXT_WIDTH = 90

Evaluate = Callable[[Plan], dict[int, str]]
"""Runs a plan on the event, all rules: number of each rule that fired -> its message (the output alone)."""


class UnknownRule(Exception):
    """There is no such rule, or it was left out; the text says which, and what may have been meant."""


def find_rule(result: LoadResult, name: str) -> tuple[Compiled, CompiledRule]:
    """A rule by name, or by a name that differs only in case. Raises UnknownRule."""
    compiled = result.compiled
    rules = compiled.rules if compiled else {}
    folded = [known for known in rules if known.lower() == name.lower()]
    wanted = name if name in rules else folded[0] if len(folded) == 1 else None
    if compiled is not None and wanted is not None:
        return compiled, rules[wanted]
    if name in result.collector.rules:
        raise UnknownRule(f"rule '{name}' was left out: its source or one of its fields is unknown")
    hint = closest(name, rules)
    raise UnknownRule(f"there is no rule '{name}'{'; ' + hint if hint else ''}")


def explain(result: LoadResult, name: str) -> str:
    """The explanation of a rule, lines ended by LF. Raises UnknownRule."""
    compiled, rule = find_rule(result, name)
    expr = compiled.condition(rule)
    item = rule.item
    place = item.context.position
    running = "it runs" if rule.name in result.order else "it does not run"
    info = next(info for info in result.rules if info.name == rule.name)
    lines = [
        f"{rule.name}  ({info.priority_name}, {item.source}, {running})",
        f"  defined in {item.context.source.name}, line {place.line + 1}",
        "",
        "Condition, with macros, lists and exceptions in it:",
        *_indented(many_lines(expr)),
        "",
    ]
    lines += _used(rule, compiled)
    lines += ["Fields read:", *_fields(rule, expr, result), ""]
    firing = Firing(expr, result.fields)
    lines += ["Can be true on:", *_kinds(firing, policy=False)]
    if firing.possible() != firing.possible(policy=True):
        lines += ["", "Of these, EKS logs what the rule needs on:", *_kinds(firing, policy=True)]
    return "\n".join(lines) + "\n"


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in text.split("\n")]


def _used(rule: CompiledRule, compiled: Compiled) -> list[str]:
    lines = []
    macros = dict.fromkeys(node.name for node in _macro_refs(compiled.condition(rule)))
    lists = compiled.lists.named_in(rule.condition.source.text)
    exceptions = dict.fromkeys(exception.name for exception in rule.item.exceptions)
    for noun, names in (("Macros", macros), ("Lists", lists), ("Exceptions", exceptions)):
        if names:
            lines.append(f"{noun}: {', '.join(names)}")
    return [*lines, ""] if lines else []


def _macro_refs(expr: Expr) -> Iterable[MacroRef]:
    stack = [expr]
    while stack:
        node = stack.pop()
        if isinstance(node, MacroRef):
            yield node
        stack.extend(reversed(children(node)))


def _fields(rule: CompiledRule, expr: Expr, result: LoadResult) -> list[str]:
    """Each field with the place in the event that it is read from."""
    condition = list(field_refs(expr))
    template = parse_template(rule.output.encode(), result.fields)
    rows: dict[str, str] = {}
    for ref in (*condition, *template.fields()):
        rows.setdefault(_name(ref), _place(ref, result))
    asked = {_name(ref) for ref in condition}
    width = max(map(len, rows), default=0)
    return [f"  {name:<{width}}  {place}{'' if name in asked else '  (output only)'}" for name, place in rows.items()]


def _name(ref: FieldRef) -> str:
    return field_text(ref.name, ref.argument).decode("utf-8", "replace")


def _place(ref: FieldRef, result: LoadResult) -> str:
    field = result.fields.get(ref.name)
    slot = result.fields.slot(ref)
    if slot.reader is Reader.JSON_VALUE:
        return ".".join(key.decode("utf-8", "replace") for key in slot.path) or "the whole event"
    return field.json_path if field is not None else ""


def _kinds(firing: Firing, *, policy: bool) -> list[str]:
    words = in_words(firing.possible(policy=policy), firing)
    return [f"  {line}" for line in words] or ["  nothing: the rule can never fire"]


@dataclass(frozen=True, slots=True)
class Step:
    """A part of the condition, `depth` levels deep, and what it came to: True, False, or None for unknown."""

    depth: int
    text: str
    value: bool | None
    note: str = ""


class EventExplanation:
    """What each part of a rule's condition comes to on one event."""

    def __init__(self, result: LoadResult, name: str, evaluate: Evaluate) -> None:
        """Raises UnknownRule, and whatever `evaluate` raises."""
        compiled, rule = find_rule(result, name)
        self.rule = rule.name
        self._expr = compiled.condition(rule)
        self._lowering = Lowering(result.fields)
        self._kept: list[Expr] = []
        checks = [part for part in _parts(self._expr) if isinstance(part, Check)]
        self._numbers = {id(check): self._add(check, b"x") for check in checks}
        self._negations = {id(check): self._add(Not(check, 0, 0), b"x") for check in checks}
        always = parse_condition(ALWAYS)
        refs = {_name(ref): ref for ref in field_refs(self._expr)}
        self._values = {name: self._add(always, b"%" + name.encode()) for name in refs if self._prints(name, result)}
        self._present = {name: self._add(_exists(ref), b"x") for name, ref in refs.items()}
        self._fired = evaluate(self._lowering.plan())
        self._outcomes = self._all_outcomes()
        self.steps = list(self._steps())

    def _add(self, expr: Expr, output: bytes) -> int:
        self._kept.append(expr)
        return self._lowering.add_rule("part", 7, "k8s_audit", (), expr, output).number

    @staticmethod
    def _prints(name: str, result: LoadResult) -> bool:
        """Whether a template shows this field, argument and all."""
        parts = parse_template(b"%" + name.encode(), result.fields).parts
        return len(parts) == 1

    def _all_outcomes(self) -> dict[int, bool | None]:
        """What each part comes to, bottom up; a comparison that is neither true nor false is unknown."""
        outcomes: dict[int, bool | None] = {}
        for part in _parts(self._expr):
            if isinstance(part, Check):
                true = self._numbers[id(part)] in self._fired
                false = self._negations[id(part)] in self._fired
                outcomes[id(part)] = True if true else False if false else None
        stack: list[tuple[Expr, bool]] = [(self._expr, False)]
        while stack:
            node, ready = stack.pop()
            if id(node) in outcomes:
                continue
            parts = children(node)
            if ready:
                outcomes[id(node)] = _combined(node, [outcomes[id(part)] for part in parts])
            else:
                stack.append((node, True))
                stack.extend((part, False) for part in parts)
        return outcomes

    def _value(self, part: Expr) -> bool | None:
        return self._outcomes[id(part)]

    def _steps(self) -> Iterable[Step]:
        stack: list[tuple[Expr, int]] = [(self._expr, 0)]
        while stack:
            node, depth = stack.pop()
            value = self._value(node)
            if isinstance(node, Check):
                yield Step(depth, check_text(node), value, self._note(node))
            elif isinstance(node, MacroRef):
                yield Step(depth, f"macro {node.name}", value)
            else:
                yield Step(
                    depth, "not" if isinstance(node, Not) else "all of" if isinstance(node, And) else "any of", value
                )
            stack.extend((child, depth + 1) for child in reversed(children(node)))

    def _note(self, check: Check) -> str:
        notes = []
        for ref in field_refs(check):
            name = _name(ref)
            if self._present[name] not in self._fired:
                notes.append(f"{name} is missing")
            elif name in self._values:
                notes.append(f"{name} is {_cut(self._fired.get(self._values[name], ''), VALUE_WIDTH)}")
        return "; ".join(dict.fromkeys(notes))

    @property
    def fires(self) -> bool:
        return self.steps[0].value is True

    def deciding(self) -> list[Step]:
        """The comparisons that decided: those without which the outcome could have been another."""
        return [step for step, node in self._path() if isinstance(node, Check)]

    def _path(self) -> Iterable[tuple[Step, Expr]]:
        """From the whole down, along the parts that have the value that decides."""
        stack: list[Expr] = [self._expr]
        while stack:
            node = stack.pop()
            value = self._value(node)
            yield Step(0, one_line(node) if isinstance(node, Check) else "", value, self._note_of(node)), node
            parts = children(node)
            if isinstance(node, Not | MacroRef) or len(parts) < 2:
                stack.extend(parts)
                continue
            # An "and" that is false, and an "or" that is true, are decided by their parts of that value.
            alike = [part for part in parts if self._value(part) == value]
            decided_by_some = (value is False) if isinstance(node, And) else (value is True)
            stack.extend(reversed(alike if decided_by_some and alike else list(parts)))

    def _note_of(self, node: Expr) -> str:
        return self._note(node) if isinstance(node, Check) else ""

    def text(self) -> str:
        """For people, lines ended by LF."""
        marks = {True: "true   ", False: "false  ", None: "unknown"}
        lines = [f"{self.rule}: {'fires' if self.fires else 'does not fire'}", "", "Decided by:"]
        for step in self.deciding():
            lines.append(f"  {marks[step.value]}  {_cut(step.text, TEXT_WIDTH)}")
            if step.note:
                lines.append(f"           {step.note}")
        lines += ["", "All parts:"]
        for step in self.steps:
            lines.append(f"  {marks[step.value]}  {'  ' * step.depth}{_cut(step.text, TEXT_WIDTH)}")
        return "\n".join(lines) + "\n"


def _combined(node: Expr, values: list[bool | None]) -> bool | None:
    """Three-valued logic: unknown unless the known parts decide."""
    if isinstance(node, Not):
        return None if values[0] is None else not values[0]
    if isinstance(node, MacroRef):
        return values[0] if values else None
    deciding = not isinstance(node, And)
    if deciding in values:
        return deciding
    return None if None in values else not deciding


def _exists(ref: FieldRef) -> Check:
    return Check(ref, "exists", None, (), None, False, 0, 0, 0)


def _parts(expr: Expr) -> Iterable[Expr]:
    """Every part once, though a macro stands in several places."""
    seen: set[int] = set()
    stack = [expr]
    while stack:
        node = stack.pop()
        if id(node) not in seen:
            seen.add(id(node))
            yield node
            stack.extend(children(node))


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."
