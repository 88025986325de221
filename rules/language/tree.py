"""Ways over trees of conditions in which the body of a macro is one object, however often it is used.

In: resolved trees. Out: their parts, each once, and values put together from the leaves up. Without sharing, a dozen
macros that name each other twice would be a tree without end. Used by `describe`, `explain`, `firing` and `validate`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from falcoeks_fast.rules.language.ast import Check, Expr, FieldRef, MacroRef, children, operand_fields

T = TypeVar("T")


def parts(expr: Expr) -> Iterator[Expr]:
    """Every part once, parents first, from left to right."""
    seen: set[int] = set()
    stack = [expr]
    while stack:
        node = stack.pop()
        if id(node) not in seen:
            seen.add(id(node))
            yield node
            stack.extend(reversed(children(node)))


def checks(expr: Expr) -> Iterator[Check]:
    """Every comparison once, from left to right."""
    return (check for check, _ in placed_checks(expr))


def placed_checks(expr: Expr) -> Iterator[tuple[Check, str | None]]:
    """As `checks`, each with the macro in whose text it stands; None for the text of the expression itself."""
    seen: set[int] = set()
    stack: list[tuple[Expr, str | None]] = [(expr, None)]
    while stack:
        node, macro = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Check):
            yield node, macro
        inside = node.name if isinstance(node, MacroRef) else macro
        stack.extend((child, inside) for child in reversed(children(node)))


def check_fields(check: Check) -> Iterator[FieldRef]:
    """The fields of one comparison, from left to right."""
    yield from operand_fields(check.left)
    if check.right is not None:
        yield from operand_fields(check.right)


def fields(expr: Expr) -> Iterator[FieldRef]:
    """The fields of all comparisons, macros included, from left to right."""
    for check in checks(expr):
        yield from check_fields(check)


def folded(expr: Expr, value: Callable[[Expr, list[T]], T]) -> dict[int, T]:
    """`value(part, values of its children)` for every part, by the `id` of the part."""
    values: dict[int, T] = {}
    stack: list[tuple[Expr, bool]] = [(expr, False)]
    while stack:
        node, ready = stack.pop()
        if id(node) in values:
            continue
        inner = children(node)
        if ready or not inner:
            values[id(node)] = value(node, [values[id(child)] for child in inner])
        else:
            stack.append((node, True))
            stack.extend((child, False) for child in inner)
    return values


def size(expr: Expr) -> int:
    """How many parts there are with every macro spelt out wherever it is used."""
    return folded(expr, lambda _node, inner: 1 + sum(inner))[id(expr)]
