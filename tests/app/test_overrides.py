"""`-o key=value`: paths, and what they do to what is there."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcoeks_fast.config import ConfigError
from falcoeks_fast.config.overrides import apply_override, parse_override
from falcoeks_fast.config.tree import Mapping, Place, render_flow

from .test_config import load, warnings


def option_tree(*options: str) -> str:
    root = Mapping({}, Place("x"))
    for option in options:
        apply_override(root, parse_override(option))
    return render_flow(root)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("a.b=1",), "{a: {b: 1}}"),
        (("a[]=1", "a[]=2"), "{a: [1, 2]}"),
        (("a[0]=x", "a[1]=y", "a[0]=z"), "{a: [z, y]}"),
        (("a[0][0]=x",), "{a: [[x]]}"),
        (("a[].b.c=x=y,z",), '{a: [{b: {c: "x=y,z"}}]}'),
        ((r"a\.b=1",), "{a.b: 1}"),
        (("a=[x,y]",), '{a: "[x,y]"}'),
        (('a={"b": {"c": [1, 2]}}',), "{a: {b: {c: [1, 2]}}}"),
        (("a[1]=x",), "{a: {1: x}}"),
        (("a[-1]=x",), "{a: {-1: x}}"),
        (("a[ +1z]=x",), "{a: {1: x}}"),
        (("a[]=x", "a[2]=y"), "{a: {0: x, 2: y}}"),
        (("a[]=x", "a.b=y"), "{a: {0: x, b: y}}"),
        (("a.b=1", "a[0]=2"), "{a: {b: 1, 0: 2}}"),
        (("a.b=1", "a=2"), "{a: 2}"),
    ],
)
def test_option_paths(options: tuple[str, ...], expected: str) -> None:
    assert option_tree(*options) == expected


@pytest.mark.parametrize(
    "option",
    [
        "nothing",
        "a..b=1",
        "=1",
        "a[x]=1",
        "a[=1",
        "a]=1",
        "a[0]b=1",
        "a\\x=1",
        "a\\",
        "a.=1",
        "a[3000000000]=1",
        "a" + ".a" * 200 + "=1",
    ],
)
def test_bad_options(option: str) -> None:
    with pytest.raises(ConfigError, match=r"option|Config error at key"):
        parse_override(option)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("a=1", "a.b=2"), 'Config error at key "a.b": operator[] call on a scalar (key: "b")'),
        (("a=1", "a[0]=2"), 'Config error at key "a[0]": operator[] call on a scalar (key: "0")'),
        (("a=1", "a[]=2"), "Config error at key \"a[]\": Parsing error: expected a numeric index, found ''"),
        (("a.b=1", "a[]=2"), "Config error at key \"a[]\": Parsing error: expected a numeric index, found ''"),
    ],
)
def test_options_do_not_replace_what_is_of_another_kind(options: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        option_tree(*options)
    assert str(caught.value).startswith(message)


def test_an_index_beyond_the_end_makes_a_mapping_and_a_warning(tmp_path: Path) -> None:
    config = load(tmp_path, "rules: [{disable: {rule: a}}]\n", "rules[1].disable.rule=b")
    assert [entry.rule for entry in config.selections] == ["a", "b"]
    assert not warnings(config)
    config = load(tmp_path, "rules: [{disable: {rule: a}}]\n", "rules[5].disable.rule=b")
    assert config.selections == ()
    assert ["[5] is not the next element of a list of 1" in text for text in warnings(config)] == [True]


@given(st.text(alphabet="ab.[]\\01=", max_size=20))
def test_option_paths_never_crash(text: str) -> None:
    with contextlib.suppress(ConfigError):
        option_tree(text)
