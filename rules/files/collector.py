"""The set of definitions that rule files add to, one after the other.

In: items from `reader`. Out: lists, macros and rules as they stand after the last item, in the order of their first
definition; what is required of the engine and of plugins. `load` fills it, `compiler` reads it (spec: rules-files, 1.3
to 1.9). Errors are LoadErrors (LOAD_ERR_VALIDATE).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from falcoeks_fast.rules.files.decode import span_of
from falcoeks_fast.rules.files.diagnostics import Code, Context, Diagnostic, LoadError
from falcoeks_fast.rules.files.exceptions import FieldCheck, check_exception
from falcoeks_fast.rules.files.items import (
    SYSCALL_SOURCE,
    EngineRequirement,
    ExceptionItem,
    Item,
    ListItem,
    MacroItem,
    PluginRequirement,
    RuleItem,
    RuleSwitch,
    RuleUpdate,
    Version,
)
from falcoeks_fast.rules.files.reader import parse_version
from falcoeks_fast.rules.files.traced import join
from falcoeks_fast.rules.files.yaml_source import Node
from falcoeks_fast.rules.suggest import closest

ENGINE_VERSION: Version = (0, 63, 0)
"""The version of Falco's rule engine whose rules this one reads."""


def version_text(version: Version) -> str:
    return ".".join(map(str, version))


def is_compatible(have: Version, required: Version) -> bool:
    """Same major version, and not older."""
    return have[0] == required[0] and have >= required


class Collector:
    """Lists, macros and rules by name; all files of a load share one."""

    def __init__(self, sources: Collection[str], field_check: Callable[[str], FieldCheck | None]) -> None:
        """`sources`: of loaded plugins. `field_check`: for a source, what tells its fields."""
        self.sources = sources
        self.field_check = field_check
        self.lists: dict[str, ListItem] = {}
        self.macros: dict[str, MacroItem] = {}
        self.rules: dict[str, RuleItem] = {}
        self.engine_version: Version = (0, 0, 0)
        self.plugin_requirements: list[PluginRequirement] = []
        self._number = 0

    def apply(self, item: Item, warnings: list[Diagnostic]) -> None:
        """Enter one item. Raises LoadError."""
        if isinstance(item, RuleItem):
            self._define_rule(item, warnings)
        elif isinstance(item, RuleUpdate):
            self._update_rule(item)
        elif isinstance(item, RuleSwitch):
            self._switch_rule(item)
        elif isinstance(item, MacroItem):
            self._enter_macro(item)
        elif isinstance(item, ListItem):
            self._enter_list(item)
        elif isinstance(item, EngineRequirement):
            self._require_engine(item)
        else:
            self._require_plugin(item)

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    def _require_engine(self, item: EngineRequirement) -> None:
        if not is_compatible(ENGINE_VERSION, item.version):
            message = (
                f"Rules require engine version {version_text(item.version)}, "
                f"but engine version is {version_text(ENGINE_VERSION)}"
            )
            raise _error(message, item.context)
        self.engine_version = max(self.engine_version, item.version)

    def _require_plugin(self, item: PluginRequirement) -> None:
        names: set[str] = set()
        for name, version in item.alternatives:
            if parse_version(version) is None:
                raise _error(f"Invalid required version '{version}' for plugin '{name}'", item.context)
            if name in names:
                raise _error(f"Defined multiple alternative version requirements for plugin '{name}'", item.context)
            names.add(name)
        self.plugin_requirements.append(item)

    def _enter_list(self, item: ListItem) -> None:
        earlier = self.lists.get(item.name)
        if not item.appends:
            self._place(item, earlier)
            self.lists[item.name] = item
        elif earlier is None:
            raise _no_target("List", "items", "list", item.context, closest(item.name, self.lists))
        else:
            earlier.items = earlier.items + item.items
            earlier.visibility = self._next_number()

    def _enter_macro(self, item: MacroItem) -> None:
        earlier = self.macros.get(item.name)
        if not item.appends:
            self._place(item, earlier)
            self.macros[item.name] = item
        elif earlier is None:
            raise _no_target("Macro", "condition", "macro", item.context, closest(item.name, self.macros))
        else:
            earlier.condition = join([earlier.condition, item.condition], " ")
            earlier.visibility = self._next_number()

    def _place(self, item: ListItem | MacroItem, earlier: ListItem | MacroItem | None) -> None:
        number = self._next_number()
        item.index = number if earlier is None else earlier.index
        item.visibility = number

    def _define_rule(self, item: RuleItem, warnings: list[Diagnostic]) -> None:
        earlier = self.rules.get(item.name)
        if earlier is not None and earlier.source != item.source:
            raise _other_source(earlier, item.context, item.node)
        if item.source not in self.sources:
            item.unknown_source = True
            # Falco always knows this source: its rules in the default files are nothing to warn of.
            if item.source != SYSCALL_SOURCE:
                message = f"Unknown source {item.source}, skipping"
                hint = closest(item.source, self.sources)
                warnings.append(Diagnostic(Code.UNKNOWN_SOURCE, message, item.context, span_of(item.node), hint))
        for exception in item.exceptions:
            check_exception(exception, self._checks(item))
        number = self._next_number()
        item.index = number if earlier is None else earlier.index
        self.rules[item.name] = item

    def _checks(self, rule: RuleItem) -> FieldCheck | None:
        return None if rule.unknown_source else self.field_check(rule.source)

    def _update_rule(self, item: RuleUpdate) -> None:
        rule = self.rules.get(item.name)
        if rule is not None and item.source and item.source != rule.source:
            raise _other_source(rule, item.context, item.node)
        if rule is None:
            if item.replaces:
                message = "An 'override.<key>: replace' to a rule was requested but no rule by that name already exists"
            else:
                message = "Rule uses 'append' or 'override.<key>: append' but no rule by that name already exists"
            raise _error(message, item.context, item.node, closest(item.name, self.rules))
        if item.condition is None and item.exceptions is None and not item.replaces and _is_bare(item):
            raise _error("Appended rule must have exceptions or condition property", item.context, item.node)
        if item.replaces:
            self._replace(rule, item)
        else:
            self._append(rule, item)
        self._next_number()

    def _append(self, rule: RuleItem, item: RuleUpdate) -> None:
        if item.condition is not None:
            rule.condition = join([rule.condition, item.condition], " ")
        if item.output is not None:
            rule.output = join([rule.output, item.output], " ")
        if item.desc is not None:
            rule.desc = f"{rule.desc} {item.desc}"
        if item.tags is not None:
            rule.tags = rule.tags | item.tags
        for exception in item.exceptions or ():
            self._append_exception(rule, exception)

    def _append_exception(self, rule: RuleItem, item: ExceptionItem) -> None:
        earlier = next((known for known in rule.exceptions if known.name == item.name), None)
        if earlier is None:
            if item.fields is None:
                raise _error("Rule exception must have fields property with a list of fields", item.context)
            if not item.values:
                raise _error("Rule exception must have values property with a list of values", item.context)
            check_exception(item, self._checks(rule))
            rule.exceptions.append(item)
            return
        if item.fields is not None or item.comps is not None:
            message = "Can not append exception fields/comps to existing exception, only values"
            raise _error(message, item.context)
        earlier.values.extend(item.values)

    def _replace(self, rule: RuleItem, item: RuleUpdate) -> None:
        if item.exceptions is not None:
            for exception in item.exceptions:
                check_exception(exception, self._checks(rule))
            rule.exceptions = item.exceptions
        if item.condition is not None and item.condition_context is not None:
            rule.condition, rule.condition_context = item.condition, item.condition_context
        if item.output is not None and item.output_context is not None:
            rule.output, rule.output_context = item.output, item.output_context
        rule.desc = rule.desc if item.desc is None else item.desc
        rule.tags = rule.tags if item.tags is None else item.tags
        rule.priority = rule.priority if item.priority is None else item.priority
        rule.enabled = rule.enabled if item.enabled is None else item.enabled
        rule.capture = rule.capture if item.capture is None else item.capture
        if item.capture_duration_ms is not None:
            rule.capture_duration_ms = item.capture_duration_ms
        if item.skip_if_unknown_filter is not None:
            rule.skip_if_unknown_filter = item.skip_if_unknown_filter

    def _switch_rule(self, item: RuleSwitch) -> None:
        rule = self.rules.get(item.name)
        if rule is None:
            message = "Rule has 'enabled' key but no rule by that name already exists"
            raise _error(message, item.context, suggestion=closest(item.name, self.rules))
        rule.enabled = item.enabled


