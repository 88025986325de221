"""Descriptions of rules, macros and lists, and conditions as text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcoeks_fast.rules import LoadSettings, RuleFile, load_rules
from falcoeks_fast.rules.language.ast import Check, Const, FieldRef
from falcoeks_fast.rules.language.condition_text import check_text, many_lines, one_line
from falcoeks_fast.rules.language.parser import parse_condition

from .files import condition, good, rule
from .scenarios import CONFORMANCE, needs_conformance

CLI = CONFORMANCE / "cli"


def unordered(value: Any, key: str = "") -> Any:
    """With lists sorted, since Falco's order is not specified, and without the event types of system calls."""
    if isinstance(value, dict):
        return {name: unordered(inner, name) for name, inner in value.items() if name != "events"}
    return sorted((unordered(inner) for inner in value), key=str) if isinstance(value, list) else value


@needs_conformance
@pytest.mark.parametrize(("case", "name"), [("describe_json", None), ("describe_one_json", "Config map written")])
def test_json_is_that_of_falco(case: str, name: str | None) -> None:
    settings = LoadSettings(plugins={"k8saudit": "0.18.0", "json": "0.7.4"})
    result = load_rules([RuleFile("mini.yaml", (CLI / "mini.yaml").read_bytes())], settings)
    assert unordered(result.describe(name)) == unordered(json.loads((CLI / f"{case}.stdout").read_text()))
    assert result.describe_text() + "\n" == (CLI / "describe.stdout").read_text() + "\n"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a" * 10 + " " + "b" * 47 + " tail", ["a" * 10 + " " + "b" * 47 + " ", "tail "]),
        ("a" * 10 + " " + "b" * 48 + " tail", ["a" * 10 + " ", "b" * 48 + " tail "]),
        ("x" * 59 + " y", ["", "x" * 59 + " ", "y "]),
    ],
)
def test_lines_of_descriptions_hold_59_bytes(text: str, lines: list[str]) -> None:
    printed = good(rule(more=f"desc: {text}").replace("  desc: d\n", "")).describe_text()
    assert [line[51:] for line in printed.splitlines()[2:-1]] == lines


def test_long_descriptions_are_wrapped() -> None:
    text = "Detect any k8s operation by users outside of an allowed set of users."
    result = good(rule("Disallowed K8s User", more=f"desc: {text}").replace("  desc: d\n", ""))
    assert result.describe_text() == (
        f"{'Rule':<50} Description\n"
        f"{'----':<50} -----------\n"
        f"{'Disallowed K8s User':<50} Detect any k8s operation by users outside of an allowed \n"
        f"{'':<50} set of users. \n\n"
    )


def test_all_rules_that_compile_are_listed_and_only_those() -> None:
    text = rule("a", more="enabled: false") + rule("b", source="okta") + rule("c")
    result = good(text)
    assert [entry["info"]["name"] for entry in result.describe()["rules"]] == ["a", "c"]
    assert result.describe("a")["rules"][0]["info"]["enabled"] is False
    for unknown in ("b", "zzz"):
        with pytest.raises(KeyError):
            result.describe(unknown)
        with pytest.raises(KeyError):
            result.describe_text(unknown)


def test_what_was_required() -> None:
    text = (
        "- required_engine_version: 11\n- required_engine_version: 0.15.0\n- required_plugin_versions:\n"
        "  - {name: k8saudit, version: 0.18.0, alternatives: [{name: k8saudit-eks, version: 0.12.0}]}\n"
    )
    described = good(text).describe()
    assert described["required_engine_version"] == "0.15.0"
    assert described["required_plugin_versions"] == [
        {"name": "k8saudit", "version": "0.18.0", "alternatives": [{"name": "k8saudit-eks", "version": "0.12.0"}]}
    ]


def test_lists_and_macros() -> None:
    text = (
        "- list: a\n  items: [x]\n- list: b\n  items: [a, y z]\n- macro: m\n  condition: ka.verb in (b)\n"
        "- macro: n\n  condition: m or ka.uri exists\n" + rule(condition="n and jevt.value[/a] = c")
    )
    described = good(text).describe()
    assert described["lists"][1] == {
        "info": {"name": "b", "items": ["y z"]},
        "details": {"used": True, "lists": ["a"], "items_compiled": ["x", "y z"], "plugins": []},
    }
    macro = described["macros"][1]
    assert macro["details"]["macros"] == ["m"]
    assert macro["details"]["condition_compiled"] == '(ka.verb in (x, "y z") or ka.uri exists)'
    details = good(text).describe("r")["rules"][0]["details"]
    assert details["macros"] == ["n"]
    assert details["plugins"] == ["k8saudit-eks", "json"]
    assert details["condition_fields"] == ["ka.verb", "ka.uri", "jevt.value[/a]"]


