"""Items of rule files: shapes, keys, decoding, and the four forms of a rule."""

from __future__ import annotations

import pytest

from falcoeks_fast.rules.files.decode import to_boolean, to_uint32

from .files import condition, failure, good, load, rule, warnings


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("just text", "LOAD_ERR_YAML_VALIDATE", "Rules content is not yaml"),
        ("rule: a", "LOAD_ERR_YAML_VALIDATE", "Rules content is not yaml array of objects"),
        ("- text", "LOAD_ERR_YAML_VALIDATE", "Unexpected element type"),
        ("- [a]", "LOAD_ERR_YAML_VALIDATE", "Unexpected element type"),
        ("- list:\n  items: [a]", "LOAD_ERR_YAML_VALIDATE", "Mapping for key 'list' is empty"),
        ("- list: a", "LOAD_ERR_YAML_VALIDATE", "Item has no mapping for key 'items'"),
        ("- list: a\n  items: b", "LOAD_ERR_YAML_VALIDATE", "Value is not a sequence"),
        ("- list: a\n  items:", "LOAD_ERR_YAML_VALIDATE", "Value is not a sequence"),
        ("- list: a\n  items: [[b]]", "LOAD_ERR_YAML_VALIDATE", "sequence value is not scalar"),
        ("- list: a\n  items: [~]", "LOAD_ERR_YAML_VALIDATE", "sequence value is not scalar"),
        ("- list: [a]\n  items: []", "LOAD_ERR_YAML_VALIDATE", "Value is not a scalar value"),
        ("- list: ''\n  items: []", "LOAD_ERR_YAML_VALIDATE", "Value must be non-empty"),
        ("- list: a\n  items: []\n  append: maybe", "LOAD_ERR_YAML_VALIDATE", "Can't decode YAML scalar value"),
        ("- list: a\n  items: [b]\n  append: true", "LOAD_ERR_VALIDATE", "no list by that name already exists"),
        ("- macro: m", "LOAD_ERR_YAML_VALIDATE", "Item has no mapping for key 'condition'"),
        (
            "- macro: m\n  condition: or ka.verb = get\n  append: true",
            "LOAD_ERR_VALIDATE",
            "no macro by that name already exists",
        ),
        ("- macro: m\n  condition: ka.verb get", "LOAD_ERR_COMPILE_CONDITION", ""),
        ("- rule: r", "LOAD_ERR_YAML_VALIDATE", "Item has no mapping for key 'enabled'"),
        ("- rule: r\n  enabled: true", "LOAD_ERR_VALIDATE", "Rule has 'enabled' key but no rule"),
        ("- rule: r\n  desc: d", "LOAD_ERR_YAML_VALIDATE", "Item has no mapping for key 'condition'"),
        (rule(priority="WARN"), "LOAD_ERR_YAML_VALIDATE", "Invalid priority"),
        (rule(more="tags: k8s"), "LOAD_ERR_YAML_VALIDATE", "Value is not a sequence"),
        (rule(more="enabled: perhaps"), "LOAD_ERR_YAML_VALIDATE", "Can't decode YAML scalar value"),
        (rule(more="capture_duration: -1"), "LOAD_ERR_YAML_VALIDATE", "Can't decode YAML scalar value"),
        (rule(output="'%ka.nope'"), "LOAD_ERR_COMPILE_OUTPUT", "unknown filter: "),
        (rule(output="'100 %'"), "LOAD_ERR_COMPILE_OUTPUT", "formatting cannot end with a %"),
        (rule(condition="ka.nope exists"), "LOAD_ERR_COMPILE_CONDITION", "nonexistent field ka.nope"),
        (rule(condition="nothing"), "LOAD_ERR_VALIDATE", "Undefined macro 'nothing' used in filter."),
        ("- required_engine_version: 0.11", "LOAD_ERR_YAML_VALIDATE", "Unable to parse engine version '0.11'"),
        ("- required_engine_version: 64", "LOAD_ERR_VALIDATE", "require engine version 0.64.0, but engine version is"),
        ("- required_engine_version: 1.0.0", "LOAD_ERR_VALIDATE", "require engine version 1.0.0"),
        ("- required_plugin_versions: {a: b}", "LOAD_ERR_YAML_VALIDATE", "must be a sequence"),
        ("- required_plugin_versions: [json]", "LOAD_ERR_YAML_VALIDATE", "Plugin version must be a mapping"),
        ("- required_plugin_versions: [{name: json}]", "LOAD_ERR_YAML_VALIDATE", "no mapping for key 'version'"),
        ("- required_plugin_versions: [{name: json, version: x}]", "LOAD_ERR_VALIDATE", "Invalid required version"),
        (
            "- required_plugin_versions: [{name: a, version: 0.1.0, alternatives: [{name: a, version: 0.2.0}]}]",
            "LOAD_ERR_VALIDATE",
            "Defined multiple alternative version requirements for plugin 'a'",
        ),
    ],
)
def test_refused(text: str, code: str, message: str) -> None:
    error = failure(text)
    assert error.code == code
    assert message in error.message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "---\n---\n",
        "- ~\n-\n",
        "- list: a\n  items: []\n",
        "- required_engine_version: 15\n",
        "- required_engine_version: 0x3F\n",
        "- required_engine_version: 0.20.0-foo\n",
        rule(more="exceptions:"),
        rule(more="capture: true\ncapture_duration: 500\nwarn_evttypes: false"),
        rule(more="enabled: 'No'"),
        rule(more="override: {}"),
        rule(more="append: false"),
        rule(priority="InFormational"),
    ],
)
def test_accepted_without_a_word(text: str) -> None:
    result = good(text)
    assert [code for code in result.reports[0].codes if code != "LOAD_UNUSED_LIST"] == []


