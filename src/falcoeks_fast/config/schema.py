"""Checks configuration files against the table of keys, and renders the table as JSON schema.

In: a parsed file. Out: `SchemaCheck`: Falco's verdict for the start-up lines, and messages for people with line, column
and the nearest known key. Called by `merge` and by `--config-schema`. Nothing of it stops the start, except what is
wrong in our own mapping `falcoeks`, where a misspelt key would silently switch something off.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field

from .errors import ConfigError
from .keys import KEYS, REMOVED, SYSTEM_CALL_ONLY, Kind, children
from .tree import Mapping, Node, Place, Scalar, Sequence
from .values import to_bool, to_int
from .verdict import falco_verdict, is_number


@dataclass(slots=True)
class SchemaCheck:
    """`verdict` is `ok`, or Falco's `failed for <path>: <reason>`."""

    verdict: str = "ok"
    warnings: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


def check_schema(root: Mapping) -> SchemaCheck:
    """Raises ConfigError for an unknown or mistyped key under `falcoeks`."""
    result = SchemaCheck(falco_verdict(root))
    _check_mapping(root, "", "", result)
    return result


def nearest(name: str, known: list[str]) -> str:
    """` (did you mean 'x'?)`, or nothing."""
    close = difflib.get_close_matches(name, known, 1, 0.6)
    return f"; did you mean '{close[0]}'?" if close else ""


def _check_mapping(node: Mapping, path: str, shown: str, result: SchemaCheck) -> None:
    for name, value in node.entries.items():
        key_path = f"{path}.{name}" if path else name
        key_shown = f"{shown}.{name}" if shown else name
        place = node.place_of(name)
        if key_path in SYSTEM_CALL_ONLY:
            result.ignored += _leaves(key_path, value)
        elif key_path in REMOVED:
            result.warnings.append(f"{place}: '{name}' has no effect: {REMOVED[key_path]}")
        elif key_path in KEYS:
            _check_value(value, key_path, key_shown, place, result)
        elif f"{path}.*" in KEYS:
            _check_value(value, f"{path}.*", key_shown, place, result)
        else:
            _unknown(name, path, shown, place, result)


def _unknown(name: str, path: str, shown: str, place: Place, result: SchemaCheck) -> None:
    hint = nearest(name, children(path))
    full = f"{shown}.{name}" if shown else name
    if path.startswith("falcoeks"):
        raise ConfigError(f"{place}: unknown setting '{full}'{hint or '; docs/configuration.md lists all of them'}")
    result.warnings.append(f"{place}: unknown setting '{full}', ignored{hint}")


def _check_value(value: Node, path: str, shown: str, place: Place, result: SchemaCheck) -> None:
    kind = KEYS[path].kind
    if not fits(value, kind):
        if path.startswith("falcoeks"):
            raise ConfigError(f"{place}: '{shown}' must be {_wanted(kind)}, not {_found(value)}")
        if not (isinstance(value, Scalar) and value.is_null):
            result.warnings.append(
                f"{place}: '{shown}' should be {_wanted(kind)}, not {_found(value)}; the default applies"
            )
        elif kind is Kind.TEXT:
            result.warnings.append(f"{place}: '{shown}' has no value, which counts as the text 'null', as in Falco")
    elif isinstance(value, Mapping) and kind in (Kind.MAP, Kind.ANY) and _has_children(path):
        _check_mapping(value, path, shown, result)
    elif isinstance(value, Sequence) and f"{path}[]" in KEYS:
        for index, item in enumerate(value.items):
            _check_value(item, f"{path}[]", f"{shown}[{index}]", item.place, result)


def _has_children(path: str) -> bool:
    return any(key.startswith(path + ".") for key in KEYS)


def fits(value: Node, kind: Kind) -> bool:
    """Whether a value can be used as one of this kind; `verdict` is narrower."""
    if kind is Kind.ANY:
        return True
    if kind is Kind.MAP:
        return isinstance(value, Mapping) or (isinstance(value, Scalar) and value.is_null)
    if kind is Kind.LIST:
        return not isinstance(value, Mapping)
    if not isinstance(value, Scalar):
        return False
    if kind is Kind.BOOL:
        return to_bool(value.text) is not None
    if kind is Kind.INT:
        return to_int(value.text) is not None
    if kind is Kind.NUMBER:
        return is_number(value.text)
    return not value.is_null


def _wanted(kind: Kind) -> str:
    return {
        Kind.BOOL: "true or false",
        Kind.INT: "a whole number",
        Kind.NUMBER: "a number",
        Kind.LIST: "a list",
        Kind.MAP: "a mapping",
    }.get(kind, "a text")


def _found(value: Node) -> str:
    if isinstance(value, Scalar):
        return "null" if value.is_null else f"'{value.text}'"
    return "a list" if isinstance(value, Sequence) else "a mapping"


def _leaves(path: str, value: Node) -> list[str]:
    """Settings under a system-call key, two levels deep: enough to recognise them in the summary line."""
    if isinstance(value, Mapping) and value.entries and "." not in path:
        return [f"{path}.{name}" for name in value.entries]
    return [path]


def json_schema() -> dict[str, object]:
    """The table as a JSON schema (draft-04 vocabulary, as Falco's own)."""
    root: dict[str, object] = {"$schema": "http://json-schema.org/draft-04/schema#", "title": "falco.yaml"}
    root.update(_object_schema(""))
    return root


def _object_schema(path: str) -> dict[str, object]:
    prefix = path + "." if path else ""
    properties: dict[str, object] = {}
    for name in children(path):
        key_path = prefix + name
        properties[name] = _key_schema(key_path) if key_path in KEYS else {}
    schema: dict[str, object] = {"type": "object", "additionalProperties": False, "properties": properties}
    if f"{path}.*" in KEYS:
        schema["additionalProperties"] = _key_schema(f"{path}.*")
    return schema


def _key_schema(path: str) -> dict[str, object]:
    key = KEYS[path]
    if key.kind is Kind.MAP:
        schema = _object_schema(path)
    elif key.kind is Kind.LIST:
        schema = {"type": "array"}
        if f"{path}[]" in KEYS:
            schema["items"] = _key_schema(f"{path}[]")
    elif key.kind is Kind.ANY:
        schema = {"properties": _object_schema(path)["properties"]} if _has_children(path) else {}
    else:
        schema = {"type": key.kind.value}
    return schema | {"description": key.doc}
