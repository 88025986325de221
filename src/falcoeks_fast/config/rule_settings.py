"""The sections of falco.yaml about rules: priority, selections, append_output, static fields, the list of files.

In: the merged tree. Out: values of `model`. Called by `load`.
"""

from __future__ import annotations

from .errors import ConfigError, SettingError
from .model import AppendEntry, Selection
from .tree import Mapping, Node, Scalar, Sequence
from .values import bad_conversion, find, get_nodes, get_text, get_texts, has, to_bool

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
            raise SettingError(
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
            raise bad_conversion(item, "an entry of 'rules' must be a mapping with 'enable' or 'disable'")
        enable = "enable" in item.entries
        body = item.entries.get("enable" if enable else "disable")
        rule = _text(body, "rule") if isinstance(body, Mapping) else ""
        tag = _text(body, "tag") if isinstance(body, Mapping) else ""
        if not rule and not tag:
            raise bad_conversion(item, "an entry of 'rules' needs 'enable' or 'disable' with 'rule' or 'tag'")
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
            raise bad_conversion(item, "an entry of 'append_output' must be a mapping")
        entry = AppendEntry(
            source=_text(item, "match.source"),
            tags=_match_tags(item),
            rule=_text(item, "match.rule"),
            extra_output=_text(item, "extra_output"),
            fields=_extra_fields(item.entries.get("extra_fields")),
            suggested_output=_suggested(item.entries.get("suggested_output")),
        )
        if entry.rule and entry.tags:
            warnings.append(f"{item.place}: this entry of 'append_output' names a rule and tags; both must hold")
        if not isinstance(tags := find(item, "match.tags"), Sequence | None):
            warnings.append(f"{tags.place}: 'match.tags' is no list and asks for nothing, as in Falco; write [TAG]")
        entries.append(entry)
    return tuple(entries), warnings


def _text(item: Mapping, path: str) -> str:
    """A text, null being the word; absent is empty. In a list of entries Falco takes nothing else for it."""
    node = find(item, path)
    if node is not None and not isinstance(node, Scalar):
        raise bad_conversion(node, f"'{path}' must be a text")
    return node.text if node is not None else ""


def _match_tags(item: Mapping) -> tuple[str, ...]:
    """Anything but a list asks for nothing, as in Falco."""
    node = find(item, "match.tags")
    tags = node.items if isinstance(node, Sequence) else []
    for tag in tags:
        if not isinstance(tag, Scalar) or tag.is_null:
            raise bad_conversion(tag, "an entry of 'match.tags' must be a tag")
    return tuple(tag.text for tag in tags if isinstance(tag, Scalar))


def _suggested(node: Node | None) -> bool:
    value = to_bool(node.text) if isinstance(node, Scalar) else None
    if node is not None and value is None:
        raise bad_conversion(node, "'suggested_output' must be true or false")
    return value is True


def _extra_fields(node: Node | None) -> tuple[tuple[str, str | None], ...]:
    if node is not None and not isinstance(node, Sequence):
        raise bad_conversion(node, "'extra_fields' must be a list of fields, and of names with templates")
    fields: dict[str, str | None] = {}
    for item in node.items if isinstance(node, Sequence) else []:
        name, template = _extra_field(item)
        if name in fields and not (template is None and fields[name] is None):
            raise ConfigError(f"{item.place}: 'extra_fields' names '{name}' twice")
        fields[name] = template
    return tuple(fields.items())


def _extra_field(item: Node) -> tuple[str, str | None]:
    if isinstance(item, Scalar) and not item.is_null:
        return item.text, None
    if isinstance(item, Mapping) and len(item.entries) == 1:
        ((name, value),) = item.entries.items()
        if isinstance(value, Scalar):
            return name, "null" if value.is_null else value.text
    raise bad_conversion(item, "an entry of 'extra_fields' must be a field, or one name with a template")


def read_static_fields(tree: Mapping) -> tuple[tuple[str, str], ...]:
    node = find(tree, "static_fields")
    if not isinstance(node, Mapping):
        return ()
    return tuple((name, value.text) for name, value in node.entries.items() if isinstance(value, Scalar))