def test_the_first_key_present_decides_the_kind() -> None:
    result = load("- list: l\n  rule: r\n  items: [a]\n")
    assert warnings(result) == ["LOAD_UNKNOWN_KEY", "LOAD_UNUSED_LIST"]
    assert result.collector.lists.keys() == {"l"}


def test_unknown_items_and_keys_are_warned_of_with_a_suggestion() -> None:
    result = good("- rul: r\n  conditon: x\n" + rule(more="prioritty: x\ncolour: red"))
    assert warnings(result) == ["LOAD_UNKNOWN_ITEM", "LOAD_UNKNOWN_KEY", "LOAD_UNKNOWN_KEY"]
    assert [w.suggestion for w in result.reports[0].warnings] == [
        "did you mean 'rule'?",
        "did you mean 'priority'?",
        "",
    ]


@pytest.mark.parametrize(
    "text",
    [
        rule(priority="LOUD", more="colour: red"),
        "- list: l\n  items: [[a]]\n  colour: red\n",
        "- macro: m\n  condition: or ka.verb = get\n  append: true\n  colour: red\n",
        "- rule: q\n  enabled: false\n  colour: red\n",
        "- required_engine_version: 500\n  colour: red\n",
        "- required_plugin_versions: [{name: json, version: x}]\n  colour: red\n",
        "- rule: q\n  desc: e\n  override: {desc: prepend}\n  colour: red\n",
    ],
)
def test_unknown_keys_of_an_item_that_fails_are_not_warned_of(text: str) -> None:
    assert "LOAD_UNKNOWN_KEY" in warnings(load("- list: k\n  items: []\n  colour: red\n" + text))
    assert "LOAD_UNKNOWN_KEY" not in warnings(load(text))
    assert not load(text).successful


def test_a_key_given_twice_is_in_no_report_but_people_are_told() -> None:
    result = good(rule(more="condition: ka.verb = list"))
    (report,) = result.reports
    assert condition(result) == "ka.verb = get"
    assert report.codes == []
    assert report.summary() == "f0.yaml: Ok"
    assert [advice.code for advice in report.advice] == ["LOAD_DUPLICATE_KEY"]
    assert "f0.yaml:7:3: hint: Key 'condition' is given twice; the first one counts." in report.human()
    assert result.notices == ["f0.yaml:7:3: Key 'condition' is given twice; the first one counts."]


