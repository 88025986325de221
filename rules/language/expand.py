"""Macros filled into a tree.

In: the tree of a condition and a way to find macros. Out: the same tree with the body in every `MacroRef`, or a
MacroError. Which macros one may see from where is decided by the rule files' collector, through the lookup.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from falcoeks_fast.rules.language.ast import And, Check, Expr, MacroRef, Not, Or, children
from falcoeks_fast.rules.language.errors import MacroError
from falcoeks_fast.rules.language.parser import MAX_DEPTH

MAX_TREE_DEPTH = 2 * MAX_DEPTH + 100
"""Levels of and, or, not and macros in a tree: what one condition alone can reach, and a little more."""

MacroLookup = Callable[[str, str | None], Expr | None]
"""(name, macro in whose text the reference stands or None for a rule) -> the macro's tree as parsed, None if unseen."""


def resolve_macros(expr: Expr, lookup: MacroLookup) -> Expr:
    """`expr` with all macros filled in. Raises MacroError (undefined, or a reference loop)."""
    return MacroResolver(lookup).resolve(expr)


class MacroResolver:
    """Fills macros into many trees, each macro once: its body is one object wherever the macro is used."""

    def __init__(self, lookup: MacroLookup) -> None:
        self._lookup = lookup
        self._bodies: dict[str, Expr] = {}
        self._depths: dict[str, int] = {}
        self.used: set[str] = set()
        """The macros that were referred to from anywhere."""

    def resolve(self, expr: Expr) -> Expr:
        """`expr` with all macros filled in. Raises MacroError; its span is in `MacroError.macro`'s text."""
        for ref in _refs(expr):
            self._load(ref)
        return self._rebuilt(expr, None)

    def body(self, name: str) -> Expr | None:
        """The resolved tree of a macro that some resolved tree uses."""
        return self._bodies.get(name)

    def _load(self, first: MacroRef) -> None:
        """Resolve a macro, and before it all that it refers to, depth first without recursion."""
        trees: dict[str, Expr] = {}  # of the macros on the path
        path: list[tuple[str, Iterator[MacroRef]]] = []
        waiting: list[tuple[MacroRef, str | None]] = [(first, None)]
        while waiting or path:
            if waiting:
                ref, inside = waiting.pop()
                tree = self._visible(ref, inside)
                if ref.name in trees:
                    raise _error(f"reference loop in macro '{ref.name}'", ref, inside)
                if ref.name not in self._bodies:
                    if len(path) >= MAX_TREE_DEPTH:
                        raise _error(f"macros refer to each other more than {MAX_TREE_DEPTH} deep", ref, inside)
                    trees[ref.name] = tree
                    path.append((ref.name, _refs(tree)))
                continue
            name, refs = path[-1]
            following = next(refs, None)
            if following is not None:
                waiting.append((following, name))
            else:
                path.pop()
                self._bodies[name] = self._rebuilt(trees.pop(name), name)

    def _visible(self, ref: MacroRef, inside: str | None) -> Expr:
        tree = self._lookup(ref.name, inside)
        if tree is None:
            raise _error(f"Undefined macro '{ref.name}' used in filter.", ref, inside)
        self.used.add(ref.name)
        return tree

    def _rebuilt(self, expr: Expr, name: str | None) -> Expr:
        """The tree with the known bodies in it, bottom up."""
        done: dict[int, tuple[Expr, int]] = {}
        stack: list[tuple[Expr, bool]] = [(expr, False)]
        while stack:
            node, ready = stack.pop()
            if isinstance(node, Check):
                done[id(node)] = (node, 1)
            elif isinstance(node, MacroRef):
                body = self._bodies[node.name]
                done[id(node)] = (MacroRef(node.name, node.start, node.end, body), 1 + self._depths[node.name])
            elif not ready:
                stack.append((node, True))
                stack.extend((child, False) for child in children(node))
            else:
                parts = [done[id(child)] for child in children(node)]
                depth = 1 + max(d for _, d in parts)
                if depth > MAX_TREE_DEPTH:
                    raise _deep(node, name)
                if all(part is child for (part, _), child in zip(parts, children(node), strict=True)):
                    done[id(node)] = (node, depth)
                else:
                    done[id(node)] = (_with_children(node, [part for part, _ in parts]), depth)
        result, depth = done[id(expr)]
        if name is not None:
            self._depths[name] = depth
        return result


def _with_children(node: Expr, parts: list[Expr]) -> Expr:
    if isinstance(node, And):
        return And(tuple(parts), node.start, node.end)
    if isinstance(node, Or):
        return Or(tuple(parts), node.start, node.end)
    assert isinstance(node, Not)
    return Not(parts[0], node.start, node.end)


def _refs(expr: Expr) -> Iterator[MacroRef]:
    """The macro references of a tree as parsed, from left to right."""
    stack = [expr]
    while stack:
        node = stack.pop()
        if isinstance(node, MacroRef):
            yield node
        elif not isinstance(node, Check):
            stack.extend(reversed(children(node)))


def _error(message: str, ref: MacroRef, inside: str | None) -> MacroError:
    error = MacroError(message, ref.name, ref.start, ref.end)
    error.macro = inside
    return error


def _deep(node: Expr, inside: str | None) -> MacroError:
    error = MacroError(
        f"the condition is more than {MAX_TREE_DEPTH} levels deep once macros are filled in",
        inside or "",
        node.start,
        node.end,
    )
    error.macro = inside
    return error
