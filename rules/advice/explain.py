"""Explaining a rule: what its condition is in the end, what it reads, when it can fire, and what decided on an event.

In: a `LoadResult` and a rule's name; for an event, also a way to run a plan on it (the application has the engine, this
room has not). Out: text for people. Called for `falcoeks-fast explain`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from falcoeks_fast.rules.advice.firing import Firing, in_words
from falcoeks_fast.rules.files.compiler import Compiled, CompiledRule
from falcoeks_fast.rules.language.ast import And, Check, Expr, FieldRef, MacroRef, Not, children, field_text
from falcoeks_fast.rules.language.condition_text import check_text, many_lines
from falcoeks_fast.rules.language.parser import parse_condition
from falcoeks_fast.rules.language.tree import checks, fields, folded, parts, size
from falcoeks_fast.rules.load import LoadResult
from falcoeks_fast.rules.lowering.lower import Lowering
from falcoeks_fast.rules.lowering.template import parse_template
from falcoeks_fast.rules.plan import Plan, Reader
from falcoeks_fast.rules.suggest import closest

ALWAYS = b"evt.num exists"
VALUE_WIDTH = 100
TEXT_WIDTH = 90
MAX_STEPS = 100_000

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
    macros = dict.fromkeys(node.name for node in parts(compiled.condition(rule)) if isinstance(node, MacroRef))
    lists = compiled.lists.named_in(rule.condition.source.text)
    exceptions = dict.fromkeys(exception.name for exception in rule.item.exceptions)
    for noun, names in (("Macros", macros), ("Lists", lists), ("Exceptions", exceptions)):
        if names:
            lines.append(f"{noun}: {', '.join(names)}")
    return [*lines, ""] if lines else []


def _fields(rule: CompiledRule, expr: Expr, result: LoadResult) -> list[str]:
    """Each field with the place in the event that it is read from."""
    condition = list(fields(expr))
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
        self._numbers = {id(check): self._add(check, b"x") for check in checks(self._expr)}
        self._negations = {id(check): self._add(Not(check, 0, 0), b"x") for check in checks(self._expr)}
        always = parse_condition(ALWAYS)
        refs = {_name(ref): ref for ref in fields(self._expr)}
        self._values = {name: self._add(always, b"%" + name.encode()) for name in refs if self._prints(name, result)}
        self._present = {name: self._add(_exists(ref), b"x") for name, ref in refs.items()}
        self._fired = evaluate(self._lowering.plan())
        self._outcomes = folded(self._expr, self._outcome)
        self.steps = list(self._steps()) if size(self._expr) <= MAX_STEPS else []

    def _add(self, expr: Expr, output: bytes) -> int:
        self._kept.append(expr)
        return self._lowering.add_rule("part", 7, "k8s_audit", (), expr, output).number

    @staticmethod
    def _prints(name: str, result: LoadResult) -> bool:
        """Whether a template shows this field, argument and all."""
        return len(parse_template(b"%" + name.encode(), result.fields).parts) == 1

    def _outcome(self, node: Expr, inner: list[bool | None]) -> bool | None:
        """What a part comes to; a comparison that is neither true nor false is unknown."""
        if not isinstance(node, Check):
            return _combined(node, inner)
        if self._numbers[id(node)] in self._fired:
            return True
        return False if self._negations[id(node)] in self._fired else None

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
        for ref in fields(check):
            name = _name(ref)
            if self._present[name] not in self._fired:
                notes.append(f"{name} is missing")
            elif name in self._values:
                notes.append(f"{name} is {_cut(self._fired.get(self._values[name], ''), VALUE_WIDTH)}")
        return "; ".join(dict.fromkeys(notes))

    @property
    def fires(self) -> bool:
        return self._value(self._expr) is True

    def deciding(self) -> list[Step]:
        """The comparisons that decided: those without which the outcome could have been another."""
        return [step for step, node in self._path() if isinstance(node, Check)]

    def _path(self) -> Iterable[tuple[Step, Expr]]:
        """From the whole down, along the parts that have the value that decides."""
        stack: list[Expr] = [self._expr]
        seen: set[int] = set()
        while stack:
            node = stack.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            value = self._value(node)
            yield Step(0, check_text(node) if isinstance(node, Check) else "", value, self._note_of(node)), node
            inner = children(node)
            if isinstance(node, Not | MacroRef) or len(inner) < 2:
                stack.extend(inner)
                continue
            # An "and" that is false, and an "or" that is true, are decided by their parts of that value.
            alike = [part for part in inner if self._value(part) == value]
            decided_by_some = (value is False) if isinstance(node, And) else (value is True)
            stack.extend(reversed(alike if decided_by_some and alike else list(inner)))

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
        if self.steps:
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


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."
