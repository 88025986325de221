"""Comparisons with the text `<NA>`: what an output shows for a missing value, and what no missing value equals.

In: a check. Out: the constant that may be a mistake. `atoms` warns of it, and `compiler` where a condition cannot be
compiled: Falco looks for it before (spec: rules-files 1.11, `LOAD_UNSAFE_NA_CHECK`).
"""

from __future__ import annotations

from collections.abc import Iterator

from falcoeks_fast.rules.language.ast import Call, Check, Const, Operand, Text, TextList, operand_fields

NO_VALUE = b"<NA>"
OPERATORS = frozenset(("=", "!=", "in", "intersects", "pmatch"))
AUDIT_FIELDS = ("ka.", "jevt.")


def unsafe_constant(check: Check) -> Const | Text | None:
    """The first `<NA>` that a field of audit events is compared with; None if there is none."""
    # With a modifier it is another operator for Falco, such as "= anyof".
    if check.op not in OPERATORS or check.modifier is not None:
        return None
    # Of several fields in a transformer, Falco remembers the last one.
    *_, last = (None, *operand_fields(check.left))
    if last is None or not last.name.startswith(AUDIT_FIELDS):
        return None
    texts = _texts(check.right) if check.right is not None else iter(check.constants)
    return next((text for text in texts if text.value == NO_VALUE), None)


def _texts(operand: Operand) -> Iterator[Text]:
    """The literal texts in an operand, from left to right."""
    if isinstance(operand, Text):
        yield operand
    elif isinstance(operand, Call | TextList):
        for part in operand.args if isinstance(operand, Call) else operand.items:
            yield from _texts(part)
