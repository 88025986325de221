"""All definitions so far -> checked conditions and templates.

In: the collector's lists, macros and rules. Out: a `Compiled` set: every rule with its resolved condition, and its
number in the `Lowering`. `load` calls it once for each file; what did not change since is not done again (spec:
rules-files, 1.5 to 1.10). Errors are LoadErrors.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from falcoeks_fast.rules.fields.lookup import Fields
from falcoeks_fast.rules.files.append_output import AppendOutput, full_output
from falcoeks_fast.rules.files.collector import Collector
from falcoeks_fast.rules.files.diagnostics import Code, Diagnostic, LoadError, Span
from falcoeks_fast.rules.files.exceptions import with_exceptions
from falcoeks_fast.rules.files.items import SYSCALL_SOURCE, MacroItem, RuleItem
from falcoeks_fast.rules.files.lists import Expanded, ExpansionTooLarge, ListTable
from falcoeks_fast.rules.files.places import Place
from falcoeks_fast.rules.files.precheck import condition_warnings, output_warnings
from falcoeks_fast.rules.files.traced import Traced
from falcoeks_fast.rules.files.yaml_source import Node
from falcoeks_fast.rules.language.ast import Expr, MacroRef, walk
from falcoeks_fast.rules.language.errors import (
    ConditionError,
    LanguageError,
    LanguageWarning,
    MacroError,
    TemplateError,
)
from falcoeks_fast.rules.language.expand import MacroResolver
from falcoeks_fast.rules.language.parser import parse_condition
from falcoeks_fast.rules.language.tree import fields
from falcoeks_fast.rules.lowering.lower import ExtraField, LoweredRule, Lowering
from falcoeks_fast.rules.lowering.template import parse_template
from falcoeks_fast.rules.suggest import closest

CONTAINER_INFO = "%container.info"
AUDIT_FIELD_IN_OUTPUT = re.compile(r"%[0-9]*(?:[a-z0-9]+\()*(ka(?:\.\w+)+)")
FORGOTTEN_SOURCE = f"fields of audit events need 'source: k8s_audit'; the source of this rule is {SYSCALL_SOURCE}"
MAX_WARNINGS = 100


@dataclass(frozen=True, slots=True)
class Parsed:
    """A condition's tree as parsed, with the macros that it names."""

    expr: Expr
    warnings: tuple[LanguageWarning, ...]
    macros: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CompiledMacro:
    """`version` is equal for two macros of one name exactly if they mean the same."""

    item: MacroItem
    expanded: Expanded
    parsed: Parsed
    version: int


@dataclass(frozen=True, slots=True)
class CompiledRule:
    item: RuleItem
    condition: Expanded
    parsed: Parsed
    output: str
    extra_fields: tuple[ExtraField, ...]
    lowered: LoweredRule

    @property
    def name(self) -> str:
        return self.item.name

    @property
    def tags(self) -> frozenset[str]:
        return self.item.tags

    @property
    def enabled(self) -> bool:
        return self.item.enabled


@dataclass(slots=True)
class Compiled:
    """The set after one file. Rules that were left out (unknown source or field) are not in `rules`."""

    lists: ListTable
    macros: dict[str, CompiledMacro]
    resolver: MacroResolver
    rules: dict[str, CompiledRule] = field(default_factory=dict)
    used_macros: set[str] = field(default_factory=set)

    def condition(self, rule: CompiledRule) -> Expr:
        """The rule's condition with all macros in it."""
        return self.resolver.resolve(rule.parsed.expr)

    def macro_condition(self, macro: CompiledMacro) -> Expr:
        """The macro's condition with all macros in it."""
        return self.resolver.resolve(macro.parsed.expr)


