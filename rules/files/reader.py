"""YAML documents -> items.

In: the documents of one file. Out: one item after the other, for `collector`; warnings into a list; a LoadError at the
first item that has the wrong shape. Which kind an item is, and which of the four forms a rule has, is decided here
(spec: rules-files, 1.2 to 1.8).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from falcoeks_fast.rules.files import decode
from falcoeks_fast.rules.files.decode import UINT32_MAX, shape_error, span_of
from falcoeks_fast.rules.files.diagnostics import Code, Context, Diagnostic, SourceFile
from falcoeks_fast.rules.files.items import (
    KNOWN_KEYS,
    EngineRequirement,
    Item,
    ListItem,
    MacroItem,
    PluginRequirement,
    Version,
)
from falcoeks_fast.rules.files.rule_reader import APPEND_AND_OVERRIDE, read_append_flag, read_overrides, read_rule
from falcoeks_fast.rules.files.traced import Traced
from falcoeks_fast.rules.files.yaml_source import Mapping, Node, Scalar, Sequence
from falcoeks_fast.rules.suggest import closest

LIST_NAME = re.compile(r"[^()\"'\s=,]+", re.ASCII)
MACRO_NAME = re.compile(r"([a-zA-Z]+[a-zA-Z0-9_]*)")
VERSION = re.compile(r"\s*([+-]?[0-9]+)\.\s*([+-]?[0-9]+)\.\s*([+-]?[0-9]+)", re.ASCII)


def parse_version(text: str) -> Version | None:
    """The `x.y.z` that a text begins with, read as C's scanf reads it; None if it begins with none."""
    match = VERSION.match(text)
    if match is None or len(match[0]) > 60:
        return None
    return int(match[1]) & UINT32_MAX, int(match[2]) & UINT32_MAX, int(match[3]) & UINT32_MAX


