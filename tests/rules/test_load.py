"""Files that accumulate, order, visibility, requirements, thresholds, selections, outputs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falcoeks_fast.rules import AppendOutput, LoadResult, LoadSettings, RuleFile, Selection, load_rules
from falcoeks_fast.rules.files.selection import matches_wildcard

from .files import condition, failure, good, load, rule, warnings
from .scenarios import CONFORMANCE, needs_conformance


def names(result: LoadResult) -> list[str]:
    assert result.plan is not None
    return [planned.name.decode() for planned in result.plan.rules]


def test_every_prefix_of_the_files_must_compile() -> None:
    macro, user = "- macro: m\n  condition: ka.verb = get\n", rule(condition="m")
    assert not load(user, macro).successful
    assert len(load(user, macro).reports) == 1
    assert good(macro, user).order == ["r"]


def test_a_list_may_come_in_a_later_file() -> None:
    result = good(rule(condition="ka.verb in (l)"), "- list: l\n  items: [get, list]\n")
    assert condition(result) == "ka.verb in (get, list)"


def test_warnings_are_those_of_the_whole_set_and_name_its_files() -> None:
    result = good("- macro: m\n  condition: ka.verb = get\n", rule("a"), rule("b", "m"))
    assert [warnings(result, number) for number in range(3)] == [["LOAD_UNUSED_MACRO"], ["LOAD_UNUSED_MACRO"], []]
    assert "f0.yaml:0:2" in result.reports[1].text()


def test_later_files_change_earlier_rules() -> None:
    first = "- list: l\n  items: [a]\n- macro: m\n  condition: ka.verb in (l)\n" + rule(condition="m")
    assert condition(good(first, "- list: l\n  items: [b]\n  override: {items: append}")) == "ka.verb in (a, b)"
    assert condition(good(first, "- list: l\n  items: [b]\n")) == "ka.verb in (b)"
    assert condition(good(first, "- macro: m\n  condition: ka.uri exists")) == "ka.uri exists"
    appended = good(first, "- macro: m\n  condition: or ka.uri exists\n  override: {condition: append}")
    assert condition(appended) == "(ka.verb in (a) or ka.uri exists)"


def test_which_macros_a_macro_sees() -> None:
    b = "- macro: b\n  condition: ka.verb = get\n"
    a = "- macro: a\n  condition: b\n"
    user = rule(condition="a")
    assert condition(good(b + a + user)) == "ka.verb = get"
    assert "Undefined macro 'b'" in failure(a + b + user).message
    # Defining it again, or appending to it, moves what it sees but not its place.
    assert condition(good("- macro: a\n  condition: ka.uri exists\n" + b + a + user)) == "ka.verb = get"
    later = "- macro: b\n  condition: ka.verb = list\n"
    assert condition(good(b + a + user, later)) == "ka.verb = list"


def test_macros_that_name_themselves() -> None:
    itself = "- macro: a\n  condition: a\n"
    assert "Undefined macro 'a'" in failure(itself).message
    looped = failure("- macro: a\n  condition: ka.verb = get\n" + itself)
    assert "reference loop in macro 'a'" in looped.message


def test_a_rule_sees_macros_further_down() -> None:
    assert condition(good(rule(condition="m") + "- macro: m\n  condition: ka.verb = get\n")) == "ka.verb = get"


def test_an_undefined_macro_is_explained() -> None:
    error = failure("- list: l\n  items: [a]\n" + rule(condition="l or ka.verb = get"))
    assert error.message == "Undefined macro 'a' used in filter."
    assert "it comes from list 'l'" in error.suggestion
    error = failure("- macro: mcro\n  condition: ka.verb = get\n" + rule(condition="macro"))
    assert error.suggestion == "did you mean 'mcro'?"


def test_unknown_sources_are_left_out() -> None:
    result = good(rule("a", "proc.name = x", source="okta"), rule("b"))
    assert warnings(result, 0) == ["LOAD_UNKNOWN_SOURCE"]
    assert names(result) == ["b"]
    assert [(info.name, info.compiled) for info in result.rules] == [("a", False), ("b", True)]


def test_rules_for_system_calls_are_left_out_quietly() -> None:
    result = good(rule("a", "evt.type = open", source="syscall", output="'%proc.name'") + rule("b"))
    assert warnings(result) == []
    assert result.notices == ["1 rule for source 'syscall' skipped: system calls are not watched here"]


def test_rules_for_system_calls_use_what_they_name() -> None:
    shared = "- list: l\n  items: [open]\n- macro: m\n  condition: evt.type in (l)\n"
    assert warnings(good(shared + rule(condition="m", source="syscall", output="o"))) == []
    unknown = good(shared + rule(condition="m", source="okta", output="o"))
    assert warnings(unknown) == ["LOAD_UNKNOWN_SOURCE", "LOAD_UNUSED_MACRO"]


def test_a_forgotten_source_is_an_error() -> None:
    forgotten = rule(output="o").replace("  source: k8s_audit\n", "")
    error = failure(forgotten)
    assert error.code == "LOAD_ERR_COMPILE_CONDITION"
    assert "source: k8s_audit" in error.suggestion
    assert error.span is not None
    assert error.span.source.text[error.span.start : error.span.end] == "ka.verb"
    error = failure(rule(condition="evt.type = open", source="syscall", output="'x %ka.verb'"))
    assert error.code == "LOAD_ERR_COMPILE_OUTPUT"
    assert warnings(good(forgotten + "  skip-if-unknown-filter: true\n")) == ["LOAD_UNKNOWN_FILTER"]


@pytest.mark.parametrize("bad", [{"condition": "ka.nope exists"}, {"output": "'%ka.nope'"}])
def test_skip_if_unknown_filter(bad: dict[str, str]) -> None:
    text = rule("a", more="skip-if-unknown-filter: true", **bad) + rule("b")
    result = good(text)
    assert warnings(result) == ["LOAD_UNKNOWN_FILTER"]
    assert names(result) == ["b"]


def test_a_rule_that_is_skipped_for_its_condition_uses_what_that_names() -> None:
    text = "- list: l\n  items: [get]\n- macro: m\n  condition: ka.verb in (l)\n"
    skipped = rule(condition="m and ka.nope = x", more="skip-if-unknown-filter: true")
    assert warnings(good(text + skipped)) == ["LOAD_UNKNOWN_FILTER"]


@pytest.mark.parametrize("source", ["k8s_audit", "syscall"])
def test_a_rule_that_is_skipped_for_its_output_uses_nothing(source: str) -> None:
    text = "- list: l\n  items: [get]\n- macro: m\n  condition: ka.uri exists\n"
    bad = rule(
        condition="evt.source in (l) and m", output="'%ka.nope'", more="skip-if-unknown-filter: true", source=source
    )
    assert warnings(good(text + bad)) == ["LOAD_UNKNOWN_FILTER", "LOAD_UNUSED_MACRO", "LOAD_UNUSED_LIST"]


def test_skip_if_unknown_filter_is_no_excuse_for_other_errors() -> None:
    assert (
        failure(rule(condition="ka.verb = ", more="skip-if-unknown-filter: true")).code == "LOAD_ERR_COMPILE_CONDITION"
    )
    assert failure(rule(output="'x%'", more="skip-if-unknown-filter: true")).code == "LOAD_ERR_COMPILE_OUTPUT"


def test_a_bad_output_outranks_a_bad_condition() -> None:
    assert failure(rule(condition="ka.verb = ", output="'%ka.nope'")).code == "LOAD_ERR_COMPILE_OUTPUT"


def test_a_bad_item_hides_an_earlier_bad_condition() -> None:
    assert failure(rule(condition="ka.verb = ") + rule("b", priority="WARN")).message == "Invalid priority"


def test_the_priority_threshold() -> None:
    text = rule("a", priority="ERROR") + rule("b", priority="NOTICE") + rule("c", priority="DEBUG")
    assert names(good(text, priority=5)) == ["a", "b"]
    everything = [Selection(True, rule="*")]
    assert names(good(text, priority=3, selections=everything)) == ["a"]
    assert failure(text + rule("d", "ka.nope = x", priority="DEBUG"), priority=3).code == "LOAD_ERR_COMPILE_CONDITION"


@pytest.mark.parametrize(
    ("selections", "expected"),
    [
        ([Selection(False, rule="*")], []),
        ([Selection(False, rule="*"), Selection(True, tag="k8s")], ["a", "c"]),
        ([Selection(False, rule="a"), Selection(True, rule="a")], ["b", "a"]),
        ([Selection(True, rule="b")], ["a", "b"]),
        ([Selection(True, rule="c")], ["a", "b", "c"]),
        ([Selection(False, rule="b", tag="k8s")], []),
        ([Selection(False, rule="zzz", tag="zzz")], ["a", "b"]),
    ],
)
def test_selections(selections: list[Selection], expected: list[str]) -> None:
    text = rule("a", more="tags: [k8s]") + rule("b") + rule("c", more="tags: [k8s, x]\nenabled: false")
    result = good(text, selections=selections)
    assert result.order == names(result) == expected
    assert good(text, selections=selections, keep_going=True).order == ["a", "b"]


def test_selections_are_logged() -> None:
    result = good(rule(), selections=[Selection(False, rule="*", tag="t"), Selection(True, rule="r")])
    assert result.notices == [
        "Disabling rules with name: *",
        "Disabling rules with tag: t",
        "Enabling rules with name: r",
    ]


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("rule", "rule", True),
        ("rule", "Rule", False),
        ("rule", "rules", False),
        ("*", "", True),
        ("*", "anything", True),
        ("a*", "abc", True),
        ("a*", "ba", False),
        ("*c", "abc", True),
        ("*rule", "rule rule", False),
        ("a*b*c", "a1b2c", True),
        ("a*b*c", "abcc", False),
        ("K8s * Created", "K8s Pod Created", True),
        ("a.c", "abc", False),
        ("**", "x", True),
    ],
)
def test_wildcards(pattern: str, name: str, matches: bool) -> None:
    assert matches_wildcard(pattern, name) is matches


@pytest.mark.parametrize(
    ("required", "plugins", "problem"),
    [
        ("[{name: json, version: 0.7.0}]", {"json": "0.7.4", "k8saudit": "0.18.0"}, None),
        (
            "[{name: json, version: 0.8.0}]",
            {"json": "0.7.4"},
            "Plugin 'json' version '0.7.4' is not compatible with required plugin version '0.8.0'",
        ),
        (
            "[{name: json, version: 1.0.0}]",
            {"json": "2.0.0"},
            "Plugin 'json' version '2.0.0' is not compatible with required plugin version '1.0.0'",
        ),
        (
            "[{name: okta, version: 0.1.0}]",
            {"json": "0.7.4"},
            "Plugin requirement not satisfied, must load one of: okta (>= 0.1.0)",
        ),
        (
            "[{name: okta, version: 0.1.0, alternatives: [{name: gke, version: 0.2.0}]}]",
            {},
            "Plugin requirement not satisfied, must load one of: okta (>= 0.1.0), gke (>= 0.2.0)",
        ),
        (
            "[{name: k8saudit, version: 9.0.0, alternatives: [{name: k8saudit-eks, version: 0.12.0}]}]",
            {"k8saudit-eks": "0.12.0"},
            None,
        ),
        ("[{name: k8saudit, version: 0.18.0}]", {"k8saudit-eks": "0.12.0"}, None),
        (
            "[{name: k8saudit, version: 0.99.0}]",
            {"k8saudit-eks": "0.12.0"},
            "Plugin 'k8saudit' version '0.18.0' is not compatible with required plugin version '0.99.0'",
        ),
        (
            "[{name: k8saudit-eks, version: 0.1.0}]",
            {"k8saudit": "0.18.0"},
            "Plugin requirement not satisfied, must load one of: k8saudit-eks (>= 0.1.0)",
        ),
    ],
)
def test_plugin_requirements(required: str, plugins: dict[str, str], problem: str | None) -> None:
    result = load(f"- required_plugin_versions: {required}\n" + rule(), plugins=plugins)
    assert result.requirement_error == problem
    assert result.successful == (problem is None) == (result.plan is not None)


def test_an_unmet_requirement_outranks_the_error_of_a_file() -> None:
    result = load("- required_plugin_versions: [{name: okta, version: 0.1.0}]\n", rule(condition="okta.actor = x"))
    assert result.error_text.startswith("Plugin requirement not satisfied")


def test_going_on_behind_a_file_with_errors() -> None:
    bad = rule("a", "ka.nope = x")
    assert [report.successful for report in load(bad, rule("b")).reports] == [False]
    result = load("- [x]\n", rule("b"), keep_going=True)
    assert [report.successful for report in result.reports] == [False, True]
    assert not result.successful
    assert result.plan is None
    # The bad rule stays in the set, as in Falco.
    assert [report.successful for report in load(bad, rule("b"), keep_going=True).reports] == [False, False]


def test_appended_output() -> None:
    entries = [
        AppendOutput(extra_output="verb=%ka.verb", tags=frozenset({"t"})),
        AppendOutput(extra_output="x", source="k8s_audit", rule="b"),
        AppendOutput(extra_output="y", source="syscall"),
        AppendOutput(suggested_output=True, rule="a"),
        AppendOutput(extra_fields=(("ka.uri", None), ("f", "<%ka.verb>")), rule="b"),
    ]
    text = rule("a", more="tags: [s, t]", output="o") + rule("b", output="p") + rule("c", output="q")
    result = good(text, append_output=entries, static_fields={"foo": "bar"})
    outputs = [info["details"]["output_compiled"] for info in result.describe()["rules"]]
    assert outputs == ["o verb=%ka.verb static_foo=%static.foo", "p x", "q"]
    assert result.describe("b")["rules"][0]["details"]["extra_output_formatted_fields"] == {"f": "<%ka.verb>"}
    assert result.plan is not None
    assert {entry.key for entry in result.plan.rules[1].output_fields} == {b"evt.time", b"f", b"ka.uri"}


def test_bad_appended_output_fails_every_rule_it_is_for() -> None:
    entries = [AppendOutput(extra_output="%ka.nope", rule="b")]
    assert good(rule("a"), append_output=entries).successful
    assert failure(rule("b"), append_output=entries).code == "LOAD_ERR_COMPILE_OUTPUT"
    empty = [AppendOutput(extra_fields=(("f", ""),), rule="b")]
    assert good(rule("a"), append_output=empty).successful
    assert failure(rule("b"), append_output=empty).code == "LOAD_ERR_COMPILE_OUTPUT"
    raw = [AppendOutput(extra_fields=(("ka.nope", None),))]
    error = failure(rule("b", more="skip-if-unknown-filter: true"), append_output=raw)
    assert error.code == "LOAD_ERR_COMPILE_OUTPUT"


def test_old_things_in_outputs_are_warned_of() -> None:
    result = good(rule(output="'a %container.info b'"))
    assert warnings(result) == ["LOAD_DEPRECATED_ITEM"]
    assert result.describe("r")["rules"][0]["details"]["output_compiled"] == "a  b"


def test_field_fixes_change_the_plan() -> None:
    text = rule(condition="ka.sourceips intersects (10.0.0.1)")
    plain, fixed = good(text).plan, good(text, field_fixes=frozenset({"all"})).plan
    assert plain is not None
    assert fixed is not None
    assert plain.predicate_digest() != fixed.predicate_digest()
    with pytest.raises(ValueError, match="nonsense"):
        load(text, field_fixes=frozenset({"nonsense"}))


def test_an_unsafe_comparison_is_warned_of_once_for_a_rule() -> None:
    result = good(rule(condition="ka.verb = <NA> or ka.uri = <NA>"))
    assert warnings(result) == ["LOAD_UNSAFE_NA_CHECK"]


@pytest.mark.parametrize("source", ["k8s_audit", "syscall"])
def test_an_unsafe_comparison_is_warned_of_also_where_the_condition_fails(source: str) -> None:
    text = rule(condition="ka.verb = <NA> and ka.nope = x", source=source, output="o")
    failed = load(text)
    assert not failed.successful
    assert warnings(failed) == ["LOAD_UNSAFE_NA_CHECK"]
    skipped = good(text + "  skip-if-unknown-filter: true\n")
    assert warnings(skipped) == ["LOAD_UNSAFE_NA_CHECK", "LOAD_UNKNOWN_FILTER"]


def test_what_is_warned_of_before_a_condition_fails_is_shown_where_it_is() -> None:
    macro = "- macro: m\n  condition: ka.verb = <NA> or evt.dir = x or evt.dir = y\n"
    result = load(macro + rule(condition="ka.nope = x and m and ka.uri = <NA>"))
    unsafe, deprecated = result.reports[0].warnings
    assert (unsafe.code, deprecated.code) == ("LOAD_UNSAFE_NA_CHECK", "LOAD_DEPRECATED_ITEM")
    assert deprecated.deprecated_field == "evt.dir"
    assert unsafe.span is not None
    assert unsafe.span.source.text[unsafe.span.start : unsafe.span.end] == "<NA>"
    kinds = [location.kind for location in unsafe.context.locations[1:]]
    assert kinds == ["rule", "rule condition", "condition expression"]
    assert deprecated.span is not None
    assert deprecated.span.source.text[deprecated.span.start : deprecated.span.end] == "evt.dir"


def test_a_constant_that_is_a_field_is_warned_of_also_inside_a_macro() -> None:
    result = good("- macro: m\n  condition: ka.verb = ka.uri\n" + rule(condition="m"))
    (warning,) = result.reports[0].warnings
    assert warning.code == "LOAD_COMPILE_CONDITION"
    assert warning.span is not None
    assert warning.span.source.text[warning.span.start : warning.span.end] == "ka.uri"


def test_everything_is_the_same_whether_files_are_one_or_many() -> None:
    parts = [
        "- list: l\n  items: [a, b]\n",
        "- macro: m\n  condition: ka.verb in (l)\n",
        rule("a", "m"),
        rule("b", "m or ka.uri exists"),
    ]
    one, many = good("".join(parts)), good(*parts)
    assert one.plan is not None
    assert one.plan == many.plan


def test_nothing_at_all() -> None:
    assert load_rules([], LoadSettings()).counts == (0, 0, 0)
    assert good("").order == []


@needs_conformance
def test_the_community_rules_load_without_a_word() -> None:
    path = CONFORMANCE / "k8s_audit_rules.yaml"
    result = load_rules([RuleFile("k8s_audit_rules.yaml", path.read_bytes())])
    assert result.reports[0].text() == "k8s_audit_rules.yaml: Ok"
    assert result.counts == (48, 45, 18)
    assert result.reports[0].schema_text == "ok"


FRAGMENTS = st.sampled_from(
    [
        rule(),
        rule("s", "m and ka.uri exists"),
        "- macro: m\n  condition: ka.verb in (l)\n",
        "- list: l\n  items: [l, k, x]\n",
        "- list: k\n  items: [l, y z]\n",
        "- rule: r\n  append: true\n  condition: or m\n",
        "- rule: r\n  enabled: false\n",
        "- macro: m\n  condition: or m\n  append: true\n",
        "- rule: r\n  exceptions: [{name: e, fields: [ka.uri], comps: [in], values: [[l], [(k)]]}]\n  append: true\n",
        "- required_engine_version: 15\n",
        "- rule: r\n  desc: x\n  override: {desc: append, tags: replace}\n  tags: [l]\n",
        "---\n",
        "- unknown: {a: [1, 2]}\n",
        "- list: l\n  items: ['(', 'm', '\"']\n  override: {items: append}\n",
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(FRAGMENTS, max_size=6).map("".join), max_size=3))
def test_any_files_give_a_result(texts: list[str]) -> None:
    result = load(*texts)
    assert result.successful == (result.plan is not None)
    for report in result.reports:
        assert report.text().startswith(report.summary())
        assert report.human().endswith("\n")
        assert report.json()["successful"] is report.successful
    if result.plan is not None:
        assert [planned.name.decode() for planned in result.plan.rules] == result.order
        assert len(result.describe()["rules"]) == len(result.collector.rules)