class Compiler:
    """Compiles the growing set of one load."""

    def __init__(self, fields: Fields, lowering: Lowering, append_output: Sequence[AppendOutput]) -> None:
        self.fields = fields
        self.lowering = lowering
        self.append_output = append_output
        self.rules: dict[object, LoweredRule] = {}
        self._parsed: dict[str, Parsed] = {}
        self._versions: dict[object, int] = {}

    def compile(self, collector: Collector, warnings: list[Diagnostic]) -> Compiled:
        """Compile everything. Raises LoadError; the warnings up to there are in `warnings`."""
        run = _Run(self, collector, warnings)
        run.macros_parsed()
        run.macros_resolved()
        for rule in collector.rules.values():
            if not rule.unknown_source:
                run.rule(rule)
            elif rule.source == SYSCALL_SOURCE:
                run.rule_for_system_calls(rule)
        run.unused()
        return run.compiled

    def parse(self, text: str) -> Parsed:
        """A condition's tree, each text parsed once. Raises ConditionError."""
        known = self._parsed.get(text)
        if known is None:
            found: list[LanguageWarning] = []
            expr = parse_condition(text.encode(), found)
            names = dict.fromkeys(node.name for node in walk(expr) if isinstance(node, MacroRef))
            known = self._parsed[text] = Parsed(expr, tuple(found), tuple(names))
        return known

    def version(self, key: object) -> int:
        """A number that is the same for equal keys."""
        return self._versions.setdefault(key, len(self._versions))