class Reader:
    """Reads the items of one file. Warnings go to `warnings` in the order in which Falco would give them."""

    def __init__(self, source: SourceFile, warnings: list[Diagnostic]) -> None:
        self.root = Context.of_file(source)
        self.warnings = warnings

    def items(self, documents: list[Node]) -> Iterator[Item]:
        """The items in order. Raises LoadError; the items before have been yielded by then."""
        for document in documents:
            if document.is_null:
                continue
            if isinstance(document, Scalar):
                raise shape_error("Rules content is not yaml", self.root, document)
            if not isinstance(document, Sequence):
                hint = "begin each rule, macro and list with '- '"
                raise shape_error("Rules content is not yaml array of objects", self.root, document, hint)
            for node in document.items:
                if not node.is_null:
                    yield from self._item(node)

    def _warn(self, code: Code, message: str, context: Context, node: Node | None = None, suggestion: str = "") -> None:
        self.warnings.append(Diagnostic(code, message, context, span_of(node) if node else None, suggestion))

    def _item(self, node: Node) -> Iterator[Item]:
        place = self.root.within("rules content item", "", node.mark)
        if not isinstance(node, Mapping):
            message = "Unexpected element type. Each element should be a yaml associative array."
            raise shape_error(message, place, node)
        kind = next((kind for kind in KNOWN_KEYS if node.get(kind) is not None), None)
        if kind is None:
            first = next((key for key, _ in node.key_nodes()), "")
            self._warn(Code.UNKNOWN_ITEM, "Unknown top level item", place, node, closest(first, KNOWN_KEYS))
        elif kind == "required_engine_version":
            context = self.root.within("required_engine_version", "", node.mark)
            yield self._engine_version(node, context)
            self._check_keys(node, kind, context)
        elif kind == "required_plugin_versions":
            yield from self._plugin_versions(node)
        else:
            nameless = self.root.within(kind, "", node.mark)
            name = decode.scalar(node, kind, nameless).value
            context = self.root.within(kind, name, node.mark)
            if kind == "list":
                yield self._list(node, name, context)
            elif kind == "macro":
                yield self._macro(node, name, context)
            else:
                yield from read_rule(node, name, context, self.warnings)
            self._check_keys(node, kind, context)

    def _check_keys(self, node: Mapping, kind: str, context: Context) -> None:
        """Warn of keys that mean nothing; not before the item was applied, since one that fails is reported alone."""
        known = KNOWN_KEYS[kind]
        seen: set[str] = set()
        for key, place in node.key_nodes():
            if key not in known:
                message = f"Unknown key '{key}'. The key will be ignored."
                self._warn(Code.UNKNOWN_KEY, message, context, place, closest(key, known))
            elif key in seen:
                self._warn(Code.DUPLICATE_KEY, f"Key '{key}' is given twice; the first one counts.", context, place)
            seen.add(key)

    def _engine_version(self, node: Mapping, context: Context) -> EngineRequirement:
        value = decode.scalar(node, "required_engine_version", context)
        number = decode.to_uint32(value.value)
        version = parse_version(value.value) if number is None else (0, number, 0)
        if version is None:
            message = (
                f"Unable to parse engine version '{value.value}' as a semver string. Expected \"x.y.z\" semver format."
            )
            raise shape_error(message, context, value)
        return EngineRequirement(version, context)

    def _plugin_versions(self, node: Mapping) -> Iterator[PluginRequirement]:
        value = node.get("required_plugin_versions")
        assert value is not None
        context = self.root.within("required plugin versions", "", value.mark)
        if not isinstance(value, Sequence):
            raise shape_error("Value of required_plugin_versions must be a sequence", context, value)
        for entry in value.items:
            nameless = context.within("required plugin versions entry", "", entry.mark)
            if not isinstance(entry, Mapping):
                raise shape_error("Plugin version must be a mapping", nameless, entry)
            name = decode.scalar(entry, "name", nameless).value
            place = context.within("required plugin versions entry", name, entry.mark)
            pairs = [(name, decode.scalar(entry, "version", place).value)]
            alternatives = entry.get("alternatives")
            if alternatives is not None:
                pairs += self._alternatives(alternatives, place)
            yield PluginRequirement(tuple(pairs), place)
        item_context = self.root.within("required plugin versions", "", node.mark)
        self._check_keys(node, "required_plugin_versions", item_context)

    @staticmethod
    def _alternatives(value: Node, context: Context) -> list[tuple[str, str]]:
        if not isinstance(value, Sequence):
            raise shape_error("Value of plugin version alternatives must be a sequence", context, value)
        pairs: list[tuple[str, str]] = []
        for entry in value.items:
            place = context.within("required plugin versions alternative", "", entry.mark)
            if not isinstance(entry, Mapping):
                raise shape_error("Plugin version alternative must be a mapping", place, entry)
            name = decode.scalar(entry, "name", place).value
            place = context.within("required plugin versions alternative", name, entry.mark)
            pairs.append((name, decode.scalar(entry, "version", place).value))
        return pairs

    def _list(self, node: Mapping, name: str, context: Context) -> ListItem:
        if LIST_NAME.fullmatch(name) is None:
            message = "List has an invalid name. List names should match a regular expression: ([^()\"'[:space:]=,]+)"
            self._warn(Code.INVALID_LIST_NAME, message, context, node.get("list"))
        items = decode.scalars(node, "items", context, required=True)
        return ListItem(name, items, context, node, appends=self._appends(node, "items", context))

    def _macro(self, node: Mapping, name: str, context: Context) -> MacroItem:
        if MACRO_NAME.fullmatch(name) is None:
            message = (
                "Macro has an invalid name. Macro names should match a regular expression: ([a-zA-Z]+[a-zA-Z0-9_]*)"
            )
            self._warn(Code.INVALID_MACRO_NAME, message, context, node.get("macro"))
        value = decode.scalar(node, "condition", context)
        inner = context.within("macro condition", "", value.mark)
        appends = self._appends(node, "condition", context)
        return MacroItem(name, Traced.of(value), context, inner, node, appends=appends)

    def _appends(self, node: Mapping, key: str, context: Context) -> bool:
        """Whether a list or macro item adds to an earlier one."""
        appends = read_append_flag(node, context, self.warnings)
        overrides = read_overrides(node, (key,), (key,), context)
        if appends and overrides:
            raise shape_error(APPEND_AND_OVERRIDE, context, node.get("override"))
        return appends or overrides.get(key) == "append"
