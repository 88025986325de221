"""The schema check: what is complained of, in which order, and what it makes of a file as a whole."""

from __future__ import annotations

import pytest

from falcoeks_fast.rules import FileReport

from .files import load, rule

BAD_TYPE = "Value type not permitted by 'type' constraint."
NO_ENUM = "Failed to match against any enum values."


def checked(text: str) -> FileReport:
    return load(text).reports[0]


def complaints(text: str) -> list[str]:
    return checked(text).schema_warnings


@pytest.mark.parametrize("text", ["", "# nothing\n", "~\n", "null\n", "---\n", "- a: [\n"])
def test_nothing_to_check_is_neither_valid_nor_invalid(text: str) -> None:
    report = checked(text)
    assert report.schema_text == "none"
    assert set(report.json()) == {"name", "successful", "errors", "warnings"}


@pytest.mark.parametrize("more", ["---\nfoo\n", "---\na: b\n", "---\n- foo: x\n"])
def test_the_first_document_decides(more: str) -> None:
    report = checked(rule() + more)
    assert report.schema_text == "ok"
    assert report.json()["schema_valid"] is True
    assert report.json()["schema_warnings"] == []


def test_a_good_document_does_not_mend_a_bad_one() -> None:
    report = checked("- foo: x\n---\n- list: l\n  items: []\n")
    assert report.json()["schema_valid"] is False
    assert [complaint[:16] for complaint in report.schema_warnings] == ["failed for <root", "failed for <root", "ok"]


@pytest.mark.parametrize(
    "pair",
    [
        *("desc:", "condition:", "tags:", "exceptions:", "override:", "source:", "enabled:", "macro:", "list:"),
        *("enabled: yes", "capture: NO", "append: True", "warn_evttypes: n", "skip-if-unknown-filter: On"),
        *("enabled: 1", "capture_duration: 1.5", "capture_duration: x", "tags: {}", "desc: {}", "items: {}"),
        *("required_engine_version:", "required_plugin_versions:"),
    ],
)
def test_values_of_the_wrong_type(pair: str) -> None:
    key = pair.partition(":")[0]
    assert complaints(f"- {pair}\n") == [
        f"failed for <root>[0][{key}]: {BAD_TYPE}",
        f"failed for <root>[0]: Failed to validate against schema associated with property name '{key}'.",
        "failed for <root>: Failed to validate item #0 in array.",
    ]


@pytest.mark.parametrize(
    "pair", ["enabled: true", 'enabled: "false"', "capture_duration: +3", "source: ''", "items: [1, b]"]
)
def test_values_of_the_right_type(pair: str) -> None:
    assert complaints(f"- {pair}\n") == []


def test_an_item_that_is_null() -> None:
    assert complaints("- \n") == [
        f"failed for <root>[0]: {BAD_TYPE}",
        "failed for <root>: Failed to validate item #0 in array.",
    ]


@pytest.mark.parametrize(
    ("pair", "path", "number"),
    [
        ("priority: [x]", "[priority]", 2),
        ("priority:", "[priority]", 2),
        ("priority: Warning", "[priority]", 1),
        ("override: {condition: }", "[override][condition]", 2),
        ("override: {condition: [append]}", "[override][condition]", 2),
        ("override: {condition: add}", "[override][condition]", 1),
    ],
)
def test_words_that_are_enumerated(pair: str, path: str, number: int) -> None:
    expected = [BAD_TYPE, NO_ENUM][-number:]
    assert complaints(f"- {pair}\n")[:number] == [f"failed for <root>[0]{path}: {reason}" for reason in expected]
    assert not complaints(f"- {pair}\n")[number].startswith(f"failed for <root>[0]{path}:")


@pytest.mark.parametrize("item", ["[x]", "{a: b}", "~", "[]"])
def test_an_item_of_a_list_is_tried_as_a_number_and_as_a_text(item: str) -> None:
    place = "failed for <root>[0][items][1]"
    assert complaints(f"- items: [x, {item}]\n") == [
        f"{place}: {BAD_TYPE}",
        f"{place}: Failed to validate against child schema #0.",
        f"{place}: {BAD_TYPE}",
        f"{place}: Failed to validate against child schema #1.",
        f"{place}: Failed to validate against any schemas allowed by anyOf constraint.",
        "failed for <root>[0][items]: Failed to validate item #1 in array.",
        "failed for <root>[0]: Failed to validate against schema associated with property name 'items'.",
        "failed for <root>: Failed to validate item #0 in array.",
    ]


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ("zoo: y\n  bar: z", "zoo"),
        ("~: y\n  bar: z", "null"),
        ("null: y", "null"),
        ("items: []\n  bar: z", "bar"),
        ("items: []", ""),
    ],
)
def test_of_unknown_keys_the_first_is_named_and_of_double_ones_none(keys: str, named: str) -> None:
    complaint, _ = complaints(f"- list: l\n  items: []\n  {keys}\n")
    assert complaint.endswith(f"'properties' or 'additionalProperties' constraints: '{named}'.")
