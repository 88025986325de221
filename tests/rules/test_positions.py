"""Where problems are: the places that Falco reports, which tools compare, and the very characters, for people."""

from __future__ import annotations

import pytest

from falcoeks_fast.rules.files.diagnostics import Diagnostic

from .files import load, rule

Locations = list[tuple[str, int, int]]


def found(text: str) -> Diagnostic:
    """The one error, or the one warning."""
    report = load(text).reports[0]
    return (report.errors or report.warnings)[0]


def locations(diagnostic: Diagnostic) -> Locations:
    return [(place.kind, place.position.line, place.position.column) for place in diagnostic.context.locations[2:]]


def marked(diagnostic: Diagnostic) -> str:
    """The characters that people are shown."""
    assert diagnostic.span is not None
    return diagnostic.span.source.text[diagnostic.span.start : diagnostic.span.end]


CONDITIONS = [
    ('ka.uri = x and ka.verb = "<NA>"', (2, 13), '"<NA>"'),
    ("ka.verb in (ka.uri, get)", (3, 25), "ka.uri"),
    ("ka.verb in (get, ka.uri)", (3, 25), "ka.uri"),
    ("ka.verb =  ka.uri", (3, 25), "ka.uri"),
    ("ka.verb startswith anyof  (get, ka.uri)", (3, 40), "ka.uri"),
    ('ka.verb = get and ka.uri regex ".*a.*"', (3, 45), '".*a.*"'),
    ('ka.uri regex "[a"', (3, 14), '"[a"'),
    ('ka.verb = get and not ka.uri regex "[a"', (3, 36), '"[a"'),
    ("ka.verb = get and tolower(ka.nope) = x", (3, 32), "ka.nope"),
    ("ka.verb = get and ka.verb = val(ka.nope)", (3, 32), "val(ka.nope)"),
    ("evt.num in (1, x)", (3, 14), "x"),
    ("ka.verb = get and ka.verb in (a", (3, 45), "'"),
]
"""A condition, the place that is reported, and what is marked in it. The last one does not parse."""


@pytest.mark.parametrize(("condition", "place", "characters"), CONDITIONS)
def test_in_a_condition(condition: str, place: tuple[int, int], characters: str) -> None:
    diagnostic = found(rule(condition=f"'{condition}'"))
    assert locations(diagnostic) == [("rule condition", 2, 13), ("condition expression", *place)]
    beginning = condition if len(condition) <= 20 else f"{condition[:17]}..."
    assert diagnostic.context.locations[-1].where == f'"{beginning}"'
    assert marked(diagnostic) == characters


@pytest.mark.parametrize(("condition", "place", "characters"), CONDITIONS[:-1])
def test_in_a_macro_the_place_is_counted_from_the_rule(condition: str, place: tuple[int, int], characters: str) -> None:
    diagnostic = found(f"- macro: m\n  condition: '{condition}'\n" + rule(condition="m"))
    line, column = place
    assert locations(diagnostic) == [("rule condition", 4, 13), ("condition expression", line + 2, column)]
    assert diagnostic.context.locations[-1].where == '"m"'
    assert marked(diagnostic) == characters
    assert condition in diagnostic.context.snippet()


def test_an_unknown_key_beside_plugin_versions_is_reported_of_the_item() -> None:
    diagnostic = found("- colour: red\n  required_plugin_versions: [{name: json, version: 0.7.0}]\n")
    assert diagnostic.code == "LOAD_UNKNOWN_KEY"
    last = diagnostic.context.locations[-1]
    assert (last.kind, last.position.line, last.position.column) == ("required plugin versions", 0, 2)


def test_people_are_told_which_macro_it_is() -> None:
    report = load("- macro: m\n  condition: ka.nope = x\n" + rule(condition="m")).reports[0]
    assert "f0.yaml:2:14: error: nonexistent field ka.nope" in report.human()
    assert "  in macro 'm'\n" in report.human()


def test_a_deprecated_field_is_reported_of_the_condition_as_a_whole() -> None:
    report = load(rule(condition="evt.latency.s = 1 or evt.dir = x")).reports[0]
    assert [warning.deprecated_field for warning in report.warnings] == ["evt.dir", "evt.latency.s"]
    for warning in report.warnings:
        assert locations(warning)[-1] == ("condition expression", 2, 13)
        assert marked(warning) == warning.deprecated_field


def test_the_unsafe_comparison_is_the_first_warning() -> None:
    report = load(rule(condition="ka.verb = ka.uri or ka.verb = <NA>")).reports[0]
    assert [str(warning.code) for warning in report.warnings] == ["LOAD_UNSAFE_NA_CHECK", "LOAD_COMPILE_CONDITION"]


def test_a_condition_is_called_by_its_beginning_as_written() -> None:
    lists = "- list: verbs\n  items: [get, list]\n"
    diagnostic = found(lists + rule(condition="ka.verb in (verbs) and ka.nope = x"))
    assert diagnostic.context.locations[-1].where == '"ka.verb in (verbs..."'
    diagnostic = found(lists + rule(condition="ka.verb in (verbs) and"))
    assert diagnostic.context.locations[-1].where == '"ka.verb in ( get,..."'


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (rule(more="tags:"), (7, 0)),
        (rule(more="tags:").rstrip(), (6, 0)),
        (rule(more="tags:  # none\n\n# yet\nenabled: true"), (9, 2)),
        (rule(more="tags: ~"), (6, 8)),
        ("- list: l\n  items:\n- list: m\n  items: []\n", (2, 0)),
        ("- {list: l, items: }\n", (0, 19)),
        ("- list: l\n  items:\n---\n- list: m\n  items: []\n", (2, 0)),
    ],
)
def test_nothing_stands_where_the_next_thing_begins(text: str, place: tuple[int, int]) -> None:
    diagnostic = found(text)
    assert diagnostic.message == "Value is not a sequence"
    assert locations(diagnostic) == [("value for", *place)]