class _Run:
    """One compilation of the whole set."""

    def __init__(self, compiler: Compiler, collector: Collector, warnings: list[Diagnostic]) -> None:
        self.compiler = compiler
        self.collector = collector
        self.warnings = warnings
        try:
            lists = ListTable(collector.lists)
        except ExpansionTooLarge as error:
            first = next(iter(collector.lists.values()))
            raise LoadError(Code.ERR_VALIDATE, str(error), first.context) from None
        warnings.extend(lists.warnings)
        self.compiled = Compiled(lists, {}, MacroResolver(self._find))

    def _find(self, name: str, inside: str | None) -> Expr | None:
        """The macro's tree, if it can be seen from the text of the macro `inside`, or else from a rule."""
        macro = self.compiled.macros.get(name)
        if macro is None:
            return None
        if inside is not None and macro.item.index >= self.collector.macros[inside].visibility:
            return None
        return macro.parsed.expr

    def _expanded(self, place: Place) -> Place:
        try:
            return place.in_text(self.compiled.lists.expand(place.source))
        except ExpansionTooLarge as error:
            raise LoadError(Code.ERR_VALIDATE, str(error), place.context) from None

    def macros_parsed(self) -> None:
        """Every macro's text on its own."""
        for item in self.collector.macros.values():
            place = self._expanded(Place(item.condition_context, item.condition))
            assert place.expanded is not None
            try:
                parsed = self.compiler.parse(place.expanded.text)
            except ConditionError as error:
                hint = quoting_hint(place, error, item.condition)
                raise place.error(Code.ERR_COMPILE_CONDITION, error, hint, parsing=True) from None
            self.compiled.macros[item.name] = CompiledMacro(item, place.expanded, parsed, -1)
            self.warnings.extend(place.warning(warning) for warning in parsed.warnings)

    def macros_resolved(self) -> None:
        """The macros that macros refer to, in the order of definition."""
        macros = self.compiled.macros
        for name in macros:
            try:
                self.compiled.resolver.resolve(MacroRef(name, 0, 0))
            except MacroError as error:
                raise self._macro_error(error, None) from None
        waiting = list(reversed(macros))
        while waiting:
            macro = macros[waiting[-1]]
            inner = [macros[name] for name in macro.parsed.macros]
            missing = [other.item.name for other in inner if other.version < 0]
            if missing and macro.version < 0:
                waiting.extend(missing)
                continue
            waiting.pop()
            key = (macro.expanded.text, tuple((other.item.name, other.version) for other in inner))
            macros[macro.item.name] = replace(macro, version=self.compiler.version(key))
            self.compiled.used_macros.update(macro.parsed.macros)

    def _macro_error(self, error: MacroError, rule: Place | None) -> LoadError:
        """An undefined macro or a loop, found in a macro's text or in a rule's."""
        place = rule if error.macro is None else self._macro_place(error.macro)
        assert place is not None
        brought_by = place.list_at(error.offset)
        if brought_by:
            hint = f"it comes from list '{brought_by}'; to compare with it, write 'field in ({brought_by})'"
        elif error.name in self.collector.macros:
            hint = f"move macro '{error.name}' before the one that uses it"
        else:
            hint = closest(error.name, self.collector.macros)
        return place.error(Code.ERR_VALIDATE, error, hint)

    def _macro_place(self, name: str) -> Place:
        macro = self.compiled.macros[name]
        return Place(macro.item.context, macro.item.condition, macro.expanded)

    def rule(self, item: RuleItem) -> None:
        """One rule: exceptions, output, condition. Raises LoadError."""
        text = with_exceptions(item.condition, item.exceptions)
        output, extra_fields = full_output(item, self.compiler.fields, self.compiler.append_output)
        if CONTAINER_INFO in output:
            message = f"{CONTAINER_INFO} is deprecated and means nothing here; it is taken out of the output."
            self.warnings.append(Diagnostic(Code.DEPRECATED_ITEM, message, item.context))
            output = output.replace(CONTAINER_INFO, "")
        try:
            self.compiler.lowering.output(output.encode(), extra_fields)
        except TemplateError as error:
            # As in Falco, the condition is then not read, and the lists and macros in it count as unused.
            self._output_failed(item, output, error)
            return
        self.warnings.extend(output_warnings(output, item.output_context))
        place = self._expanded(Place(item.condition_context, text))
        assert place.expanded is not None
        try:
            parsed = self.compiler.parse(place.expanded.text)
        except ConditionError as error:
            hint = quoting_hint(place, error, item.condition)
            raise place.error(Code.ERR_COMPILE_CONDITION, error, hint, parsing=True) from None
        self.compiled.used_macros.update(parsed.macros)
        lowered = self._lowered(item, place, parsed, output, extra_fields)
        if lowered is None:
            return
        for warning in self._first((*parsed.warnings, *lowered.condition_warnings), item):
            self.warnings.append(self._through(item, place, warning.macro).warning(warning))
        template = Place(item.output_context, item.output)
        self.warnings.extend(template.warning(warning) for warning in self._first(lowered.output_warnings, item))
        self.compiled.rules[item.name] = CompiledRule(item, place.expanded, parsed, output, extra_fields, lowered)

    def rule_for_system_calls(self, item: RuleItem) -> None:
        """A rule that is left out, though what it refers to counts as used. Raises LoadError.

        With a field of audit events in it, its source was forgotten: that is an error, as in Falco, which knows this
        source and not the field.
        """
        text = with_exceptions(item.condition, item.exceptions)
        failure = _audit_field_in_output(item)
        if failure is None:
            place = self._expanded(Place(item.condition_context, text))
            assert place.expanded is not None
            try:
                parsed = self.compiler.parse(place.expanded.text)
            except ConditionError:
                return
            self.compiled.used_macros.update(parsed.macros)
            failure = _audit_field_in_condition(place, parsed)
            if failure is not None:
                self.warnings.extend(condition_warnings(parsed.expr, lambda _macro: place))
        if failure is not None:
            if not item.skip_if_unknown_filter:
                raise failure
            self.warnings.append(replace(failure.diagnostic, code=Code.UNKNOWN_FILTER))

    def _first(self, found: Sequence[LanguageWarning], item: RuleItem) -> Sequence[LanguageWarning]:
        """The first of many warnings of a rule; that there are more is a warning too."""
        if len(found) > MAX_WARNINGS:
            message = f"{len(found) - MAX_WARNINGS} more warnings of this rule are not shown"
            self.warnings.append(Diagnostic(Code(found[-1].kind.value), message, item.context))
        return found[:MAX_WARNINGS]

    def _lowered(
        self, item: RuleItem, place: Place, parsed: Parsed, output: str, extra_fields: tuple[ExtraField, ...]
    ) -> LoweredRule | None:
        """The rule in the plan; None if an unknown field leaves it out. Raises LoadError."""
        macros = self.compiled.macros
        versions = tuple((name, macros[name].version if name in macros else -1) for name in parsed.macros)
        key = (item.name, item.priority, item.source, item.tags, id(parsed), versions, output, extra_fields)
        known = self.compiler.rules.get(key)
        if known is not None:
            return known
        try:
            expr = self.compiled.resolver.resolve(parsed.expr)
        except MacroError as error:
            raise self._macro_error(error, replace(place, context=item.context)) from None
        try:
            lowered = self.compiler.lowering.add_rule(
                item.name, item.priority, item.source, item.tags, expr, output.encode(), extra_fields
            )
        except ConditionError as error:
            self.warnings.extend(condition_warnings(expr, lambda macro: self._through(item, place, macro)))
            self._condition_failed(item, place, error)
            return None
        self.compiler.rules[key] = lowered
        return lowered

    def _through(self, item: RuleItem, place: Place, macro: str | None) -> Place:
        """The text in which something was found: the rule's own, or that of a macro it uses."""
        return place if macro is None else self._macro_place(macro).reached_through(place)

    def _condition_failed(self, item: RuleItem, place: Place, error: ConditionError) -> None:
        failure = self._through(item, place, error.macro).error(Code.ERR_COMPILE_CONDITION, error)
        if not (error.unknown_field and item.skip_if_unknown_filter):
            raise failure
        self.warnings.append(replace(failure.diagnostic, code=Code.UNKNOWN_FILTER))

    def _output_failed(self, item: RuleItem, output: str, error: TemplateError) -> None:
        failure = Place(item.output_context, item.output).error(Code.ERR_COMPILE_OUTPUT, error)
        # An unknown extra field is the configuration's fault, so it is not for the rule to skip it.
        if error.unknown_field and item.skip_if_unknown_filter and template_problem(output, self.compiler.fields):
            self.warnings.append(replace(failure.diagnostic, code=Code.UNKNOWN_FILTER))
            return
        raise failure

    def unused(self) -> None:
        """Warnings about macros and lists that nothing refers to."""
        for name, macro in self.collector.macros.items():
            if name not in self.compiled.used_macros:
                message = "Macro not referred to by any other rule/macro"
                self.warnings.append(Diagnostic(Code.UNUSED_MACRO, message, macro.context, name_span(macro.node)))
        used = self.compiled.lists.used()
        for name, item in self.collector.lists.items():
            if name not in used:
                message = "List not referred to by any other rule/macro"
                self.warnings.append(Diagnostic(Code.UNUSED_LIST, message, item.context, name_span(item.node)))


