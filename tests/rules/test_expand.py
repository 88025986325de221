"""Macros filled in: visibility by the lookup, loops, depth."""

from __future__ import annotations

import pytest

from falcoeks_fast.rules.language import ast
from falcoeks_fast.rules.language.errors import MacroError
from falcoeks_fast.rules.language.expand import MacroResolver, resolve_macros
from falcoeks_fast.rules.language.parser import parse_condition


def resolved(condition: str, **macros: str) -> ast.Expr:
    trees = {name: parse_condition(text.encode()) for name, text in macros.items()}
    return resolve_macros(parse_condition(condition.encode()), lambda name, inside: trees.get(name))


def fields(expr: ast.Expr) -> list[str]:
    return [ref.name for ref in ast.field_refs(expr)]


def test_macros_are_filled_in_everywhere() -> None:
    expr = resolved("a and not (b or c.d exists) and a", a="x.y exists or b", b="z.z exists")
    assert fields(expr) == ["x.y", "z.z", "c.d"]
    assert all(node.body is not None for node in ast.walk(expr) if isinstance(node, ast.MacroRef))


def test_a_tree_without_macros_stays_as_it_is() -> None:
    expr = parse_condition(b"a.b exists and not c.d exists")
    assert resolve_macros(expr, lambda name, inside: None) is expr


def test_undefined() -> None:
    with pytest.raises(MacroError, match="Undefined macro 'nope' used in filter") as caught:
        resolved("a.b exists and nope")
    assert (caught.value.name, caught.value.offset, caught.value.end, caught.value.macro) == ("nope", 15, 19, None)


def test_undefined_inside_a_macro() -> None:
    with pytest.raises(MacroError) as caught:
        resolved("a", a="b", b="x.y exists and gone")
    assert (caught.value.name, caught.value.offset, caught.value.macro) == ("gone", 15, "b")


@pytest.mark.parametrize(
    "macros", [{"a": "a"}, {"a": "x.y exists or b", "b": "not c", "c": "b and a"}, {"a": "b and c", "b": "c", "c": "a"}]
)
def test_loops(macros: dict[str, str]) -> None:
    with pytest.raises(MacroError, match="reference loop in macro"):
        resolved("a", **macros)


def test_a_diamond_is_no_loop() -> None:
    expr = resolved("a", a="b and c", b="d", c="d", d="x.y exists")
    assert [node.name for node in ast.walk(expr) if isinstance(node, ast.MacroRef)] == ["a", "b", "d", "c", "d"]
    assert fields(expr) == ["x.y"]


def test_the_lookup_decides_what_can_be_seen() -> None:
    trees = {"a": parse_condition(b"b"), "b": parse_condition(b"x.y exists")}
    asked: list[tuple[str, str | None]] = []

    def lookup(name: str, inside: str | None) -> ast.Expr | None:
        asked.append((name, inside))
        return None if inside == "a" else trees[name]

    resolver = MacroResolver(lookup)
    assert fields(resolver.resolve(parse_condition(b"b"))) == ["x.y"]
    with pytest.raises(MacroError):
        resolver.resolve(parse_condition(b"a"))
    assert asked == [("b", None), ("a", None), ("b", "a")]
    assert resolver.used == {"a", "b"}


def test_each_macro_is_one_object() -> None:
    resolver = MacroResolver(lambda name, inside: parse_condition(b"x.y exists"))
    bodies = {
        id(node.body)
        for text in (b"a and a", b"not a")
        for node in ast.walk(resolver.resolve(parse_condition(text)))
        if isinstance(node, ast.MacroRef)
    }
    assert len(bodies) == 1
    assert resolver.body("a") is not None
    assert resolver.body("b") is None


def test_a_long_chain_ends_in_an_error() -> None:
    macros = {f"m{i}": parse_condition(f"not m{i + 1}".encode()) for i in range(100_000)}
    with pytest.raises(MacroError, match="deep"):
        resolve_macros(parse_condition(b"m0"), lambda name, inside: macros.get(name))


def test_macros_that_double_stay_small() -> None:
    macros = {f"m{i}": f"m{i + 1} and m{i + 1}" for i in range(200)} | {"m200": "x.y exists"}
    assert fields(resolved("m0", **macros)) == ["x.y"]


def test_deep_trees_in_deep_macros_end_in_an_error() -> None:
    nested = "x.y exists and (a.b exists or (" * 480 + "{}" + "))" * 480
    macros = {f"m{i}": nested.format(f"m{i + 1}") for i in range(4)} | {"m4": "x.y exists"}
    with pytest.raises(MacroError, match="levels deep"):
        resolved("m0", **macros)
