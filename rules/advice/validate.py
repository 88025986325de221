"""Advice on rules that load, and may still not do what was meant.

In: a `LoadResult`. Out: diagnostics with the code LOAD_ADVICE, for `falcoeks-fast validate`. Falco says none of this.
"""

from __future__ import annotations

from collections.abc import Iterator

from falcoeks_fast.rules.advice.firing import AWS_AUTH_WRITES, Firing, Kind
from falcoeks_fast.rules.fields.table import FIXES
from falcoeks_fast.rules.files.compiler import Compiled, CompiledRule, template_problem
from falcoeks_fast.rules.files.diagnostics import Code, Diagnostic
from falcoeks_fast.rules.files.lists import Expanded
from falcoeks_fast.rules.files.places import Place, char_offset
from falcoeks_fast.rules.language.ast import Check, Const, Expr, FieldRef, Not, children
from falcoeks_fast.rules.language.tree import checks, fields
from falcoeks_fast.rules.load import LoadResult
from falcoeks_fast.rules.lowering.template import parse_template
from falcoeks_fast.rules.suggest import closest

MAX_COMPARISONS = 100_000
MEMBERSHIP = ("in", "intersects", "pmatch")
HIDING_FIXES = frozenset({"uri.param"})
"""Fixes that only show what Falco does not see in odd requests: a rule that asks against it errs on the loud side."""


def advise(result: LoadResult) -> list[Diagnostic]:
    """All advice on the rules that the last load compiled."""
    compiled = result.compiled
    if compiled is None:
        return []
    return [*_misspelt_lists(compiled), *_impossible(compiled, result), *_fix_impact(compiled, result)]


def add_advice(result: LoadResult) -> None:
    """Put the advice into the reports, each piece into that of its file."""
    reports = {report.name: report for report in result.reports}
    for diagnostic in advise(result):
        name = diagnostic.context.source.name
        if name in reports:
            reports[name].advice.append(diagnostic)


def _advice(message: str, rule: CompiledRule, suggestion: str = "") -> Diagnostic:
    return Diagnostic(Code.ADVICE, message, rule.item.context, None, suggestion)


class _Names:
    """The names of lists. Looking for similar ones is slow, so among thousands only the first words are looked up."""

    def __init__(self, names: list[str]) -> None:
        self._names = [name for name in names if "_" in name]
        self._left = MAX_COMPARISONS
        self._known: dict[str, str] = {}

    def closest(self, word: str) -> str:
        if word not in self._known and self._left >= len(self._names):
            self._left -= len(self._names)
            self._known[word] = closest(word, self._names)
        return self._known.get(word, "")


def _misspelt_lists(compiled: Compiled) -> Iterator[Diagnostic]:
    """Words that are compared as they stand, and look like the name of a list."""
    names = _Names(list(compiled.lists.lists))
    for macro in compiled.macros.values():
        place = Place(macro.item.condition_context, macro.item.condition, macro.expanded)
        yield from _misspelt_in(macro.parsed.expr, place, macro.expanded, names)
    for rule in compiled.rules.values():
        place = Place(rule.item.condition_context, rule.condition.source, rule.condition)
        yield from _misspelt_in(rule.parsed.expr, place, rule.condition, names)


def _misspelt_in(expr: Expr, place: Place, expanded: Expanded, names: _Names) -> Iterator[Diagnostic]:
    for check in checks(expr):
        if check.op not in MEMBERSHIP and check.modifier is None:
            continue
        for constant in check.constants:
            found = _list_hint(constant, check, expanded, names)
            if found is not None:
                context, span = place.at(constant.start, constant.end)
                yield Diagnostic(Code.ADVICE, found[0], context, span, found[1])


def _list_hint(constant: Const, check: Check, expanded: Expanded, names: _Names) -> tuple[str, str] | None:
    if constant.quoted or expanded.list_at(char_offset(expanded.text, constant.start)):
        return None
    word = constant.value.decode("utf-8", "replace")
    message = f"there is no list '{word}': the field is compared with that word itself"
    if not check.listed:
        return message, names.closest(word) or f"define the list, or write ({word}) if the word is meant"
    near = names.closest(word) if "_" in word else ""
    return (message, near) if near else None


def _impossible(compiled: Compiled, result: LoadResult) -> Iterator[Diagnostic]:
    """Rules that need what EKS does not log."""
    for rule in compiled.rules.values():
        firing = Firing(compiled.condition(rule), result.fields)
        if not firing.possible():
            yield _advice("this rule can never fire: no stage, verb and resource satisfies its condition", rule)
            continue
        if not firing.reads_body and "events" not in firing.resources:
            continue
        logged = firing.possible(policy=True)
        if not logged:
            message = "this rule can never fire on EKS: its audit policy logs no bodies for the events that it is about"
            hint = (
                "the published policy leaves out the bodies of secrets, config maps (but for the writes of aws-auth),"
                " token reviews and of everything that is only read, and all of 'events'"
            )
            yield _advice(message, rule, hint)
        elif _is_about_aws_auth(logged) and not _names_aws_auth(compiled.condition(rule)):
            message = "on EKS this rule can only fire for aws-auth: other config maps are logged without their content"
            yield _advice(message, rule)


def _is_about_aws_auth(kinds: list[Kind]) -> bool:
    return all(kind.resource == "configmaps" and kind.verb in AWS_AUTH_WRITES for kind in kinds)


def _names_aws_auth(expr: Expr) -> bool:
    return any(constant.value == b"aws-auth" for check in checks(expr) for constant in check.constants)


def _fix_impact(compiled: Compiled, result: LoadResult) -> Iterator[Diagnostic]:
    """Rules whose fields have a corrected reading that was not chosen: one hint for each fix and file."""
    fixes = {name: fix for fix, fixed in FIXES.items() if fix not in result.fields.fixes for name in fixed}
    touched: dict[tuple[str, str], dict[str, CompiledRule]] = {}
    read: dict[tuple[str, str], set[str]] = {}
    for rule in compiled.rules.values():
        missed = {ref.name for ref in _fields_needed(compiled.condition(rule))}
        for ref in _all_fields(rule, compiled, result):
            fix = fixes.get(ref.name)
            if fix is not None and (fix not in HIDING_FIXES or ref.name in missed):
                key = (fix, rule.item.context.source.name)
                touched.setdefault(key, {})[rule.name] = rule
                read.setdefault(key, set()).add(ref.name)
    for key, rules in touched.items():
        names = ", ".join(sorted(read[key]))
        verb = "is read as Falco reads it" if len(read[key]) == 1 else "are read as Falco reads them"
        message = f"{names} {verb}, which is not what the documentation says"
        hint = f"field_fixes: [{key[0]}] would change what these rules see: {', '.join(rules)}"
        yield _advice(message, next(iter(rules.values())), hint)


def _fields_needed(condition: Expr) -> Iterator[FieldRef]:
    """The fields whose absence keeps a comparison from being met that the condition asks for, not against."""
    seen: set[tuple[int, bool]] = set()
    stack = [(condition, False)]
    while stack:
        node, negated = stack.pop()
        if (id(node), negated) in seen:
            continue
        seen.add((id(node), negated))
        if isinstance(node, Check) and not negated:
            yield from fields(node)
        stack.extend((child, negated != isinstance(node, Not)) for child in children(node))


def _all_fields(rule: CompiledRule, compiled: Compiled, result: LoadResult) -> Iterator[FieldRef]:
    yield from fields(compiled.condition(rule))
    if template_problem(rule.output, result.fields) is None:
        yield from parse_template(rule.output.encode(), result.fields).fields()
