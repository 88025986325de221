"""Exceptions of rules: reading, checking, and the condition they become.

In: the `exceptions` of a rule item. Out: `ExceptionItem`s with defaults, and the text `(C) and not E ...`.
`rule_reader` reads with it, `collector` checks, `compiler` builds (spec: rules-files, 1.9). Errors are LoadErrors.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import dropwhile

from falcoeks_fast.rules.files import decode
from falcoeks_fast.rules.files.decode import shape_error, span_of
from falcoeks_fast.rules.files.diagnostics import Code, Context, Diagnostic, LoadError
from falcoeks_fast.rules.files.items import ExceptionItem
from falcoeks_fast.rules.files.lists import quoted
from falcoeks_fast.rules.files.traced import Traced, join
from falcoeks_fast.rules.files.yaml_source import Mapping, Node, Scalar, Sequence
from falcoeks_fast.rules.language.ast import LIST_OPERATORS, MODIFIERS, STRING_OPERATORS
from falcoeks_fast.rules.suggest import closest

FieldCheck = Callable[[str], str | None]
"""Whether a text is a field (or a transformer over fields): None if so, else a suggestion, perhaps empty."""

_MODIFIABLE = ("=", "==", "!=", *STRING_OPERATORS)
MODIFIED_OPERATORS = frozenset(f"{op} {modifier}" for op in _MODIFIABLE for modifier in MODIFIERS)
LISTING_OPERATORS = frozenset(LIST_OPERATORS) | MODIFIED_OPERATORS
"""Operators that take a list in parentheses."""
ALL_OPERATORS = frozenset({"=", "==", "!=", "<", "<=", ">", ">=", "exists", *STRING_OPERATORS}) | LISTING_OPERATORS
BLANKS = " \t\n\r\v\f"
BLANK = Traced.made_up(" ")


def read_exceptions(
    item: Mapping, context: Context, warnings: list[Diagnostic], *, appending: bool
) -> list[ExceptionItem]:
    """The exceptions of a rule item; none where the key is absent or null. Raises LoadError."""
    value = item.get("exceptions")
    if value is None or value.is_null:
        return []
    outer = context.within("exceptions", "", value.mark)
    if not isinstance(value, Sequence):
        raise shape_error("Rule exceptions must be a sequence", outer, value)
    result: list[ExceptionItem] = []
    names: set[str] = set()
    for node in value.items:
        nameless = outer.within("exception", "", node.mark)
        if not isinstance(node, Mapping):
            raise shape_error("Rule exception must be a mapping", nameless, node)
        name = decode.scalar(node, "name", nameless).value
        place = context.within("exception", name, node.mark)
        if name in names:
            message = f"Multiple definitions of exception '{name}' in the same rule"
            warnings.append(Diagnostic(Code.EXCEPTION_NAME_NOT_UNIQUE, message, place, span_of(node)))
        names.add(name)
        result.append(_read_exception(node, name, place, warnings, appending))
    return result


def _read_exception(
    node: Mapping, name: str, context: Context, warnings: list[Diagnostic], appending: bool
) -> ExceptionItem:
    if node.get("fields") is None and not appending:
        raise shape_error("Item has no mapping for key 'fields'", context, node)
    fields = _names(node, "fields", context)
    comps = _names(node, "comps", context)
    values = node.get("values")
    if values is None:
        if appending:
            message = "Overriding/appending exception with no values"
            warnings.append(Diagnostic(Code.APPEND_NO_VALUES, message, context, span_of(node)))
        return ExceptionItem(name, fields, comps, [], context)
    outer = context.within("exception values", "", values.mark)
    if not isinstance(values, Sequence):
        raise shape_error("Rule exception values must be a sequence", outer, values)
    for value in values.items:
        _check_value(value, "", outer.within("exception value", "", value.mark))
    return ExceptionItem(name, fields, comps, list(values.items), context)


def _names(node: Mapping, key: str, context: Context) -> list[Scalar] | Scalar | None:
    """`fields` or `comps`: one scalar, or a sequence of scalars; None where nothing is given, not even in a `[]`."""
    value = node.get(key)
    if value is None:
        return None
    _check_value(value, key, context)
    if isinstance(value, Sequence):
        return [_word(element) for element in value.items] or None
    word = _word(value)
    return word if word.value else None


def _word(node: Node) -> Scalar:
    """A scalar; an empty one in the place of null, a mapping or a sequence, in which Falco sees no word."""
    if isinstance(node, Scalar) and not node.is_null:
        return node
    return Scalar(node.start, node.source, end=node.end)


def _check_value(value: Node, key: str, context: Context) -> None:
    """Raise LoadError for an empty text in a value, at any depth. What else is wrong shows in the condition."""
    place = context.within("value for", key, value.mark)
    if isinstance(value, Scalar) and not value.value and not value.is_null:
        raise shape_error("Value must be non-empty", place, value)
    if isinstance(value, Sequence):
        for element in value.items:
            _check_value(element, "", place.within("exception", "", element.mark))


def check_exception(exception: ExceptionItem, check_field: FieldCheck | None) -> None:
    """Fill in the default operators and check what can be checked before compilation. Raises LoadError.

    `check_field` is None for a rule of an unknown source.
    """
    context = exception.context
    fields = exception.fields
    if fields is None:
        raise _error("Rule exception item must have fields property with a list of fields", context)
    if isinstance(fields, list):
        names, operators, allowed = fields, _operators_of_list(exception, fields), ALL_OPERATORS
    else:
        names, operators, allowed = [fields], _operator_of_scalar(exception, fields), LISTING_OPERATORS
    for operator in operators:
        text = operator.value.strip(BLANKS)
        if text not in allowed:
            message = f"'{operator.value}' is not a supported comparison operator"
            raise _error(message, context, operator, closest(text, allowed))
    for name in names:
        hint = check_field(name.value) if check_field else None
        if hint is not None:
            raise _error(f"'{name.value}' is not a supported filter field", context, name, hint)


def _operators_of_list(exception: ExceptionItem, fields: list[Scalar]) -> list[Scalar]:
    if exception.comps is None:
        exception.comps = [_default(field, "=") for field in fields]
    if not isinstance(exception.comps, list) or len(exception.comps) != len(fields):
        raise _error("Fields and comps lists must have equal length", exception.context)
    return exception.comps


def _operator_of_scalar(exception: ExceptionItem, field: Scalar) -> list[Scalar]:
    if exception.comps is None:
        exception.comps = _default(field, "in")
    if isinstance(exception.comps, list):
        raise _error("Fields and comps must both be strings", exception.context)
    return [exception.comps]


def _default(field: Scalar, operator: str) -> Scalar:
    return Scalar(field.start, field.source, end=field.end, value=operator)


def _error(message: str, context: Context, node: Node | None = None, suggestion: str = "") -> LoadError:
    return LoadError(Code.ERR_VALIDATE, message, context, span_of(node) if node else None, suggestion)


def with_exceptions(condition: Traced, exceptions: list[ExceptionItem]) -> Traced:
    """The condition of a rule together with its exceptions. Raises LoadError."""
    if not exceptions:
        return condition
    parts = [Traced.made_up("("), condition, Traced.made_up(")")]
    for exception in exceptions:
        if isinstance(exception.fields, list):
            text = _rows(exception, exception.fields)
        else:
            text = _one_field(exception)
        if text:
            parts += [Traced.made_up(" and not "), *text]
    return join(parts)


def _one_field(exception: ExceptionItem) -> list[Traced]:
    """`(F OP (v1, v2))`"""
    assert isinstance(exception.fields, Scalar)
    assert isinstance(exception.comps, Scalar)
    values: list[Traced] = []
    for value in exception.values:
        if isinstance(value, Sequence):
            raise _error("Expected values array to contain a list of strings", exception.context, value)
        values.append(_item(_word(value)))
    if not values:
        return []
    return [
        Traced.made_up("("),
        Traced.of(exception.fields),
        Traced.made_up(" "),
        Traced.of(exception.comps),
        Traced.made_up(" ("),
        join(values, ", "),
        Traced.made_up("))"),
    ]


def _rows(exception: ExceptionItem, fields: list[Scalar]) -> list[Traced]:
    """`(( F1 OP1 V1 and  F2 OP2 V2) or (...))`"""
    assert isinstance(exception.comps, list)
    rows: list[Traced] = []
    for row in exception.values:
        values = row.items if isinstance(row, Sequence) else []
        if len(values) != len(fields):
            hint = f"{len(fields)} fields, so each of the values must be a list of {len(fields)}"
            raise _error("Fields and values lists must have equal length", exception.context, row, hint)
        checks: list[Traced] = []
        for field, operator, value in zip(fields, exception.comps, values, strict=True):
            words = [Traced.of(field), Traced.of(operator), _value(operator, value)]
            checks.append(join([BLANK, join(words, " ")]))
        rows.append(join([Traced.made_up("("), join(checks, " and "), Traced.made_up(")")]))
    return [Traced.made_up("("), join(rows, " or "), Traced.made_up(")")] if rows else []


def _value(operator: Scalar, value: Node) -> Traced:
    """One value of a row: a list in parentheses, or a word for the operator."""
    if isinstance(value, Sequence):
        # Falco writes commas only behind the first text that is not empty.
        items = dropwhile(lambda item: not item.text, (_item(_word(element)) for element in value.items))
        return join([Traced.made_up("("), join(list(items), ", "), Traced.made_up(")")])
    word = _word(value)
    if operator.value.strip(BLANKS) not in LISTING_OPERATORS:
        return _item(word)
    if word.value.startswith("("):
        return Traced.of(word)
    return join([Traced.made_up("("), Traced.of(word), Traced.made_up(")")])


def _item(value: Scalar) -> Traced:
    """A value as a word of the condition, in quotes where it needs them."""
    if quoted(value.value) == value.value:
        return Traced.of(value)
    return join([Traced.made_up('"'), Traced.of(value), Traced.made_up('"')])
