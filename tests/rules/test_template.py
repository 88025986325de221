"""Output templates: what is a reference, what is literal, and what does not load."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falcoeks_fast.rules.fields.lookup import Fields
from falcoeks_fast.rules.language.errors import ConditionError, TemplateError, WarningKind
from falcoeks_fast.rules.language.lexer import Cursor
from falcoeks_fast.rules.language.parser import Operands, parse_condition
from falcoeks_fast.rules.lowering.lower import Lowering
from falcoeks_fast.rules.lowering.operands import OperandTable
from falcoeks_fast.rules.lowering.template import Template, parse_template

from .reference import Reference

FIELDS = Fields()
EVENT = (
    b'{"kind":"Event","auditID":"x","stageTimestamp":"2026-01-02T03:04:01.123456Z","verb":"get",'
    b'"requestURI":"/a?x=1","user":{"username":"Alice","groups":["","a","","b"]}}'
)


def render(text: str) -> str:
    return Reference(FIELDS).render(parse_template(text.encode(), FIELDS), EVENT).decode()


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("no field", "no field"),
        ("", ""),
        ("*", ""),
        ("*x", "x"),
        ("**x", "*x"),
        ("a * b\n\tc", "a * b\n\tc"),
        ("%ka.verb.", "get."),
        ("(%ka.verb)", "(get)"),
        ("%ka.verb%ka.uri", "get/a?x=1"),
        ("%ka.verbx", "getx"),
        ("%ka.verb[1]", "get[1]"),
        ("%ka.verb[", "get["),
        ("%ka.uri.param", "/a?x=1.param"),
        ("%ka.uri.param[a b]", "/a?x=1.param[a b]"),
        ("%ka.uri.param[x]", "1"),
        ("%ka.uri.param['x']]", "1]"),
        ("%ka.user.name.first", "Alice.first"),
        ("%ka.user.groups[0]", "(a,,b)[0]"),
        ("%evt.time.iso", "03:04:01.123456000.iso"),
        ("%evt.time.iso8601", "2026-01-02T03:04:01.123456000+0000"),
        ("%10ka.verb|", "get       |"),
        ("%3ka.user.name|", "Ali|"),
        ("%0ka.verb|", "get|"),
        ("%007ka.verb|", "get    |"),
        ("%2ka.target.name|%6ka.target.name|", "<N|<NA>  |"),
        ("%tolower(ka.user.name)", "alice"),
        ("%5tolower( ka.user.name )|", "alice|"),
        ("%toupper(ka.verb)[x]", "GET[x]"),
        ("%getopt(('-tv'),'t:')[t]", "v"),
        ("%getopt(('-tv'),'t:')[tt]", "(t,v)[tt]"),
        ("%getopt(('-tv'),'t:')", "(t,v)"),
        ('%concat(ka.verb, "-", ka.user.name)%ka.verb', "get-Aliceget"),
        ('%join(",", (ka.verb, "%ka.verb"))', "get,%ka.verb"),
        ("%len(ka.user.groups) %len(evt.source)", "4 9"),
        ("%evt.rawtime.ns %evt.rawtime.s %evt.num", "123456000 1767323041 1"),
    ],
)
def test_templates(template: str, shown: str) -> None:
    assert render(template) == shown


@pytest.mark.parametrize(
    ("template", "skippable"),
    [
        ("%", False),
        ("a %", False),
        ("%5", False),
        ("%%", True),
        ("100% sure", True),
        ("% x", True),
        ("%ka", True),
        ("%ka.nope", True),
        ("%uri", True),
        ("%val(ka.verb)", True),
        ("%-10ka.verb", True),
        ("%tolower(ka.verb, ka.uri)", True),
        ("%tolower (ka.verb)", True),
        ("%concat(ka.verb)", True),
        ("%proc.name", True),
        ("%ka.req.binding.subject.has_name", True),
    ],
)
def test_what_does_not_load(template: str, skippable: bool) -> None:
    with pytest.raises(TemplateError) as caught:
        parse_template(template.encode(), FIELDS)
    assert caught.value.unknown_field is skippable


@pytest.mark.parametrize(
    ("template", "part"),
    [
        ("%ka.verbx", "prints ka.verb and then literal text: nonexistent field ka.verbx; did you mean ka.verb?"),
        ("%ka.uri.param", "prints ka.uri and then literal text: field 'ka.uri.param' requires an argument"),
        ("%ka.verb[1]", "prints ka.verb and then literal text"),
        ("%toupper(ka.verb)[x]", "literal"),
    ],
)
def test_a_reading_in_part_is_warned_of(template: str, part: str) -> None:
    (warning,) = parse_template(template.encode(), FIELDS).warnings
    assert part in warning.message


@pytest.mark.parametrize("template", ['%ka.uri.param["a b"]', "%tolower(ka.uri.param['a]'])"])
def test_arguments_that_falco_does_not_take_get_a_warning(template: str) -> None:
    (warning,) = parse_template(template.encode(), FIELDS).warnings
    assert warning.kind is WarningKind.DIFFERS
    assert "a blank or a ']'" in warning.message


def test_plain_templates_have_no_warnings() -> None:
    assert parse_template(b"%ka.verb. %ka.uri, %getopt(('a'),'b')[b] (%ka.user.name)", FIELDS).warnings == ()


def test_fields_are_those_inside_transformers_too() -> None:
    template = parse_template(b"%tolower(ka.user.name) %join('-', (ka.verb, 'x', ka.uri)) %ka.verb", FIELDS)
    assert [ref.name for ref in template.fields()] == ["ka.user.name", "ka.verb", "ka.uri", "ka.verb"]


def by_trying_every_length(text: bytes) -> list[bytes | tuple[int, int]] | None:
    """The specification's own description of the reading, tried out literally; None where the template is refused."""
    parts: list[bytes | tuple[int, int]] = []
    at = 1 if text.startswith(b"*") else 0
    while at < len(text):
        percent = text.find(b"%", at)
        if percent < 0:
            percent = len(text)
        if percent > at:
            parts.append(text[at:percent])
        if percent == len(text):
            break
        start = percent + 1
        while text[start : start + 1].isdigit():
            start += 1
        for size in range(len(text) - start, 0, -1):
            cursor = Cursor(text[start : start + size])
            reader = Operands(cursor)
            try:
                operand = reader.transform() or reader.field()
                if operand is not None:
                    OperandTable(FIELDS).add(operand)
                    break
            except ConditionError:
                continue
        else:
            return None
        at = start + cursor.at
        parts.append((percent, at))
    return parts


