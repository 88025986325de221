"""The types of values, and which operator takes which.

In: an operator and a type. Out: whether they go together, and Falco's words where they do not. Called by `lower` and by
the rule files' check of exceptions. Source: `spec` language 6.
"""

from __future__ import annotations

from falcoeks_fast.rules.plan import ValueType

TYPE_NAMES = {
    ValueType.STRING: "CHARBUF",
    ValueType.UINT64: "UINT64",
    ValueType.ABSTIME: "ABSTIME",
    ValueType.RELTIME: "RELTIME",
    ValueType.BOOL: "BOOL",
}
"""As Falco calls them in messages and listings."""

NUMERIC = frozenset((ValueType.UINT64, ValueType.ABSTIME, ValueType.RELTIME))

_EVERYWHERE = frozenset(("exists", "in", "intersects"))
_EQUALITY = frozenset(("=", "!="))
_ORDER = frozenset(("<", "<=", ">", ">="))
_TEXT = frozenset(("contains", "icontains", "startswith", "endswith", "glob", "iglob", "regex", "pmatch"))

OPERATORS = _EVERYWHERE | _EQUALITY | _ORDER | _TEXT | {"==", "bcontains", "bstartswith"}
"""All that a condition may say; two of them fit no field of audit events."""


def type_name(kind: ValueType, is_list: bool) -> str:
    return TYPE_NAMES[kind] + (" (list)" if is_list else "")


def operator_error(op: str, kind: ValueType, is_list: bool) -> str | None:
    """Why `op` does not fit a left-hand side of that type; None if it does."""
    if op in _EVERYWHERE:
        return None
    if is_list:
        return f"'{op}' operator not supported list filters: use 'in' or 'intersects'"
    if op in _EQUALITY:
        return None
    if kind is ValueType.STRING:
        return None if op in _ORDER or op in _TEXT else f"'{op}' operator not supported for string filters"
    if op in _ORDER and kind is not ValueType.BOOL:
        return None
    return f"'{op}' operator not supported for numeric filters"
