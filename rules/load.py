"""Loading rule files: from bytes to a plan and reports.

In: the contents of the files in order, and the settings that bear on them. Out: a `LoadResult`. The application calls
`load_rules`; nothing is read from disk here. Files share one set of definitions, and each compiles everything so far
(spec: rules-files, 1.1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from falcoeks_fast.rules.advice.describe import describe, describe_text
from falcoeks_fast.rules.fields.lookup import Fields
from falcoeks_fast.rules.fields.own import OWN_PLUGIN, OWN_PLUGIN_VERSION
from falcoeks_fast.rules.files.append_output import AppendOutput
from falcoeks_fast.rules.files.collector import Collector, unmet_requirement
from falcoeks_fast.rules.files.compiler import Compiled, CompiledRule, Compiler
from falcoeks_fast.rules.files.diagnostics import Code, Diagnostic, LoadError
from falcoeks_fast.rules.files.exceptions import FieldCheck
from falcoeks_fast.rules.files.items import PRIORITIES, SYSCALL_SOURCE, RuleItem
from falcoeks_fast.rules.files.reader import Reader
from falcoeks_fast.rules.files.report import FileReport, place_text
from falcoeks_fast.rules.files.schema import check_schema
from falcoeks_fast.rules.files.selection import Selection, evaluation_order
from falcoeks_fast.rules.files.yaml_source import decode_file, load_documents
from falcoeks_fast.rules.language.ast import Check
from falcoeks_fast.rules.language.errors import ConditionError
from falcoeks_fast.rules.language.parser import parse_condition
from falcoeks_fast.rules.lowering.lower import Lowering
from falcoeks_fast.rules.optimiser.optimise import optimise
from falcoeks_fast.rules.plan import Plan

DEFAULT_PLUGINS = {"k8saudit-eks": "0.12.0", "json": "0.7.4"}
LOWEST_PRIORITY = 7


@dataclass(frozen=True, slots=True)
class RuleFile:
    """The content of a rule file, under the name the user gave it."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """What of the configuration bears on rules.

    `plugins`: the loaded plugins, name -> version; that of our own fields is always there. `sources`: the event sources
    they provide. `priority`: rules with a higher number are left out. `iso8601`: times in alerts are in that form.
    `static_fields`: name without `static.` -> value. `selections`: the `rules:` of the configuration. `field_fixes`:
    names of corrections, or `all`. `keep_going`: go on behind a file with errors, as `-V` does, and apply no
    selections. `optimised`: False leaves the plan as it was lowered.
    """

    plugins: Mapping[str, str] = field(default_factory=lambda: dict(DEFAULT_PLUGINS))
    sources: frozenset[str] = frozenset({"k8s_audit"})
    priority: int = LOWEST_PRIORITY
    iso8601: bool = False
    append_output: Sequence[AppendOutput] = ()
    static_fields: Mapping[str, str] = field(default_factory=dict)
    selections: Sequence[Selection] = ()
    field_fixes: frozenset[str] = frozenset()
    keep_going: bool = False
    optimised: bool = True

    @property
    def loaded_plugins(self) -> dict[str, str]:
        """The plugins that rules may require."""
        return {**self.plugins, OWN_PLUGIN: OWN_PLUGIN_VERSION}


@dataclass(frozen=True, slots=True)
class RuleInfo:
    """A rule as the files define it. `running`: it is in the plan; `compiled`: it could be (source and fields known).

    `enabled` is what the files say, before selections.
    """

    name: str
    desc: str
    priority: int
    source: str
    tags: tuple[str, ...]
    enabled: bool
    running: bool
    compiled: bool

    @property
    def priority_name(self) -> str:
        return PRIORITIES[self.priority]


@dataclass(slots=True)
class LoadResult:
    """What loading gave.

    `plan` is None exactly if it failed. `requirement_error` is a plugin requirement that is not met; it outranks the
    errors of files. `notices` are lines for the log. `compiled` is the set after the last file that loaded.
    """

    reports: list[FileReport]
    collector: Collector
    settings: LoadSettings
    fields: Fields
    compiled: Compiled | None = None
    plan: Plan | None = None
    order: list[str] = field(default_factory=list)
    requirement_error: str | None = None
    notices: list[str] = field(default_factory=list)

    @property
    def successful(self) -> bool:
        return self.requirement_error is None and all(report.successful for report in self.reports)

    @property
    def error_text(self) -> str:
        """What to say when it failed: the unmet requirement, or the reports of the files with errors."""
        if self.requirement_error is not None:
            return self.requirement_error
        return "\n".join(report.text() for report in self.reports if not report.successful)

    @property
    def counts(self) -> tuple[int, int, int]:
        """How many rules run, and how many macros and lists there are."""
        return len(self.order), len(self.collector.macros), len(self.collector.lists)

    @property
    def rules(self) -> list[RuleInfo]:
        """All rules in the order of first definition."""
        known = self.compiled.rules if self.compiled else {}
        running = set(self.order)
        return [_rule_info(item, name in running, name in known) for name, item in self.collector.rules.items()]

    def describe(self, rule: str | None = None) -> dict[str, Any]:
        """The JSON of `-L`, or with a rule's name that of `-l`. Raises KeyError if there is no such rule."""
        return describe(self.compiled, self.collector, self.fields, self.settings.plugins, rule)

    def describe_text(self, rule: str | None = None) -> str:
        """The table of `-L`, or with a rule's name that of `-l`. Raises KeyError if there is no such rule."""
        return describe_text(self.compiled, rule)