@pytest.mark.parametrize(
    "override", ["[x]", "[[x]]", "[x, null]", "[1, 2.0]", "[]", "{KEY: [append]}", "{KEY: {a: b}}"]
)
@pytest.mark.parametrize(
    ("item", "key"),
    [
        ("- rule: r\n  condition: ka.verb = x\n", "condition"),
        ("- macro: m\n  condition: ka.verb = x\n", "condition"),
        ("- list: l\n  items: [a]\n", "items"),
        ("- list: l\n  items: [a]\n", "other"),
    ],
)
def test_an_override_of_the_wrong_shape_is_said_of_the_whole_file(item: str, key: str, override: str) -> None:
    error = failure(rule(), f"{item}  override: {override.replace('KEY', key)}\n")
    assert error.code == "LOAD_ERR_VALIDATE"
    assert [location.kind for location in error.context.locations] == ["rules content"]
    assert error.span is not None


@pytest.mark.parametrize(
    "version",
    ['" 0.20.0"', '"\\t0.20.0"', '"0. 2.0"', '"+0.2.0"', '"-0.2.0"', "0.20.0 x", "0.20.0-rc1", "63", "0.63.0"],
)
def test_engine_versions_are_read_as_scanf_reads_them(version: str) -> None:
    assert warnings(good(f"- required_engine_version: {version}\n{rule()}")) == []


@pytest.mark.parametrize(
    ("version", "code"), [('" 20"', "YAML_VALIDATE"), ("0.2", "YAML_VALIDATE"), ("0.-2.0", "VALIDATE")]
)
def test_engine_versions_that_are_refused(version: str, code: str) -> None:
    assert failure(f"- required_engine_version: {version}\n").code == f"LOAD_ERR_{code}"


@pytest.mark.parametrize(
    "text",
    [
        "- ? [rule]\n  : a\n",
        "- rule: b\n  [a]: c\n",
        "- rule: b\n  {a: b}: c\n",
        "- rule: b\n  exceptions: [{[a]: b}]\n",
        "- macro: m\n  condition: ka.verb = x\n  override: {[a]: b}\n",
        "- required_plugin_versions: [{name: a, version: 0.1.0, alternatives: [{[a]: b}]}]\n",
    ],
)
def test_a_key_that_is_no_word_ends_the_file_before_its_first_item(text: str) -> None:
    result = load("- list: 'a b'\n  items: []\n" + text)
    (error,) = result.reports[0].errors
    assert error.code == "LOAD_ERR_YAML_PARSE"
    assert [location.kind for location in error.context.locations] == ["rules content"]
    assert warnings(result) == []
    assert result.reports[0].schema_text == "none"


def test_a_key_that_is_no_word_does_not_matter_where_nobody_looks() -> None:
    assert warnings(good("- foo: {[a]: b}\n")) == ["LOAD_UNKNOWN_ITEM"]


@pytest.mark.parametrize("output", ['"  "', '" %container.info "', '"%container.info"'])
def test_an_output_that_is_empty_is_refused_even_by_a_rule_that_skips(output: str) -> None:
    result = load(rule(output=output, more="skip-if-unknown-filter: true"))
    (error,) = result.reports[0].errors
    assert error.code == "LOAD_ERR_COMPILE_OUTPUT"
    assert warnings(result) == (["LOAD_DEPRECATED_ITEM"] if "container" in output else [])


def test_an_empty_document_is_passed_over() -> None:
    result = good(f"{rule('a')}---\n---\n{rule('b')}---\n~\n---\n{rule('c')}")
    assert result.order == ["a", "b", "c"]


