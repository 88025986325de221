"""Lists put into conditions, and lists in lists."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcoeks_fast.rules.files.diagnostics import Context, Position, SourceFile
from falcoeks_fast.rules.files.items import ListItem
from falcoeks_fast.rules.files.lists import ExpansionTooLarge, ListTable
from falcoeks_fast.rules.files.traced import Traced
from falcoeks_fast.rules.files.yaml_source import Scalar

SOURCE = SourceFile("f.yaml", "")
NOWHERE = Context.of_file(SOURCE)


def scalar(text: str) -> Scalar:
    return Scalar(Position(), SourceFile("f.yaml", text), end=len(text), value=text)


def table(**lists: list[str]) -> ListTable:
    items: dict[str, ListItem] = {}
    for number, (name, words) in enumerate(lists.items(), 1):
        items[name] = ListItem(
            name, [scalar(word) for word in words], NOWHERE, scalar(name), index=number, visibility=number
        )
    return ListTable(items)


@pytest.mark.parametrize(
    ("items", "condition", "expected"),
    [
        (["x"], "ka.verb in (A)", "ka.verb in ( x )"),
        (["x", "y"], "ka.verb in (A, z)", "ka.verb in ( x, y , z)"),
        (["x", "y"], "ka.verb in (z ,A)", "ka.verb in (z , x, y )"),
        (["x"], "ka.verb in A", "ka.verb in x "),
        (["x"], "ka.verb = A", "ka.verb = x "),
        (["x"], "ka.verb=A", "ka.verb= x "),
        (["x"], 'ka.verb = "the A thing"', 'ka.verb = "the x thing"'),
        (["x"], 'ka.verb = "A"', 'ka.verb = "A"'),
        (["c,d"], "ka.verb in (A)", "ka.verb in ( c,d )"),
        (["'c,d'"], "ka.verb in (A)", "ka.verb in ( 'c,d' )"),
        (["a b", '"c d"'], "ka.verb in (A)", 'ka.verb in ( "a b", "c d" )'),
        ([""], "ka.verb in (A)", "ka.verb in (  )"),
        ([], "ka.verb in (A, y)", "ka.verb in (   y)"),
        ([], "ka.verb in (y, A)", "ka.verb in (y  )"),
        (["x"], "ka.verb in (AA, A.b, A)", "ka.verb in (AA, A.b, x )"),
        (["x"], "A", "x "),
        (["x"], "a in (A)\n and b in (A)", "a in ( x )\n and b in ( x )"),
        (["x"], "a in (A A)", "a in ( x x )"),
    ],
)
def test_substitution(items: list[str], condition: str, expected: str) -> None:
    assert table(A=items).expand(Traced.of(scalar(condition))).text == expected


def test_later_lists_are_found_in_what_earlier_ones_brought() -> None:
    assert table(A=["f(B)"], B=["x"]).expand(Traced.of(scalar("y in (A)"))).text == "y in ( f( x ) )"
    assert table(B=["x"], A=["f(B)"]).expand(Traced.of(scalar("y in (A)"))).text == "y in ( f(B) )"


def test_lists_in_lists_go_all_the_way_down_with_a_warning() -> None:
    lists = table(A=["x"], B=["A"], C=["B", "y"])
    assert lists.lists["C"].items == ("x", "y")
    (warning,) = lists.warnings
    assert warning.code == "LOAD_DIFFERS_FROM_FALCO"
    assert "'A'" in warning.message
    assert not table(A=["x"], B=["A", "y"]).warnings
    assert not table(C=["B"], B=["A"], A=["x"]).warnings


def test_a_list_in_itself_stays_a_word() -> None:
    assert table(A=["A", "x"]).lists["A"].items == ("A", "x")
    assert table(A=["B"], B=["A", "y"]).lists["B"].items == ("A", "y")


def test_used_lists() -> None:
    lists = table(A=["x"], B=["A"], C=["c"], D=["E"], E=["e"])
    assert lists.used() == {"A"}
    lists.expand(Traced.of(scalar("f in (D)")))
    assert lists.used() == {"A", "D", "E"}


def test_growth_is_bounded() -> None:
    doubling = {"L0": ["x", "y"]} | {f"L{n}": [f"L{n - 1}", f"L{n - 1}"] for n in range(1, 60)}
    with pytest.raises(ExpansionTooLarge):
        table(**doubling)
    huge = table(A=["word"] * 100_000)
    with pytest.raises(ExpansionTooLarge):
        huge.expand(Traced.of(scalar("f in (" + ", ".join(["A"] * 1000) + ")")))


def test_a_long_chain_needs_no_stack() -> None:
    chain = {f"L{n}": [f"L{n + 1}"] for n in range(5000)} | {"L5000": ["end"]}
    assert table(**chain).lists["L0"].items == ("end",)


@given(
    st.lists(st.sampled_from(["A", "B", "C", " ", ",", "(", ")", "=", "word", '"', "A.b", "\n"]), max_size=20),
    st.lists(st.sampled_from(["x", "y z", "B", "", "a=b", "C,x"]), max_size=3),
    st.lists(st.sampled_from(["u", "C", "A", "v,w"]), max_size=3),
)
def test_every_character_comes_from_somewhere(words: list[str], a: list[str], b: list[str]) -> None:
    condition = "".join(words)
    expanded = table(A=a, B=b, C=["c"]).expand(Traced.of(scalar(condition)))
    for at, character in enumerate(expanded.text):
        span = expanded.span(at, at + 1)
        assert span is not None
        if not expanded.list_at(at):
            assert condition[span.start : span.end] == character
        else:
            assert condition[span.start : span.end] in ("A", "B", "C")


@given(st.lists(st.sampled_from(["A", "AB", " ", ",", "(", ")", "w"]), max_size=12).map("".join))
def test_a_text_without_the_name_as_a_word_is_left_alone(condition: str) -> None:
    expanded = table(Z=["x"], A=["i"]).expand(Traced.of(scalar(condition)))
    stands_alone = "A" in condition.replace("(", " ").replace(")", " ").replace(",", " ").split()
    assert ("A" in expanded.lists) == stands_alone
    if not stands_alone:
        assert expanded.text == condition
