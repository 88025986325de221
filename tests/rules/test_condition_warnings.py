"""What is warned of in conditions that load: constants that look like a mistake, and what Falco reads differently."""

from __future__ import annotations

import pytest

from falcoeks_fast.rules.fields.lookup import Fields
from falcoeks_fast.rules.language.errors import LanguageWarning, WarningKind
from falcoeks_fast.rules.language.expand import resolve_macros
from falcoeks_fast.rules.language.parser import parse_condition
from falcoeks_fast.rules.lowering.lower import Lowering


def warnings_of(lowering: Lowering, condition: str, **macros: str) -> tuple[LanguageWarning, ...]:
    trees = {name: parse_condition(text.encode()) for name, text in macros.items()}
    expr = resolve_macros(parse_condition(condition.encode()), lambda name, inside: trees.get(name))
    return lowering.add_rule("r", 4, "k8s_audit", (), expr, b"%ka.verb").condition_warnings


@pytest.mark.parametrize(
    ("condition", "warned"),
    [
        ("ka.verb = <NA>", [(WarningKind.UNSAFE_NA, "")]),
        ("ka.verb in (a, '<NA>') or ka.uri != <NA>", [(WarningKind.UNSAFE_NA, "")]),
        ("tolower(jevt.value[/a]) = <NA>", [(WarningKind.UNSAFE_NA, "")]),
        ("json.value[/a] = <NA> or evt.source = <NA> or ka.verb contains <NA>", []),
        ("ka.verb = anyof ('<NA>') or ka.verb != allof (<NA>, x)", []),
        ("ka.verb = concat(ka.uri, '<NA>')", [(WarningKind.UNSAFE_NA, "")]),
        ("concat(ka.verb, evt.source) = <NA>", []),
        ("ka.verb = ka.user.name", [(WarningKind.CONDITION, "'ka.user.name' may be a valid field")]),
        ("ka.verb in (ka.uri.param[x], ka.uri.param)", [(WarningKind.CONDITION, "'ka.uri.param[x]' may be")]),
        ("ka.verb = ka.user.nam", []),
        ("ka.verb = 'tolower(ka.verb)'", [(WarningKind.CONDITION, "'tolower(ka.verb)' may be a valid field transf")]),
        ("ka.verb = 'tolower(ka.verb'", []),
        ("ka.verb = 'val( ka.uri )'", [(WarningKind.CONDITION, "'val( ka.uri )' may be a valid field transf")]),
        ("ka.verb regex get", [(WarningKind.CONDITION, "'get' is a regex that the simpler operator '='")]),
        ("ka.verb regex '.*get.*'", [(WarningKind.CONDITION, "simpler operator 'contains'")]),
        ("ka.verb regex 'get.*'", [(WarningKind.CONDITION, "simpler operator 'startswith'")]),
        ("ka.verb regex '.*get'", [(WarningKind.CONDITION, "simpler operator 'endswith'")]),
        ("ka.verb regex 'g.t'", []),
        ("ka.uri.param['a b'] = x", [(WarningKind.DIFFERS, "a blank or a ']'")]),
        ("ka.verb = tolower(ka.uri.param['a]'])", [(WarningKind.DIFFERS, "a blank or a ']'")]),
        ("tolower(ka.user.groups) in (dev)", [(WarningKind.DIFFERS, "'tolower' equal here")]),
        ("tolower(ka.user.groups) in tolower(ka.user.groups)", []),
        ("ka.user.name in basename(ka.uri)", [(WarningKind.DIFFERS, "'basename' equal here")]),
        ("tolower(ka.user.name) in (dev)", []),
    ],
)
def test_warnings(condition: str, warned: list[tuple[WarningKind, str]]) -> None:
    found = warnings_of(Lowering(Fields()), condition)
    assert [w.kind for w in found] == [kind for kind, _ in warned]
    assert all(part in w.message for w, (_, part) in zip(found, warned, strict=True))


@pytest.mark.parametrize(
    ("pattern", "better"),
    [
        ("^get$", "="),
        ("^ge", "="),
        ("get$", "="),
        ("^", "="),
        ("", "="),
        (".+et", "endswith"),
        (".?", "endswith"),
        (".*et$", "endswith"),
        ("ge.?", "startswith"),
        ("g.+", "startswith"),
        ("^ge.*", "startswith"),
        (".+e.*", "contains"),
        *((pattern, None) for pattern in ("^.*et.?$", ".", "ge.", "..*", "ge|", ".*.*.*", "ge.{2}", "\\\\.")),
    ],
)
def test_patterns_that_a_simpler_operator_may_replace(pattern: str, better: str | None) -> None:
    found = warnings_of(Lowering(Fields()), f'ka.verb regex "{pattern}"')
    assert [w.message.rpartition(" regex ")[2] for w in found] == (
        [f"that the simpler operator '{better}' may replace"] if better else []
    )


def test_warnings_of_macros_come_with_each_rule_that_uses_them() -> None:
    lowering = Lowering(Fields())
    macro = {"m": "ka.uri = x and ka.verb = ka.user.name"}
    for _ in range(2):
        (warning,) = warnings_of(lowering, "m or not m", **macro)
        assert (warning.macro, warning.start, warning.end) == ("m", 25, 37)


def test_warnings_of_macros_that_double_stay_few() -> None:
    macros = {f"m{i}": f"m{i + 1} or m{i + 1} or ka.uri = {i}" for i in range(200)} | {"m200": "ka.verb = ka.verb"}
    assert len(warnings_of(Lowering(Fields()), "m0", **macros)) == 1


def test_long_constants_can_be_let_through() -> None:
    lowering = Lowering(Fields(), reject_long_constants=False)
    expr = parse_condition(b"ka.verb = " + b"x" * 256)
    (warning,) = lowering.check_condition(expr)
    assert warning.kind is WarningKind.DIFFERS
    assert Lowering(Fields()).check_condition(parse_condition(b"ka.verb = " + b"x" * 255)) == ()
