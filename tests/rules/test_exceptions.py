"""Exceptions: the condition they become, defaults, checks, appending and replacing."""

from __future__ import annotations

import pytest

from .files import condition, failure, good, rule, warnings


def with_exceptions(exceptions: str) -> str:
    return rule(more=f"exceptions: {exceptions}")


@pytest.mark.parametrize(
    ("exceptions", "expected"),
    [
        ("[]", "ka.verb = get"),
        ("[{name: e, fields: ka.user.name}]", "ka.verb = get"),
        ("[{name: e, fields: [ka.user.name], values: []}]", "ka.verb = get"),
        ("[{name: e, fields: ka.user.name, values: [a, b c]}]", '(ka.verb = get and not ka.user.name in (a, "b c"))'),
        (
            "[{name: e, fields: ka.user.name, comps: startswith anyof, values: [a]}]",
            "(ka.verb = get and not ka.user.name startswith anyof (a))",
        ),
        ("[{name: e, fields: [ka.user.name], values: [[a]]}]", "(ka.verb = get and not ka.user.name = a)"),
        (
            "[{name: e, fields: [ka.user.name, ka.target.name], comps: [startswith, in], "
            "values: [[a, [b, c d]], [e, f]]}]",
            '(ka.verb = get and not ((ka.user.name startswith a and ka.target.name in (b, "c d")) or '
            "(ka.user.name startswith e and ka.target.name in (f))))",
        ),
        (
            "[{name: e, fields: ['tolower(ka.user.name)'], comps: [' = '], values: [[a]]}]",
            "(ka.verb = get and not tolower(ka.user.name) = a)",
        ),
        (
            "[{name: e, fields: [ka.user.name, ka.uri], values: [[a, b]]}, {name: f, fields: ka.uri, values: [c]}]",
            "(ka.verb = get and not (ka.user.name = a and ka.uri = b) and not ka.uri in (c))",
        ),
        ("[{name: e, fields: ka.uri, comps: [], values: [a]}]", "(ka.verb = get and not ka.uri in (a))"),
        ("[{name: e, fields: [ka.uri], comps: [], values: [[a]]}]", "(ka.verb = get and not ka.uri = a)"),
        ("[{name: e, fields: [ka.uri], comps: {a: b}, values: [[a]]}]", "(ka.verb = get and not ka.uri = a)"),
        ("[{name: e, fields: ka.uri, values: [~]}]", "(ka.verb = get and not ka.uri in ())"),
        ("[{name: e, fields: ka.uri, values: [{a: b}]}]", "(ka.verb = get and not ka.uri in ())"),
        ("[{name: e, fields: [ka.uri], comps: [in], values: [[~]]}]", "(ka.verb = get and not ka.uri in ())"),
        ("[{name: e, fields: [ka.uri], comps: [in], values: [[[~, a]]]}]", "(ka.verb = get and not ka.uri in (a))"),
        ("[{name: e, fields: [ka.uri], comps: [in], values: [[[[b], a]]]}]", "(ka.verb = get and not ka.uri in (a))"),
    ],
)
def test_the_condition_they_become(exceptions: str, expected: str) -> None:
    assert condition(good(with_exceptions(exceptions))) == expected


