"""Rule files made to keep the loader busy: each ends in a plan or in one clear error, soon."""

from __future__ import annotations

import pytest

from falcoeks_fast.rules.advice.explain import explain
from falcoeks_fast.rules.advice.validate import add_advice

from .files import load, rule

pytestmark = pytest.mark.timeout(60)


def macros(count: int, body: str) -> str:
    first = "- macro: m0\n  condition: ka.verb = get\n"
    rest = "".join(f"- macro: m{n}\n  condition: {body.format(before=f'm{n - 1}')}\n" for n in range(1, count))
    return first + rest + rule(condition=f"m{count - 1}")


def lists(count: int) -> str:
    return "".join(f"- list: l_{n}\n  items: [a{n}]\n" for n in range(count))


GOOD = {
    "many nots": rule(condition="not " * 20_000 + "ka.verb = get"),
    "many members": rule(condition="ka.verb in (" + ", ".join(f"v{n}" for n in range(10_000)) + ")"),
    "macros used twice each": macros(60, "{before} or not {before}"),
    "a chain of macros": macros(800, "{before} or ka.uri = x"),
    "many lists in one condition": lists(3000)
    + rule(condition=f"ka.verb in ({', '.join(f'l_{n}' for n in range(3000))})"),
    "many words like lists": lists(1500) + rule(condition=f"ka.verb in ({', '.join(f'l_x{n}' for n in range(1500))})"),
    "many halves of references": rule(output='"' + "%ka.verb[" * 5000 + '"'),
    "many appends": rule() + "- rule: r\n  condition: or ka.uri = x\n  append: true\n" * 800,
    "one list many times": "- list: a\n  items: [b c]\n"
    + rule(condition="ka.verb in (" + ", ".join(["a"] * 20_000) + ")"),
}

BAD = {
    "many parentheses": rule(condition="(" * 100_000 + "ka.verb = get" + ")" * 100_000),
    "lists that double": "- list: l0\n  items: [x, y]\n"
    + "".join(f"- list: l{n}\n  items: [l{n - 1}, l{n - 1}]\n" for n in range(1, 60)),
    "many keys": "- rule: r\n" + "".join(f"  k{n}: v\n" for n in range(3000)),
    "nested transformers": rule(condition="tolower(" * 5000 + "ka.verb" + ")" * 5000 + " = x"),
    "a long unknown name": rule(condition="ka." + "x" * 200_000 + " = x"),
    "a long undefined macro": "- macro: m\n  condition: ka.verb = get\n" + rule(condition="m" * 200_000),
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD.keys())
def test_large_but_right(text: str) -> None:
    result = load(text)
    assert result.successful, result.error_text[:1000]
    add_advice(result)
    assert result.reports[0].human()
    assert explain(result, "r")
    assert result.describe("r")


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_large_and_wrong(text: str) -> None:
    (report,) = load(text).reports
    (error,) = report.errors
    assert error.message
    assert len(report.text()) < 5_000_000