@pytest.mark.parametrize(
    "text",
    [
        "ka.verb = get",
        "not ka.verb in (get, list)",
        '(ka.uri startswith "a b" and (ka.verb = get or ka.verb = list))',
        "tolower(ka.user.name) = val(ka.uri)",
        "ka.uri.param[x] exists",
        'join(",", ka.user.groups) glob anyof ("a*", b)',
        "ka.verb = toupper(ka.uri)",
        "len(ka.user.groups) >= 2",
    ],
)
def test_conditions_for_people_parse_to_themselves(text: str) -> None:
    expr = parse_condition(text.encode())
    flat = " ".join(many_lines(expr).split())
    assert many_lines(parse_condition(flat.encode())) == many_lines(expr)
    assert one_line(parse_condition(flat.encode())) == one_line(expr)


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("ka.verb contains allof (x) or ka.verb in (get)", "(ka.verb contains allof (x) or ka.verb in (get))"),
        ("ka.verb contains  allof x or ka.verb in get", "(ka.verb contains allof x or ka.verb in get)"),
        ("ka.verb in (get,  list)", "ka.verb in (get, list)"),
        ("ka.verb in (\"\", 'a b')", 'ka.verb in (, "a b")'),
        ("ka.verb in ()", "ka.verb in ()"),
        ('ka.verb startswith ""', "ka.verb startswith "),
        ("ka.verb = 'a,b' or ka.verb = \"f(x)\"", "(ka.verb = a,b or ka.verb = f(x))"),
        ('ka.verb = "it\'s" or ka.verb = \'say "x"\'', '(ka.verb = "it\'s" or ka.verb = "say \\"x\\"")'),
        ("ka.verb == x", "ka.verb == x"),
        ('join("-", (ka.verb, 5)) = a', "join(-,(ka.verb,5)) = a"),
        ('ka.verb = concat("a b", "", tolower(ka.uri))', 'ka.verb = concat("a b",,tolower(ka.uri))'),
        ('ka.verb != val( ka.uri.param["a=b"] )', 'ka.verb != val(ka.uri.param["a=b"])'),
        ("ka.uri.param['x'] = y or ka.uri.param[''] exists", '(ka.uri.param[x] = y or ka.uri.param[""] exists)'),
        ('getopt(ka.user.groups, "nt:")["t"] exists', "getopt(ka.user.groups,nt:)[t] exists"),
    ],
)
def test_conditions_are_printed_as_by_falco(text: str, printed: str) -> None:
    assert one_line(parse_condition(text.encode())) == printed


def test_operators_are_described_with_their_modifiers() -> None:
    result = good(rule(condition="ka.verb contains allof (a) or ka.verb == b or ka.verb = c"))
    assert result.describe("r")["rules"][0]["details"]["condition_operators"] == ["contains allof", "==", "="]


@given(st.lists(st.text(min_size=1).filter(lambda word: "\0" not in word), min_size=1, max_size=4))
def test_any_constant_survives_printing(words: list[str]) -> None:
    constants = tuple(Const(word.encode(), True, 0, 0) for word in words)
    text = check_text(Check(FieldRef("ka.verb", None, 0, 0), "in", None, constants, None, True, 0, 0, 0))
    again = parse_condition(text.encode())
    assert [constant.value.decode() for constant in again.constants] == words  # type: ignore[union-attr]


def test_very_deep_conditions_are_printed() -> None:
    text = "(" * 900 + "ka.verb = get" + " or ka.uri exists)" * 900
    assert condition(good(rule(condition=f'"{text}"'))).count("ka.uri") == 900


def test_long_lists_are_broken_into_lines() -> None:
    words = ", ".join(f"word{number}" for number in range(60))
    lines = many_lines(parse_condition(f"ka.verb = get and ka.uri in ({words})".encode())).split("\n")
    assert max(map(len, lines)) <= 110
    assert len(lines) > 5