@pytest.mark.parametrize(
    ("exceptions", "code", "message"),
    [
        ("{name: e}", "LOAD_ERR_YAML_VALIDATE", "Rule exceptions must be a sequence"),
        ("[e]", "LOAD_ERR_YAML_VALIDATE", "Rule exception must be a mapping"),
        ("[{fields: ka.verb}]", "LOAD_ERR_YAML_VALIDATE", "Item has no mapping for key 'name'"),
        ("[{name: e}]", "LOAD_ERR_YAML_VALIDATE", "Item has no mapping for key 'fields'"),
        ("[{name: e, fields: }]", "LOAD_ERR_VALIDATE", "must have fields property with a list of fields"),
        ("[{name: e, fields: ka.verb, values: x}]", "LOAD_ERR_YAML_VALIDATE", "values must be a sequence"),
        ("[{name: e, fields: ka.verb, comps: '='}]", "LOAD_ERR_VALIDATE", "'=' is not a supported comparison operator"),
        ("[{name: e, fields: ka.verb, comps: [in]}]", "LOAD_ERR_VALIDATE", "Fields and comps must both be strings"),
        ("[{name: e, fields: [ka.verb], comps: in}]", "LOAD_ERR_VALIDATE", "lists must have equal length"),
        ("[{name: e, fields: [ka.verb], comps: [in, in]}]", "LOAD_ERR_VALIDATE", "lists must have equal length"),
        ("[{name: e, fields: [ka.verb], comps: [is]}]", "LOAD_ERR_VALIDATE", "'is' is not a supported comparison"),
        ("[{name: e, fields: ka.nope, values: [x]}]", "LOAD_ERR_VALIDATE", "'ka.nope' is not a supported filter field"),
        ("[{name: e, fields: ka.verb, values: [[x]]}]", "LOAD_ERR_VALIDATE", "to contain a list of strings"),
        ("[{name: e, fields: [ka.verb], values: [x]}]", "LOAD_ERR_VALIDATE", "values lists must have equal length"),
        (
            "[{name: e, fields: [ka.verb], values: [[x, y]]}]",
            "LOAD_ERR_VALIDATE",
            "values lists must have equal length",
        ),
        ("[{name: e, fields: [ka.verb], comps: [exists], values: [[x]]}]", "LOAD_ERR_COMPILE_CONDITION", ""),
        ("[{name: e, fields: [ka.verb], comps: [in], values: [[a b c]]}]", "LOAD_ERR_COMPILE_CONDITION", ""),
        ("[{name: e, fields: []}]", "LOAD_ERR_VALIDATE", "must have fields property with a list of fields"),
        ("[{name: e, fields: [~]}]", "LOAD_ERR_VALIDATE", "'' is not a supported filter field"),
        ("[{name: e, fields: ''}]", "LOAD_ERR_YAML_VALIDATE", "Value must be non-empty"),
        ("[{name: e, fields: [ka.verb], values: [['']]}]", "LOAD_ERR_YAML_VALIDATE", "Value must be non-empty"),
        ("[{name: e, fields: [ka.verb], values: [~]}]", "LOAD_ERR_VALIDATE", "values lists must have equal length"),
        (
            "[{name: e, fields: [ka.verb], values: [{a: b}]}]",
            "LOAD_ERR_VALIDATE",
            "values lists must have equal length",
        ),
        ("[{name: e, fields: [ka.verb], values: [[~]]}]", "LOAD_ERR_COMPILE_CONDITION", "expected a string value"),
        ("[{name: e, fields: ka.verb, values: [a, ~]}]", "LOAD_ERR_COMPILE_CONDITION", "expected a value of the list"),
        (
            "[{name: e, fields: [ka.verb], comps: [in], values: [[[a, [b]]]]}]",
            "LOAD_ERR_COMPILE_CONDITION",
            "expected a value of the list",
        ),
    ],
)
def test_refused(exceptions: str, code: str, message: str) -> None:
    error = failure(with_exceptions(exceptions))
    assert error.code == code
    assert message in error.message


def test_the_place_of_a_bad_value_is_that_of_the_value() -> None:
    error = failure(with_exceptions('[{name: e, fields: ka.user.name, values: [a=b, "c"]}]'))
    assert error.span is not None
    assert error.span.source.text[error.span.start :].startswith("=b")


def test_fields_are_not_checked_for_an_unknown_source_and_not_skipped() -> None:
    unknown = rule("r", more="exceptions: [{name: e, fields: proc.name, values: [x]}]", source="okta")
    assert warnings(good(unknown)) == ["LOAD_UNKNOWN_SOURCE"]
    error = failure(rule(more="skip-if-unknown-filter: true\nexceptions: [{name: e, fields: proc.name, values: [x]}]"))
    assert error.code == "LOAD_ERR_VALIDATE"


def test_a_name_given_twice_is_warned_of_and_both_are_used() -> None:
    result = good(with_exceptions("[{name: e, fields: ka.uri, values: [a]}, {name: e, fields: ka.verb, values: [b]}]"))
    assert warnings(result) == ["LOAD_EXCEPTION_NAME_NOT_UNIQUE"]
    assert condition(result) == "(ka.verb = get and not ka.uri in (a) and not ka.verb in (b))"


BASE = with_exceptions("[{name: e, fields: ka.uri, values: [a]}]")


def updated(exceptions: str, operation: str) -> str:
    return f"- rule: r\n  exceptions: {exceptions}\n  override: {{exceptions: {operation}}}\n"


