"""YAML with places: what it keeps, what it refuses, and that it always comes to an end."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falcoeks_fast.rules.files.diagnostics import LoadError
from falcoeks_fast.rules.files.traced import Traced, file_offsets
from falcoeks_fast.rules.files.yaml_source import (
    MAX_DEPTH,
    Mapping,
    Node,
    Scalar,
    Sequence,
    decode_file,
    load_documents,
)


def documents(text: str) -> list[Node]:
    return load_documents(decode_file("f.yaml", text.encode("utf-8", "surrogatepass")))


def error(text: str) -> LoadError:
    with pytest.raises(LoadError) as caught:
        documents(text)
    assert caught.value.diagnostic.code == "LOAD_ERR_YAML_PARSE"
    return caught.value


def first_value(text: str) -> Scalar:
    (document,) = documents(text)
    assert isinstance(document, Mapping)
    value = document.pairs[0][1]
    assert isinstance(value, Scalar)
    return value


def test_scalars_stay_text() -> None:
    (document,) = documents("[15, 0.11, yes, '15', ~, \"\", null, 1e3, 0x10]")
    assert isinstance(document, Sequence)
    values = [(item.value, item.is_null) for item in document.items if isinstance(item, Scalar)]
    assert values == [
        ("15", False),
        ("0.11", False),
        ("yes", False),
        ("15", False),
        ("~", True),
        ("", False),
        ("null", True),
        ("1e3", False),
        ("0x10", False),
    ]


def test_places_count_lines_and_columns_from_zero() -> None:
    (document,) = documents("- rule: x\n  é: y\n")
    assert isinstance(document, Sequence)
    item = document.items[0]
    assert isinstance(item, Mapping)
    value = item.pairs[1][1]
    assert (value.start.line, value.start.column, value.start.offset) == (1, 5, 15)


def test_several_documents_and_empty_ones() -> None:
    found = documents("- a\n---\n---\n- b\n")
    assert [document.is_null for document in found] == [False, True, False]
    assert documents("") == []
    assert documents("# only a comment\n") == []


def test_the_first_of_two_equal_keys_counts() -> None:
    (document,) = documents("{a: 1, b: 2, a: 3}")
    assert isinstance(document, Mapping)
    found = document.get("a")
    assert isinstance(found, Scalar)
    assert found.value == "1"
    assert [key for key, _ in document.key_nodes()] == ["a", "b", "a"]


def test_a_word_in_a_flow_sequence_may_begin_with_a_colon() -> None:
    (document,) = documents("- [::1, 'a: :b', é :c, fe80::1]\n")
    assert isinstance(document, Sequence)
    (first,) = document.items
    assert isinstance(first, Sequence)
    values = [item.value for item in first.items if isinstance(item, Scalar)]
    assert values == ["::1", "a: :b", "é :c", "fe80::1"]
    assert "line 1, column 4" in str(error("- [::1, [x"))


def test_aliases_give_the_same_values() -> None:
    (document,) = documents("- &x [p, q]\n- *x\n")
    assert isinstance(document, Sequence)
    assert document.items[0] is document.items[1]


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("- rule: a: b\n", 1, 10),
        ("- {a: 1\n- b", 3, 1),
        ("- [1, 2\n", 2, 1),
        ("a: *nowhere\n", 1, 4),
        ("a: \x01\n", 1, 4),
        ("- 'open\n", 2, 1),
        ("a: 1\n\tb: 2\n", 2, 1),
        ("- @x\n", 1, 3),
    ],
)
def test_errors_say_where(text: str, line: int, column: int) -> None:
    assert f"line {line}, column {column}:" in str(error(text))


def test_an_error_says_what_was_left_open() -> None:
    assert "a flow mapping that begins at line 1, column 3" in str(error("- {a: 1\n- b"))


def test_an_alias_to_what_it_stands_in_is_refused() -> None:
    assert "stands inside what it names" in str(error("- &x [1, *x]\n"))


def test_aliases_cannot_multiply_without_end() -> None:
    lines = ["- &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in range(1, 20):
        lines.append(f"- &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]")
    assert "aliases included" in str(error("\n".join(lines)))


def test_aliases_cannot_nest_without_end() -> None:
    lines = ["- &a0 [x]"] + [f"- &a{level} [*a{level - 1}]" for level in range(1, 200)]
    assert "levels of nesting, aliases included" in str(error("\n".join(lines)))


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_depth_is_bounded(opening: str) -> None:
    # Newer versions of libyaml have a limit of their own, which they may reach before the first value is ours to count.
    assert re.search(f"more than {MAX_DEPTH} levels of nesting|maximum nesting depth", str(error(opening * 200_000)))


def test_bytes_that_are_no_utf8_become_replacement_characters() -> None:
    assert decode_file("f", b"a: \xff").text == "a: �"
    assert decode_file("f", b"\xef\xbb\xbfa: 1").text == "a: 1"
    assert decode_file("f", "a: é".encode("utf-16")).text == "a: é"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("c: one two three\n", "two"),
        ("c: one\n   two\n   three\n", "three"),
        ("c: >\n  one\n  two\n  three\n", "two"),
        ("c: >-\n  one\n    two\n  three\n", "two"),
        ("c: |\n  one\n  two three\n", "three"),
        ("c: 'it''s one two'\n", "one"),
        ('c: "\\u00e9 \\x41\\tone two"\n', "two"),
        ('c: "one \\\n  two"\n', "two"),
        ("c: !tag &anchor one two\n", "two"),
        ("c: é one two\n", "two"),
    ],
)
def test_characters_of_a_value_are_found_in_the_file(text: str, word: str) -> None:
    value = first_value(text)
    at = value.value.index(word)
    span = Traced.of(value).origin(at, at + len(word))
    assert span is not None
    assert text[span.start : span.end] == word


@given(st.text(alphabet="ab '\"\\\n:#>|-é", max_size=30), st.sampled_from(["", "'", '"', ">", "|"]))
def test_every_place_of_a_value_lies_in_the_scalar(content: str, style: str) -> None:
    quote = style if style in ("'", '"') else ""
    body = content.replace("\n", "\n  ")
    text = f"c: {style}\n  {body}\n" if style in (">", "|") else f"c: {quote}{body}{quote}\n"
    try:
        value = first_value(text)
    except (LoadError, AssertionError, ValueError):
        return
    places = file_offsets(value)
    assert len(places) == len(value.value) + 1
    assert places == sorted(places)
    assert all(value.start.offset <= place <= len(text) for place in places)
    for index, character in enumerate(value.value):
        if character.isalnum():
            assert text[places[index]] in (character, "\\")


YAML_PIECES = st.sampled_from(
    [
        *("- ", "? ", ": ", ", ", "rule: x", "  ", "\n", "\t", "[", "]", "{", "}", "<<: "),
        *("&a ", "*a", "!t ", "'", '"', "|\n", ">\n", "---\n", "...\n", "#", "%", "\\", "~"),
        *("\x00", "\x7f", "é", "\ud800", "\ufeff"),
    ]
)


def outcome(text: str | bytes) -> list[Node] | LoadError:
    content = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    try:
        return load_documents(decode_file("f.yaml", content))
    except LoadError as error:
        return error


@settings(max_examples=300, deadline=None)
@given(st.lists(YAML_PIECES, max_size=40).map("".join) | st.text(max_size=200))
def test_any_text_is_nodes_or_a_load_error(text: str) -> None:
    found = outcome(text)
    if isinstance(found, LoadError):
        assert found.diagnostic.context.snippet()
    else:
        assert all(isinstance(document, Node) for document in found)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_nodes_or_a_load_error(content: bytes) -> None:
    found = outcome(content)
    assert not isinstance(found, LoadError) or found.diagnostic.code == "LOAD_ERR_YAML_PARSE"
