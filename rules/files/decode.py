"""Scalars and sequences of a rule file as Python values, with Falco's complaints.

In: a `Mapping` and a key. Out: text, a boolean, a number, or a list of scalars; a LoadError (LOAD_ERR_YAML_VALIDATE)
for what is missing or of the wrong shape. The readers call it. Conversions are yaml-cpp's (rules-files, 1.2).
"""

from __future__ import annotations

import re

from falcoeks_fast.rules.files.diagnostics import Code, Context, LoadError, Span
from falcoeks_fast.rules.files.yaml_source import Mapping, Node, Scalar, Sequence

TRUE_WORDS = frozenset({"y", "yes", "true", "on"})
FALSE_WORDS = frozenset({"n", "no", "false", "off"})
UINT32_MAX = 2**32 - 1

_UINT = re.compile(r"\+?(?:0[xX](?P<hex>[0-9a-fA-F]+)|(?P<octal>0[0-7]*)|(?P<decimal>[1-9][0-9]*))\s*", re.ASCII)


def span_of(node: Node) -> Span:
    """The node in its file."""
    return Span(node.source, node.start.offset, max(node.end, node.start.offset))


def shape_error(message: str, context: Context, node: Node | None = None, suggestion: str = "") -> LoadError:
    return LoadError(Code.ERR_YAML_VALIDATE, message, context, span_of(node) if node else None, suggestion)


def scalar(item: Mapping, key: str, context: Context) -> Scalar:
    """The non-empty scalar under `key`. Raises LoadError."""
    node = item.get(key)
    if node is None:
        raise shape_error(f"Item has no mapping for key '{key}'", context)
    return _checked_scalar(node, key, context)


def optional_scalar(item: Mapping, key: str, context: Context) -> Scalar | None:
    """As `scalar`, but None where the key is absent."""
    node = item.get(key)
    return None if node is None else _checked_scalar(node, key, context)


def text_or_nothing(item: Mapping, key: str, context: Context) -> str:
    """The scalar under `key`; empty where it is absent, null or empty. Raises LoadError."""
    node = item.get(key)
    if node is None or node.is_null or (isinstance(node, Scalar) and not node.value):
        return ""
    return _checked_scalar(node, key, context).value


def _checked_scalar(node: Node, key: str, context: Context) -> Scalar:
    if node.is_null:
        raise shape_error(f"Mapping for key '{key}' is empty", context, node)
    inner = context.within("value for", key, node.mark)
    if not isinstance(node, Scalar):
        raise shape_error("Value is not a scalar value", inner, node)
    if not node.value:
        raise shape_error("Value must be non-empty", inner, node)
    return node


def flag(item: Mapping, key: str, context: Context, default: bool) -> bool:
    """The boolean under `key`, `default` where it is absent. Raises LoadError."""
    node = optional_scalar(item, key, context)
    return default if node is None else _boolean(node, key, context)


def required_flag(item: Mapping, key: str, context: Context) -> bool:
    """The boolean under `key`. Raises LoadError."""
    return _boolean(scalar(item, key, context), key, context)


def _boolean(node: Scalar, key: str, context: Context) -> bool:
    value = to_boolean(node.value)
    if value is None:
        inner = context.within("value for", key, node.mark)
        raise shape_error("Can't decode YAML scalar value", inner, node, "write true or false")
    return value


def to_boolean(text: str) -> bool | None:
    """YAML 1.1 words in lower, Capitalised or UPPER case; None for anything else."""
    lower = text.lower()
    if text not in (lower, lower.capitalize(), lower.upper()):
        return None
    if lower in TRUE_WORDS:
        return True
    return False if lower in FALSE_WORDS else None


def uint32(item: Mapping, key: str, context: Context, default: int) -> int:
    """The number below 2^32 under `key`, `default` where it is absent. Raises LoadError."""
    node = optional_scalar(item, key, context)
    if node is None:
        return default
    value = to_uint32(node.value)
    if value is None:
        inner = context.within("value for", key, node.mark)
        raise shape_error("Can't decode YAML scalar value", inner, node, "write a number")
    return value


def to_uint32(text: str) -> int | None:
    """A decimal, octal (leading 0) or hexadecimal number below 2^32; None for anything else."""
    match = _UINT.fullmatch(text)
    if match is None or len(text) > 64:
        return None
    if match["hex"] is not None:
        value = int(match["hex"], 16)
    elif match["octal"] is not None:
        value = int(match["octal"], 8)
    else:
        value = int(match["decimal"])
    return value if value <= UINT32_MAX else None


def scalars(item: Mapping, key: str, context: Context, *, required: bool) -> list[Scalar]:
    """The scalars of the sequence under `key`; none where the key is absent and not required. Raises LoadError."""
    node = item.get(key)
    if node is None:
        if required:
            raise shape_error(f"Item has no mapping for key '{key}'", context)
        return []
    inner = context.within("value for", key, node.mark)
    if not isinstance(node, Sequence):
        raise shape_error("Value is not a sequence", inner, node)
    result: list[Scalar] = []
    for element in node.items:
        if not isinstance(element, Scalar) or element.is_null:
            place = inner.within("list item", "", element.mark)
            raise shape_error("sequence value is not scalar", place, element)
        result.append(element)
    return result