def test_appending() -> None:
    result = good(BASE, updated("[{name: e, values: [b]}, {name: f, fields: ka.verb, values: [c]}]", "append"))
    assert condition(result) == "(ka.verb = get and not ka.uri in (a, b) and not ka.verb in (c))"
    assert warnings(result) == []
    result = good(BASE, "- rule: r\n  exceptions: [{name: e, values: [b]}]\n  append: true\n")
    assert condition(result) == "(ka.verb = get and not ka.uri in (a, b))"
    assert warnings(good(BASE, updated("[{name: e}]", "append"))) == ["LOAD_APPEND_NO_VALUES"]
    result = good(BASE, updated("[{name: e, fields: [], comps: [], values: [b]}]", "append"))
    assert condition(result) == "(ka.verb = get and not ka.uri in (a, b))"


@pytest.mark.parametrize(
    ("exceptions", "message"),
    [
        ("[{name: e, fields: ka.uri, values: [b]}]", "Can not append exception fields/comps"),
        ("[{name: e, comps: in, values: [b]}]", "Can not append exception fields/comps"),
        ("[{name: f, values: [b]}]", "Rule exception must have fields property"),
        ("[{name: f, fields: ka.uri}]", "Rule exception must have values property"),
        ("[{name: f, fields: ka.nope, values: [b]}]", "'ka.nope' is not a supported filter field"),
    ],
)
def test_appending_that_is_refused(exceptions: str, message: str) -> None:
    error = failure(BASE, updated(exceptions, "append"))
    assert error.code == "LOAD_ERR_VALIDATE"
    assert message in error.message


def test_replacing_fills_in_the_operators_that_falco_forgets() -> None:
    result = good(BASE, updated("[{name: f, fields: ka.verb, values: [b]}]", "replace"))
    assert condition(result) == "(ka.verb = get and not ka.verb in (b))"
    result = good(BASE, updated("[{name: f, fields: [ka.verb], values: [[b]]}]", "replace"))
    assert condition(result) == "(ka.verb = get and not ka.verb = b)"
    assert failure(BASE, updated("[{name: f, values: [b]}]", "replace")).code == "LOAD_ERR_YAML_VALIDATE"


def test_list_names_in_values() -> None:
    lists = "- list: l\n  items: [p, q r]\n"
    result = good(lists + with_exceptions("[{name: e, fields: ka.uri, values: [l]}]"))
    assert condition(result) == '(ka.verb = get and not ka.uri in (p, "q r"))'
    result = good(lists + with_exceptions('[{name: e, fields: [ka.uri], comps: [in], values: [["(l, z)"]]}]'))
    assert condition(result) == '(ka.verb = get and not ka.uri in (p, "q r", z))'


def test_a_condition_with_or_is_excepted_as_a_whole() -> None:
    result = good(rule("r", "ka.verb = get or ka.verb = list", "exceptions: [{name: e, fields: ka.uri, values: [a]}]"))
    assert condition(result) == "((ka.verb = get or ka.verb = list) and not ka.uri in (a))"


@pytest.mark.parametrize("fields", ['" ka.verb "', '"ka.verb "', '[" ka.verb"]', '"ka.verb\\n"'])
def test_blanks_around_a_field_make_it_another_field(fields: str) -> None:
    values = "[[pods]]" if fields.startswith("[") else "[pods]"
    error = failure(with_exceptions(f"[{{name: e, fields: {fields}, values: {values}}}]"))
    assert error.code == "LOAD_ERR_VALIDATE"
    assert error.message.endswith("is not a supported filter field")


def test_blanks_around_a_transformer_do_not_matter() -> None:
    good(with_exceptions('[{name: e, fields: " tolower( ka.verb ) ", values: [pods]}]'))


@pytest.mark.parametrize(
    ("exception", "kinds"),
    [
        ("values: ['']", ["exception", "exception values", "exception value", "value for"]),
        (
            "values: [['']]",
            ["exception", "exception values", "exception value", "value for", "exception", "value for"],
        ),
        ("comps: ''", ["exception", "value for"]),
        ("comps: [in, '']", ["exception", "value for", "exception", "value for"]),
    ],
)
def test_where_an_empty_text_is_reported(exception: str, kinds: list[str]) -> None:
    error = failure(with_exceptions(f"[{{name: e, fields: ka.verb, {exception}}}]"))
    assert error.message == "Value must be non-empty"
    assert [location.kind for location in error.context.locations[2:]] == kinds
