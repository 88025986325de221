"""From resolved trees to the typed plan.

In: rule after rule, as trees without open macros and as template texts. Out: `Lowering.plan()`, not yet optimised.
Called by the rule files' loader. All errors of types, arguments and constants come out here. Source: `spec` language
5 to 12.

Trees are walked with an explicit stack, and the tree of a macro is lowered once, however many rules use it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from falcoeks_fast.rules.fields.lookup import Fields
from falcoeks_fast.rules.language.ast import And, Check, Expr, MacroRef, Not, Or, children
from falcoeks_fast.rules.language.errors import ConditionError, LanguageError, LanguageWarning, WarningKind
from falcoeks_fast.rules.lowering.atoms import AtomDraft, AtomTable
from falcoeks_fast.rules.lowering.operands import OperandTable
from falcoeks_fast.rules.lowering.output import ExtraField, LoweredOutput, lower_output
from falcoeks_fast.rules.plan import Node, NodeKind, Plan, RulePlan

__all__ = ["ExtraField", "LoweredRule", "Lowering"]


@dataclass(frozen=True, slots=True)
class LoweredRule:
    """A rule in the making: `number` names it in `Lowering.plan`; the warnings belong to condition and output."""

    number: int
    condition_warnings: tuple[LanguageWarning, ...]
    output_warnings: tuple[LanguageWarning, ...]


class Lowering:
    """Collects rules; equal slots, operands, comparisons and expressions of all rules are kept once."""

    def __init__(self, fields: Fields, *, iso8601: bool = False, reject_long_constants: bool = True) -> None:
        """`iso8601`: the prefix of alerts is evt.time.iso8601. `reject_long_constants`: else they are a warning."""
        self.fields = fields
        self._operands = OperandTable(fields)
        self._atoms = AtomTable(self._operands, reject_long_constants=reject_long_constants)
        self._iso8601 = iso8601
        self._nodes: list[Node] = []
        self._index: dict[Node, int] = {}
        self._rules: list[RulePlan] = []
        self._bodies: dict[int, tuple[Expr, int, tuple[LanguageWarning, ...]]] = {}
        self._outputs: dict[tuple[bytes, tuple[ExtraField, ...]], LoweredOutput] = {}

    def add_rule(
        self,
        name: str,
        priority: int,
        source: str,
        tags: Iterable[str],
        expr: Expr,
        output: bytes,
        extra_fields: Sequence[ExtraField] = (),
    ) -> LoweredRule:
        """Add a rule. `output` is the template with what `append_output` adds. Raises ConditionError, TemplateError.

        The output is looked at first, as Falco does. A rule that raises leaves nothing in the plan.
        """
        compiled = self.output(output, extra_fields)
        warnings: list[LanguageWarning] = []
        root = self._lower(expr, warnings)
        number = len(self._rules)
        self._rules.append(
            RulePlan(
                name.encode(),
                priority,
                source.encode(),
                tuple(sorted({tag.encode() for tag in tags})),
                root,
                compiled.segments,
                compiled.fields,
            )
        )
        return LoweredRule(number, _once(warnings), compiled.warnings)

    def output(self, text: bytes, extra_fields: Sequence[ExtraField] = ()) -> LoweredOutput:
        """An output compiled, each once: an error in it is to be found before one in the condition.

        Raises TemplateError.
        """
        key = (text, tuple(extra_fields))
        known = self._outputs.get(key)
        if known is None:
            known = lower_output(text, extra_fields, self._operands, iso8601=self._iso8601)
            self._outputs[key] = known
        return known

    def check_condition(self, expr: Expr) -> tuple[LanguageWarning, ...]:
        """The warnings of a condition that is to be in no plan. Raises ConditionError."""
        warnings: list[LanguageWarning] = []
        self._lower(expr, warnings)
        return _once(warnings)

    def plan(self, order: Sequence[int] | None = None) -> Plan:
        """The plan of all rules, or of those whose numbers are given, in that order."""
        rules = self._rules if order is None else [self._rules[number] for number in order]
        reached = self._reached(rule.root for rule in rules)
        used = sorted({self._nodes[i].args[0] for i in reached if self._nodes[i].kind is NodeKind.ATOM})
        atoms, negated, operands = self._atoms.finish(used)
        place = {draft: i for i, draft in enumerate(used)}
        nodes: list[Node] = []
        moved: dict[int, int] = {}
        for i in sorted(reached):
            node = self._nodes[i]
            if node.kind is not NodeKind.ATOM:
                nodes.append(Node(node.kind, tuple(moved[arg] for arg in node.args)))
            else:
                atom = place[node.args[0]]
                nodes.append(Node(NodeKind.ATOM, (atom,)))
                if atom in negated:
                    # "present, and none of a few" for "one of very many".
                    last = len(nodes) - 1
                    nodes.append(Node(NodeKind.NOT, (last,)))
                    nodes.append(Node(NodeKind.ATOM, (negated[atom],)))
                    nodes.append(Node(NodeKind.AND, (last + 2, last + 1)))
            moved[i] = len(nodes) - 1
        roots = [moved[rule.root] for rule in rules]
        return Plan(
            tuple(self._operands.slots),
            operands,
            atoms,
            tuple(nodes),
            tuple(_with_root(rule, root) for rule, root in zip(rules, roots, strict=True)),
        )

    def _reached(self, roots: Iterable[int]) -> set[int]:
        seen: set[int] = set()
        stack = list(roots)
        while stack:
            i = stack.pop()
            if i not in seen:
                seen.add(i)
                if self._nodes[i].kind is not NodeKind.ATOM:
                    stack.extend(self._nodes[i].args)
        return seen

    def _put(self, node: Node) -> int:
        known = self._index.get(node)
        if known is None:
            known = self._index[node] = len(self._nodes)
            self._nodes.append(node)
        return known

    def _lower(self, expr: Expr, warnings: list[LanguageWarning]) -> int:
        """The node of a tree, bottom up. `warnings` gets those of all its checks."""
        values: list[int] = []
        stack: list[tuple[Expr, bool, str | None, int]] = [(expr, False, None, 0)]
        while stack:
            node, ready, macro, mark = stack.pop()
            if isinstance(node, Check):
                values.append(self._check(node, macro, warnings))
            elif isinstance(node, MacroRef):
                body = node.body
                if body is None:
                    raise _open_macro(node, macro)
                known = self._bodies.get(id(body))
                if known is not None:
                    values.append(known[1])
                    warnings.extend(known[2])
                elif ready:
                    warnings[mark:] = dict.fromkeys(warnings[mark:])
                    self._bodies[id(body)] = (body, values[-1], tuple(warnings[mark:]))
                else:
                    stack.append((node, True, macro, len(warnings)))
                    stack.append((body, False, node.name, 0))
            elif ready:
                count = len(children(node))
                args = tuple(values[-count:])
                del values[-count:]
                values.append(self._put(Node(_KINDS[type(node)], args)))
            else:
                stack.append((node, True, macro, 0))
                stack.extend((child, False, macro, 0) for child in reversed(children(node)))
        return values[-1]

    def _check(self, check: Check, macro: str | None, warnings: list[LanguageWarning]) -> int:
        found: list[LanguageWarning] = []
        try:
            draft = self._atoms.add(check, found)
        except LanguageError as error:
            error.macro = macro
            error.reported = check.start
            raise
        warnings.extend(replace(warning, macro=macro) for warning in found)
        if draft is AtomDraft.NEVER:
            return self._put(Node(NodeKind.FALSE))
        return self._put(Node(NodeKind.ATOM, (draft,)))


_KINDS = {And: NodeKind.AND, Or: NodeKind.OR, Not: NodeKind.NOT}


def _open_macro(ref: MacroRef, macro: str | None) -> ConditionError:
    error = ConditionError(f"Undefined macro '{ref.name}' used in filter.", ref.start, ref.end)
    error.macro = macro
    return error


def _with_root(rule: RulePlan, root: int) -> RulePlan:
    return RulePlan(rule.name, rule.priority, rule.source, rule.tags, root, rule.output, rule.output_fields)


def _once(warnings: list[LanguageWarning]) -> tuple[LanguageWarning, ...]:
    """Without doubles (a macro used twice); the unsafe comparison is said once for a rule, and first."""
    kept: dict[object, LanguageWarning] = {}
    for warning in warnings:
        kept.setdefault(warning.kind if warning.kind is WarningKind.UNSAFE_NA else warning, warning)
    return tuple(sorted(kept.values(), key=lambda warning: warning.kind is not WarningKind.UNSAFE_NA))