def _audit_field_in_output(item: RuleItem) -> LoadError | None:
    match = AUDIT_FIELD_IN_OUTPUT.search(item.output.text)
    if match is None:
        return None
    start, end = (len(item.output.text[:at].encode()) for at in match.span())
    problem = TemplateError(f"unknown filter: nonexistent field {match[1]}", start, end)
    return Place(item.output_context, item.output).error(Code.ERR_COMPILE_OUTPUT, problem, FORGOTTEN_SOURCE)


def _audit_field_in_condition(place: Place, parsed: Parsed) -> LoadError | None:
    for ref in fields(parsed.expr):
        if ref.name.startswith("ka."):
            unknown = ConditionError(f"nonexistent field {ref.name}", ref.start, ref.end)
            return place.error(Code.ERR_COMPILE_CONDITION, unknown, FORGOTTEN_SOURCE)
    return None


def quoting_hint(place: Place, error: LanguageError, own: Traced) -> str:
    """How to write the word of a list or an exception at which a condition could not be parsed further."""
    brought_by = place.list_at(error.offset)
    if brought_by:
        return (
            f"this comes from list '{brought_by}': a list belongs into 'field in ({brought_by})', and an item with a"
            " special character needs quotes of its own, as in '\"a=b\"'"
        )
    scalar = place.scalar_at(error.offset)
    if scalar is None or any(scalar is node for node in own.nodes):
        return ""
    return "this comes from an exception: a value with a special character needs quotes of its own, as in '\"a=b\"'"


def template_problem(output: str, fields: Fields) -> TemplateError | None:
    """What is wrong with an output template; None if nothing."""
    try:
        parse_template(output.encode(), fields)
    except TemplateError as error:
        return error
    return None


def name_span(node: Node) -> Span:
    """The first line of an item, where its kind and name usually stand."""
    end = node.source.text.find("\n", node.start.offset)
    return Span(node.source, node.start.offset, end if end >= 0 else len(node.source.text))