PIECES = st.sampled_from(
    (
        "%", "%", "%", "%ka.verb", "ka.uri", ".param", "[x]", "['x']", "[", "]", "(", ")", "tolower(", "getopt((),'a')",
        "[a]", "concat(ka.verb,", "'b'", '"', "x", ".", "12", " ", "*", "evt.time", ".iso8601", "ka.req.pod.containers",
        ".image", ".repository", "json.value", "[/a b]", "[/a]", "é", "\n", "join(',',", "ka.user.groups", "len(", ",",
    )
)  # fmt: skip


@settings(deadline=None, max_examples=400)
@given(st.lists(PIECES, max_size=9).map("".join))
def test_reading_is_the_longest_prefix_that_compiles(text: str) -> None:
    raw = text.encode()
    wanted = by_trying_every_length(raw)
    try:
        template: Template | None = parse_template(raw, FIELDS)
    except TemplateError:
        template = None
    if template is None:
        assert wanted is None
    else:
        assert [p if isinstance(p, bytes) else (p.start, p.end) for p in template.parts] == wanted


@pytest.mark.parametrize(
    "text",
    [
        b"%ka.verb" * 50_000,
        b"%ka." + b"a." * 200_000 + b"b",
        b"%tolower(" * 100_000,
        b'%concat(ka.verb,"' + b"x" * 500_000,
        b"%ka.uri.param[" + b"x" * 500_000,
        b"%ka.verb[x" * 50_000,
        b"%ka.uri.param['" * 50_000,
        b"%getopt((),'a')[" * 20_000,
        b"%" + b"9" * 500_000 + b"ka.verb",
    ],
)
def test_hostile_templates_end(text: bytes) -> None:
    with contextlib.suppress(TemplateError):
        template = parse_template(text, FIELDS)
        assert all(part for part in template.parts)


def test_segments_of_the_plan() -> None:
    lowering = Lowering(FIELDS)
    expr = parse_condition(b"ka.verb exists")
    lowering.add_rule("r", 4, "k8s_audit", (), expr, b"*a %5ka.verb b%tolower(ka.verb)")
    plan = lowering.plan()
    first, second, third, fourth = plan.rules[0].output
    assert (first.text, third.text) == (b"a ", b" b")
    assert (second.width, fourth.width) == (5, 0)
    assert plan.operands[fourth.operand].args == (second.operand,)
