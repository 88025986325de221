"""No text makes the language raise anything but its own errors, nor take long."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from falcoeks_fast.rules.fields.lookup import Fields
from falcoeks_fast.rules.language.errors import (
    ConditionError,
    LanguageError,
    LanguageWarning,
    MacroError,
    TemplateError,
)
from falcoeks_fast.rules.language.expand import resolve_macros
from falcoeks_fast.rules.language.parser import parse_condition
from falcoeks_fast.rules.lowering.lower import Lowering
from falcoeks_fast.rules.lowering.template import parse_template
from falcoeks_fast.rules.optimiser.optimise import optimise
from falcoeks_fast.rules.plan import Plan

from . import strategies

FIELDS = Fields(("all",), {"env": "prod"})
TOKENS = st.sampled_from(
    (
        "(", ")", "[", "]", ",", "=", "==", "!=", "<", ">=", "and", "or", "not", "in", "intersects", "pmatch", "exists",
        "contains", "glob", "regex", "oneof", "anyof", "allof", "val(", "tolower(", "len(", "join(", "concat(", "b64(",
        "getopt(", "basename(", "ka.verb", "ka.user.groups", "evt.num", "evt.is_async", "ka.uri.param[x]", "json.value",
        "[/a]", "static.env", "ka.nope", "macro", "x", "5", "0x1f", "-1.5e+3", '"', "'", '"a b"', "'c'", "\\", "\\n",
        '"\\q"', " ", " ", " ", "\t", "\n", "\b", "\v", "é", "\0", "*", "%", ".", "<NA>", "true",
    )
)  # fmt: skip


def use(text: bytes) -> Plan | None:
    """Everything that happens to a condition; None where it is refused."""
    warnings: list[LanguageWarning] = []
    plan: Plan | None = None
    refusal: ConditionError | MacroError | None = None
    try:
        expr = resolve_macros(parse_condition(text, warnings), lambda name, inside: None)
        lowering = Lowering(FIELDS)
        lowered = lowering.add_rule("r", 4, "k8s_audit", (), expr, b"%ka.verb")
        warnings.extend(lowered.condition_warnings)
        plan = optimise(lowering.plan())
    except (ConditionError, MacroError) as error:
        refusal = error
    check_refusal(refusal, text)
    for warning in warnings:
        assert 0 <= warning.start <= warning.end <= len(text)
    return plan


def check_refusal(refusal: LanguageError | None, text: bytes) -> None:
    """A message that can be printed, and a place in the text."""
    if refusal is not None:
        assert refusal.message.isprintable()
        assert 0 <= refusal.offset <= refusal.end <= len(text)


@settings(deadline=None, max_examples=300)
@given(st.lists(TOKENS, max_size=25).map("".join))
def test_any_tokens(text: str) -> None:
    use(text.encode())


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes(text: bytes) -> None:
    use(text)


@settings(deadline=None, max_examples=200)
@given(strategies.conditions(), st.data())
def test_conditions_with_a_change(text: str, data: st.DataObject) -> None:
    raw = text.encode()
    assert use(raw) is not None
    at = data.draw(st.integers(0, len(raw)))
    cut = data.draw(st.integers(0, 3))
    use(raw[:at] + data.draw(TOKENS).encode() + raw[at + cut :])


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=60), st.lists(TOKENS, max_size=20).map(lambda parts: "%".join(parts).encode())))
def test_any_template(text: bytes) -> None:
    try:
        template = parse_template(text, FIELDS)
    except TemplateError as error:
        check_refusal(error, text)
        return
    at = 1 if text.startswith(b"*") else 0
    for part in template.parts:
        if isinstance(part, bytes):
            assert text[at : at + len(part)] == part
            at += len(part)
        else:
            assert (part.start, text[at : at + 1]) == (at, b"%")
            at = part.end
    assert at == len(text)


@settings(deadline=None)
@given(st.text(max_size=30))
def test_any_field(text: str) -> None:
    try:
        assert FIELDS.lookup(text).name
    except LanguageError as error:
        check_refusal(error, text.encode())
