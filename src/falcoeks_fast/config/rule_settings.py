"""The sections of falco.yaml about rules: priority, selections, append_output, static fields, the list of files.

In: the merged tree. Out: values of `model`. Called by `load`.
"""

from __future__ import annotations

from .errors import ConfigError
from .model import AppendEntry, Selection
from .tree import Mapping, Node, Scalar
from .values import find, get_nodes, get_text, get_texts, has, list_of, to_bool

PRIORITIES = ("emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug")


def read_priority(tree: Mapping) -> int:
    word = get_text(tree, "priority", "debug")
    lowered = "informational" if word.lower() == "info" else word.lower()
    if lowered not in PRIORITIES:
        raise ConfigError(f'Unknown priority "{word}"--must be one of {", ".join(PRIORITIES)}')
    return PRIORITIES.index(lowered)


def read_match_all(tree: Mapping) -> bool:
    word = get_text(tree, "rule_matching", "first")
    if word.lower() not in ("first", "all"):
        raise ConfigError(f'Unknown rule matching strategy "{word}"--must be one of first, all')
    return word.lower() == "all"


def read_rules_files(tree: Mapping) -> tuple[tuple[str, ...] | None, list[str]]:
    """The configured list (None if there is no such key), and warnings."""
    if has(tree, "rules_file"):
        place = tree.place_of("rules_file")
        if has(tree, "rules_files"):
            raise ConfigError(
                f"both 'rules_files' and 'rules_file' keys set ({place}, {tree.place_of('rules_files')}): "
                "delete 'rules_file', the deprecated singular form, after moving its entries to 'rules_files'"
            )
        warning = (
            f"{place}: Using deprecated config key 'rules_file' (singular form). "
            "Please use new 'rules_files' key instead."
        )
        return tuple(get_texts(tree, "rules_file")), [warning]
    if not has(tree, "rules_files"):
        return None, []
    return tuple(get_texts(tree, "rules_files")), []


def read_selections(tree: Mapping) -> tuple[Selection, ...]:
    selections: list[Selection] = []
    for item in get_nodes(tree, "rules"):
        if not isinstance(item, Mapping):
            raise ConfigError(f"{item.place}: an entry of 'rules' must be a mapping with 'enable' or 'disable'")
        enable = "enable" in item.entries
        body = item.entries.get("enable" if enable else "disable")
        rule = get_text(body, "rule") if isinstance(body, Mapping) else ""
        tag = get_text(body, "tag") if isinstance(body, Mapping) else ""
        if not rule and not tag:
            raise ConfigError(f"{item.place}: an entry of 'rules' needs 'enable' or 'disable' with 'rule' or 'tag'")
        if rule:
            selections.append(Selection(enable, rule=rule))
        if tag:
            selections.append(Selection(enable, tag=tag))
    return tuple(selections)


def read_append_output(tree: Mapping) -> tuple[tuple[AppendEntry, ...], list[str]]:
    """The entries, and warnings."""
    entries: list[AppendEntry] = []
    warnings: list[str] = []
    for item in get_nodes(tree, "append_output"):
        if not isinstance(item, Mapping):
            raise ConfigError(f"{item.place}: an entry of 'append_output' must be a mapping")
        suggested = item.entries.get("suggested_output")
        entry = AppendEntry(
            source=get_text(item, "match.source"),
            tags=tuple(get_texts(item, "match.tags")),
            rule=get_text(item, "match.rule"),
            extra_output=get_text(item, "extra_output"),
            fields=_extra_fields(item.entries.get("extra_fields")),
            suggested_output=isinstance(suggested, Scalar) and to_bool(suggested.text) is True,
        )
        if entry.rule and entry.tags:
            warnings.append(f"{item.place}: this entry of 'append_output' names a rule and tags; both must hold")
        entries.append(entry)
    return tuple(entries), warnings


def _extra_fields(node: Node | None) -> tuple[tuple[str, str], ...]:
    fields: dict[str, str] = {}
    for item in list_of(node):
        pairs = [(item.text, "")] if isinstance(item, Scalar) else []
        if isinstance(item, Mapping):
            pairs = [(name, value.text) for name, value in item.entries.items() if isinstance(value, Scalar)]
        if not pairs:
            raise ConfigError(f"{item.place}: an entry of 'extra_fields' must be a field, or a name with a template")
        for name, template in pairs:
            if name in fields:
                raise ConfigError(f"{item.place}: 'extra_fields' names '{name}' twice")
            if not template and isinstance(item, Mapping):
                raise ConfigError(f"{item.place}: the template of the extra field '{name}' is empty")
            fields[name] = template
    return tuple(fields.items())


def read_static_fields(tree: Mapping) -> tuple[tuple[str, str], ...]:
    node = find(tree, "static_fields")
    if not isinstance(node, Mapping):
        return ()
    return tuple((name, value.text) for name, value in node.entries.items() if isinstance(value, Scalar))
