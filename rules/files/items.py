"""The items of a rule file as typed values: what `reader` makes of YAML and `collector` puts together.

In: nothing. Out: dataclasses. Names, texts and flags are as written; nothing is resolved or compiled here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from falcoeks_fast.rules.files.diagnostics import Context
from falcoeks_fast.rules.files.traced import Traced
from falcoeks_fast.rules.files.yaml_source import Node, Scalar, Sequence

SYSCALL_SOURCE = "syscall"

PRIORITIES = ("Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug")
PRIORITY_NUMBERS = {name.lower(): number for number, name in enumerate(PRIORITIES)} | {"info": 6}

Version = tuple[int, int, int]

KNOWN_KEYS: dict[str, frozenset[str]] = {
    "required_engine_version": frozenset({"required_engine_version"}),
    "required_plugin_versions": frozenset({"required_plugin_versions"}),
    "list": frozenset({"list", "items", "append", "override"}),
    "macro": frozenset({"macro", "condition", "append", "override"}),
    "rule": frozenset(
        {
            "rule",
            "condition",
            "output",
            "desc",
            "priority",
            "source",
            "enabled",
            "capture",
            "capture_duration",
            "warn_evttypes",
            "skip-if-unknown-filter",
            "tags",
            "exceptions",
            "override",
            "append",
        }
    ),
}
"""The kinds of items in the order in which they are recognised, with their keys (spec: rules-files, 1.2)."""

APPENDABLE_KEYS = ("condition", "exceptions", "output", "desc", "tags")
REPLACEABLE_KEYS = (
    *APPENDABLE_KEYS,
    "priority",
    "enabled",
    "capture",
    "capture_duration",
    "warn_evttypes",
    "skip-if-unknown-filter",
)


@dataclass(frozen=True, slots=True)
class EngineRequirement:
    version: Version
    context: Context


@dataclass(frozen=True, slots=True)
class PluginRequirement:
    """Plugins of which one must be loaded, in the order in which they are looked for: (name, version as written)."""

    alternatives: tuple[tuple[str, str], ...]
    context: Context


@dataclass(slots=True)
class ListItem:
    """`index` is the number of its first definition, `visibility` that of its last definition or append.

    `appends`: the item adds to an earlier one.
    """

    name: str
    items: list[Scalar]
    context: Context
    node: Node
    appends: bool = False
    index: int = 0
    visibility: int = 0


@dataclass(slots=True)
class MacroItem:
    """`appends`, `index` and `visibility` as for lists. `condition_context` is where its condition is first written."""

    name: str
    condition: Traced
    context: Context
    condition_context: Context
    node: Node
    appends: bool = False
    index: int = 0
    visibility: int = 0


@dataclass(slots=True)
class ExceptionItem:
    """An exception of a rule. `fields` and `comps` are None where not given (or null), a list or a single scalar."""

    name: str
    fields: list[Scalar] | Scalar | None
    comps: list[Scalar] | Scalar | None
    values: list[Node]
    context: Context

    def copy(self) -> ExceptionItem:
        return ExceptionItem(self.name, self.fields, self.comps, list(self.values), self.context)


@dataclass(slots=True)
class RuleItem:
    """A rule as defined so far. `unknown_source`: no loaded plugin provides its source."""

    name: str
    condition: Traced
    output: Traced
    desc: str
    priority: int
    context: Context
    condition_context: Context
    output_context: Context
    node: Node
    source: str = SYSCALL_SOURCE
    enabled: bool = True
    capture: bool = False
    capture_duration_ms: int = 0
    skip_if_unknown_filter: bool = False
    tags: frozenset[str] = frozenset()
    exceptions: list[ExceptionItem] = field(default_factory=list)
    index: int = 0
    unknown_source: bool = False


@dataclass(slots=True)
class RuleUpdate:
    """What an append or, where `replaces`, an override brings to a rule that exists. None: not mentioned.

    `source` is empty where it is not to be compared.
    """

    name: str
    context: Context
    node: Node
    replaces: bool = False
    source: str = ""
    condition: Traced | None = None
    condition_context: Context | None = None
    output: Traced | None = None
    output_context: Context | None = None
    desc: str | None = None
    priority: int | None = None
    enabled: bool | None = None
    capture: bool | None = None
    capture_duration_ms: int | None = None
    skip_if_unknown_filter: bool | None = None
    tags: frozenset[str] | None = None
    exceptions: list[ExceptionItem] | None = None


@dataclass(frozen=True, slots=True)
class RuleSwitch:
    """`- rule: X` with nothing but `enabled`."""

    name: str
    enabled: bool
    context: Context


Item = EngineRequirement | PluginRequirement | ListItem | MacroItem | RuleItem | RuleUpdate | RuleSwitch


def scalar_values(node: Node) -> list[Scalar]:
    """The scalars of a sequence."""
    return [item for item in node.items if isinstance(item, Scalar)] if isinstance(node, Sequence) else []