def _is_bare(item: RuleUpdate) -> bool:
    return item.output is None and item.desc is None and item.tags is None


def _no_target(kind: str, key: str, noun: str, context: Context, suggestion: str) -> LoadError:
    message = f"{kind} uses 'append' or 'override.{key}: append' but no {noun} by that name already exists"
    return _error(message, context, suggestion=suggestion)


def _other_source(rule: RuleItem, context: Context, node: Node) -> LoadError:
    hint = f"it was defined with 'source: {rule.source}'; say the same here"
    return _error("Rule has been re-defined with a different source", context, node, hint)


def _error(message: str, context: Context, node: Node | None = None, suggestion: str = "") -> LoadError:
    return LoadError(Code.ERR_VALIDATE, message, context, span_of(node) if node else None, suggestion)


def unmet_requirement(requirements: Collection[PluginRequirement], plugins: Mapping[str, str]) -> str | None:
    """What the rule files require of plugins and is not there, as a message; None if nothing.

    `plugins`: name -> version of the loaded plugins.
    """
    for requirement in requirements:
        for name, required in requirement.alternatives:
            version = plugins.get(name)
            if version is not None:
                problem = _version_problem(name, version, required)
                break
        else:
            problem = _stand_in(requirement, plugins)
        if problem is not None:
            return problem
    return None


def _version_problem(name: str, version: str, required: str) -> str | None:
    have, need = parse_version(version), parse_version(required)
    if have is None:
        return f"Plugin '{name}' has invalid version string '{version}'"
    if need is None or not is_compatible(have, need):
        return f"Plugin '{name}' version '{version}' is not compatible with required plugin version '{required}'"
    return None


K8SAUDIT_VERSION = "0.18.0"
"""The version of k8saudit whose fields k8saudit-eks has here."""


def _stand_in(requirement: PluginRequirement, plugins: Mapping[str, str]) -> str | None:
    """No plugin of the requirement is loaded. k8saudit-eks has every field of k8saudit, so it will do."""
    if "k8saudit-eks" in plugins:
        for name, required in requirement.alternatives:
            if name == "k8saudit":
                return _version_problem(name, K8SAUDIT_VERSION, required)
    wanted = ", ".join(f"{name} (>= {version})" for name, version in requirement.alternatives)
    return f"Plugin requirement not satisfied, must load one of: {wanted}"