def test_names_that_cannot_be_used_are_warned_of() -> None:
    result = good('- list: "a b"\n  items: [x]\n- macro: 1m\n  condition: ka.verb = get\n')
    assert warnings(result)[:2] == ["LOAD_INVALID_LIST_NAME", "LOAD_INVALID_MACRO_NAME"]


BASE = rule("r", "ka.verb = get", "tags: [b]\npriority: X", output="o")[: -len("  priority: X\n")]


@pytest.mark.parametrize(
    ("update", "key", "value"),
    [
        ("condition: and ka.uri exists\noverride: {condition: append}", "condition", "ka.verb = get and ka.uri exists"),
        ("condition: ka.uri exists\noverride: {condition: replace}", "condition", "ka.uri exists"),
        ("output: ' p '\noverride: {output: append}", "output", "o  p "),
        ("output: p\noverride: {output: replace}", "output", "p"),
        ("desc: e\noverride: {desc: append}", "description", "d e"),
        ("tags: [a, b]\noverride: {tags: append}", "tags", ["a", "b"]),
        ("tags: [c]\noverride: {tags: replace}", "tags", ["c"]),
        ("priority: error\noverride: {priority: replace}", "priority", "Error"),
        ("enabled: false\noverride: {enabled: replace}", "enabled", False),
        ("capture: true\noverride: {capture: replace}", "capture", True),
    ],
)
def test_overrides(update: str, key: str, value: object) -> None:
    result = good(BASE, f"- rule: r\n{indented(update)}")
    assert result.describe("r")["rules"][0]["info"][key] == value
    assert warnings(result) == []


def indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.split("\n"))


@pytest.mark.parametrize(
    ("update", "code", "message"),
    [
        ("append: true\noverride: {desc: append}", "LOAD_ERR_YAML_VALIDATE", "Keys 'override' and 'append: true'"),
        ("override: {priority: append}", "LOAD_ERR_YAML_VALIDATE", "Key 'priority' cannot be appended to"),
        ("override: {source: replace}", "LOAD_ERR_YAML_VALIDATE", "Key 'source' cannot be replaced"),
        (
            "desc: e\noverride: {desc: prepend}",
            "LOAD_ERR_YAML_VALIDATE",
            "Invalid override operation for key 'desc': 'prepend'. Allowed values are: append replace ",
        ),
        ("override: {desc: append}", "LOAD_ERR_YAML_VALIDATE", "An append override for 'desc' was specified but"),
        ("override: {enabled: replace}", "LOAD_ERR_YAML_VALIDATE", "An replace override for 'enabled' was specified"),
        (
            "desc: e\npriority: INFO\noverride: {desc: replace}",
            "LOAD_ERR_YAML_VALIDATE",
            "Unexpected key 'priority': no corresponding entry under 'override' is defined.",
        ),
        ("append: true", "LOAD_ERR_VALIDATE", "Appended rule must have exceptions or condition property"),
        (
            "append: true\nsource: other\ncondition: and ka.uri exists",
            "LOAD_ERR_VALIDATE",
            "Rule has been re-defined with a different source",
        ),
        (
            "append: true\nsource: other\nexceptions: [{name: e, fields: ka.uri, values: [a]}]",
            "LOAD_ERR_VALIDATE",
            "Rule has been re-defined with a different source",
        ),
        (
            "override: {condition: replace}\nsource: other\ncondition: ka.uri exists",
            "LOAD_ERR_VALIDATE",
            "Rule has been re-defined with a different source",
        ),
        ("enabled: true\nsource: [x]", "LOAD_ERR_YAML_VALIDATE", "Value is not a scalar value"),
        (
            "append: true\nsource: [x]\ncondition: and ka.uri exists",
            "LOAD_ERR_YAML_VALIDATE",
            "Value is not a scalar value",
        ),
    ],
)
def test_overrides_that_are_refused(update: str, code: str, message: str) -> None:
    error = failure(BASE, f"- rule: r\n{indented(update)}")
    assert error.code == code
    assert error.message.startswith(message)