def _rule_info(item: RuleItem, running: bool, compiled: bool) -> RuleInfo:
    tags = tuple(sorted(item.tags))
    return RuleInfo(item.name, item.desc, item.priority, item.source, tags, item.enabled, running, compiled)


def load_rules(files: Sequence[RuleFile], settings: LoadSettings | None = None) -> LoadResult:
    """Load files in order; the first one with an error is the last, unless `keep_going`.

    Never raises for what is in a file. Raises ValueError for an unknown name in `field_fixes`.
    """
    settings = settings or LoadSettings()
    fields = Fields(settings.field_fixes, settings.static_fields, settings.plugins)
    lowering = Lowering(fields, iso8601=settings.iso8601)
    check = _field_check(fields)
    collector = Collector(settings.sources, lambda _source: check)
    compiler = Compiler(fields, lowering, settings.append_output)
    result = LoadResult([], collector, settings, fields)
    for file in files:
        _load_file(file, result, compiler)
        if settings.keep_going:
            result.requirement_error = unmet_requirement(collector.plugin_requirements, settings.loaded_plugins)
        if result.requirement_error is not None or not (result.reports[-1].successful or settings.keep_going):
            break
    if result.requirement_error is None:
        result.requirement_error = unmet_requirement(collector.plugin_requirements, settings.loaded_plugins)
    result.notices = [*_duplicate_keys(result.reports), *_notices(collector)]
    if result.successful:
        _make_plan(result, lowering)
    return result


def _load_file(file: RuleFile, result: LoadResult, compiler: Compiler) -> None:
    report = FileReport(file.name)
    result.reports.append(report)
    found: list[Diagnostic] = []
    try:
        source = decode_file(file.name, file.content)
        documents = load_documents(source)
        report.schema_status = check_schema(documents)
        for item in Reader(source, found).items(documents):
            result.collector.apply(item, found)
        result.compiled = compiler.compile(result.collector, found)
    except LoadError as error:
        report.errors.append(error.diagnostic)
    report.advice = [diagnostic for diagnostic in found if diagnostic.is_advice]
    report.warnings = [diagnostic for diagnostic in found if not diagnostic.is_advice]


def _field_check(fields: Fields) -> FieldCheck:
    """What tells exceptions whether something is a field, or a transformer over fields."""

    @cache
    def check(text: str) -> str | None:
        # Falco parses the text only where it may hold transformers, and else looks it up as it is.
        if "(" not in text and text != text.strip():
            return "write it without the blanks around it"
        try:
            expr = parse_condition(f"{text} exists".encode())
            if isinstance(expr, Check):
                Lowering(fields).check_condition(expr)
                return None
        except ConditionError:
            pass
        near = fields.suggestion(text.partition("[")[0])
        return f"did you mean '{near}'?" if near else ""

    return check


def _duplicate_keys(reports: Sequence[FileReport]) -> Iterator[str]:
    """Lines about keys given twice, which are in no report because Falco passes over them without a word."""
    for report in reports:
        for diagnostic in report.advice:
            if diagnostic.code is Code.DUPLICATE_KEY:
                yield f"{place_text(diagnostic)}: {diagnostic.message}"


def _notices(collector: Collector) -> list[str]:
    skipped = sum(1 for item in collector.rules.values() if item.unknown_source and item.source == SYSCALL_SOURCE)
    if not skipped:
        return []
    noun = "rule" if skipped == 1 else "rules"
    return [f"{skipped} {noun} for source '{SYSCALL_SOURCE}' skipped: system calls are not watched here"]


def _make_plan(result: LoadResult, lowering: Lowering) -> None:
    settings = result.settings
    known = result.compiled.rules if result.compiled else {}
    eligible: list[CompiledRule] = []
    for name in result.collector.rules:
        rule = known.get(name)
        if rule is not None and rule.item.priority <= settings.priority:
            eligible.append(rule)
    selections = () if settings.keep_going else settings.selections
    result.order = evaluation_order(eligible, selections)
    for selection in selections:
        result.notices.extend(selection.log_lines())
    plan = lowering.plan([known[name].lowered.number for name in result.order])
    result.plan = optimise(plan) if settings.optimised else plan