def test_a_source_that_cannot_be_read_is_the_only_complaint() -> None:
    text = "- rule: r\n  append: true\n  source: [x]\n  condition: and ka.uri exists\n"
    assert warnings(load(BASE, text)) == []
    deprecated = load(BASE, text.replace("[x]", "okta"))
    assert warnings(deprecated) == ["LOAD_DEPRECATED_ITEM"]
    assert not deprecated.successful


@pytest.mark.parametrize("source", ["", '""', "k8s_audit"])
def test_an_update_may_leave_the_source_empty(source: str) -> None:
    update = f"- rule: r\n  source: {source}\n  condition: and ka.uri exists\n"
    legacy = good(BASE, update + "  append: true\n")
    assert warnings(legacy) == ["LOAD_DEPRECATED_ITEM"]
    override = good(BASE, update + "  override: {condition: append}\n")
    assert warnings(override) == []
    assert condition(legacy) == condition(override) == "(ka.verb = get and ka.uri exists)"


@pytest.mark.parametrize("source", ["", '""'])
def test_a_definition_may_not_leave_the_source_empty(source: str) -> None:
    assert failure(rule(source=source)).code == "LOAD_ERR_YAML_VALIDATE"


def test_an_override_without_a_condition_does_not_compare_the_source() -> None:
    good(BASE, "- rule: r\n  source: other\n  desc: e\n  override: {desc: replace}\n")


@pytest.mark.parametrize("operation", ["append", "replace"])
def test_an_override_of_a_rule_that_is_not_there(operation: str) -> None:
    error = failure(BASE, f"- rule: q\n  desc: e\n  override: {{desc: {operation}}}")
    assert error.code == "LOAD_ERR_VALIDATE"
    assert "no rule by that name already exists" in error.message


def test_legacy_append_reads_condition_and_exceptions_only() -> None:
    result = good(BASE, "- rule: r\n  condition: and ka.uri exists\n  priority: ERROR\n  tags: [z]\n  append: true\n")
    info = result.describe("r")["rules"][0]["info"]
    assert info["condition"] == "ka.verb = get and ka.uri exists"
    assert (info["priority"], info["tags"]) == ("Notice", ["b"])
    assert warnings(result) == ["LOAD_DEPRECATED_ITEM"]


def test_a_switch_ignores_other_keys() -> None:
    result = good(BASE, "- rule: r\n  enabled: false\n  tags: [z]\n")
    assert result.describe("r")["rules"][0]["info"]["tags"] == ["b"]
    assert result.order == []
    assert warnings(result) == ["LOAD_DEPRECATED_ITEM"]


def test_a_redefinition_replaces_all_but_the_place_in_the_order() -> None:
    result = good(rule("a", more="enabled: false\ntags: [t]"), rule("b"), rule("a"))
    assert result.order == ["a", "b"]
    assert result.describe("a")["rules"][0]["info"]["tags"] == []


def test_a_redefinition_must_repeat_the_source() -> None:
    without_source = rule("a").replace("  source: k8s_audit\n", "")
    error = failure(rule("a"), without_source)
    assert error.message == "Rule has been re-defined with a different source"
    assert "k8s_audit" in error.suggestion


@pytest.mark.parametrize(
    ("text", "value"),
    [("yes", True), ("Yes", True), ("YES", True), ("yEs", None), ("y", True), ("Off", False), ("1", None), ("", None)],
)
def test_booleans_are_those_of_yaml_1_1(text: str, value: bool | None) -> None:
    assert to_boolean(text) is value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("15", 15),
        ("017", 15),
        ("0x1f", 31),
        ("7 ", 7),
        (" 7", None),
        ("4294967295", 2**32 - 1),
        ("4294967296", None),
        ("-1", None),
        ("1.5", None),
        ("08", None),
        ("9" * 5000, None),
    ],
)
def test_numbers(text: str, value: int | None) -> None:
    assert to_uint32(text) == value
