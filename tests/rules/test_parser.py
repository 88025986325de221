"""What parses, into what, and what does not, with the place of the error. Most rows are from the specification."""

from __future__ import annotations

import pytest

from falcoeks_fast.rules.language import ast
from falcoeks_fast.rules.language.errors import ConditionError, LanguageWarning
from falcoeks_fast.rules.language.parser import parse_condition


def parse(text: str | bytes) -> ast.Expr:
    return parse_condition(text.encode() if isinstance(text, str) else text)


def check(text: str | bytes) -> ast.Check:
    expr = parse(text)
    assert isinstance(expr, ast.Check)
    return expr


def shape(expr: ast.Expr) -> str:
    """The tree in a few letters: checks and macros by their first word."""
    if isinstance(expr, ast.Check):
        assert isinstance(expr.left, ast.FieldRef)
        return expr.left.name.split(".")[0]
    if isinstance(expr, ast.MacroRef):
        return expr.name
    if isinstance(expr, ast.Not):
        return f"!{shape(expr.child)}"
    return "(" + ("&" if isinstance(expr, ast.And) else "|").join(map(shape, expr.children)) + ")"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a", "a"),
        ("a or b and c", "(a|(b&c))"),
        ("(a or b) and c", "((a|b)&c)"),
        ("a and b and c or d or e", "((a&b&c)|d|e)"),
        ("not a and b", "(!a&b)"),
        ("not not a", "a"),
        ("not not not a", "!a"),
        ("not(a or b)", "!(a|b)"),
        ("not not(a)", "a"),
        ("not (a)", "!a"),
        ("((((a))))", "a"),
        ("a and(b)or(c)", "((a&b)|c)"),
        ("a or(b) or c", "(a|b|c)"),
        ("a or(b) and c", "(a|(b&c))"),
        ("not", "not"),
        ("a and or_x", "(a&or_x)"),
        ("and_x or not_a", "(and_x|not_a)"),
        ("exists", "exists"),
        ("val", "val"),
        ("\b\t\r\n a \b", "a"),
        ("x.y existsand z.y exists", "(x&z)"),
        ('x.y="x"and z.y="y"', "(x&z)"),
        ("not\v\fa", "!a"),
        ("or.x = 1 or not.y = 2", "(or|not)"),
    ],
)
def test_structure(text: str, wanted: str) -> None:
    assert shape(parse(text)) == wanted


@pytest.mark.parametrize(
    ("text", "op", "modifier", "constants"),
    [
        ("a.b exists", "exists", None, []),
        ("a.b = x", "=", None, ["x"]),
        ("a.b==x", "=", None, ["x"]),
        ("a.b != 'x y'", "!=", None, ["x y"]),
        ("a.b = a/b:c*[d]", "=", None, ["a/b:c*[d]"]),
        ("a.b = #x", "=", None, ["#x"]),
        ("a.b = é", "=", None, ["é"]),
        (r"a.b glob a\*", "glob", None, [r"a\*"]),
        ("a.b = ka.user.name", "=", None, ["ka.user.name"]),
        ("a.b <= 5", "<=", None, ["5"]),
        ("a.b<-1.5e+3", "<", None, ["-1.5e+3"]),
        ("a.b > 0xfF", ">", None, ["0xfF"]),
        ("a.b in(x,y)", "in", None, ["x", "y"]),
        ("a.b in ( x , 'y z' )", "in", None, ["x", "y z"]),
        ("a.b in ()", "in", None, []),
        ("a.b inAlice", "in", None, ["Alice"]),
        ("a.b intersects x", "intersects", None, ["x"]),
        ("a.b pmatch usr", "pmatch", None, ["usr"]),
        ("a.b icontains\bx", "icontains", None, ["x"]),
        ("a.b = anyof", "=", None, ["anyof"]),
        ("a.b = anyof anyof", "=", "anyof", ["anyof"]),
        ("a.b = oneof (x, x)", "=", "oneof", ["x", "x"]),
        ("a.b = oneof\t()", "=", "oneof", []),
        ("a.b = allof order", "=", "allof", ["order"]),
        ("a.b = allof nothing", "=", "allof", ["nothing"]),
        ("a.b contains allof (x)", "contains", "allof", ["x"]),
        ("a.b bstartswith x", "bstartswith", None, ["x"]),
    ],
)
def test_checks(text: str, op: str, modifier: str | None, constants: list[str]) -> None:
    it = check(text)
    assert (it.op, it.modifier, [c.value.decode() for c in it.constants]) == (op, modifier, constants)
    assert it.right is None


def test_a_modifier_before_and_is_a_constant() -> None:
    expr = parse("a.b = anyof and x")
    assert shape(expr) == "(a&x)"


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (r'"a\\b\/c\"d"', 'a\\b/c"d'),
        (r"'it\'s'", "it's"),
        (r'"\b\f\n\r\t"', "\b\f\n\r\t"),
        (r'"a\ b"', "a\\b"),
        ('"a\nb"', "a\nb"),
        ('"it\'s"', "it's"),
        (r'"a\\"', "a\\"),
        ('""', ""),
    ],
)
def test_quoted_strings(written: str, value: str) -> None:
    assert check(f"a.b = {written}").constants[0].value.decode() == value


def test_a_quoted_string_takes_any_byte() -> None:
    assert check(b'a.b = "\xff\x80"').constants[0].value == b"\xff\x80"


def test_backslashes_pair_up_when_the_end_is_looked_for() -> None:
    assert shape(parse(r'a.b = "x\\" or c.d = "y"')) == "(a|c)"


@pytest.mark.parametrize(
    ("text", "argument"),
    [("a.b[x]", b"x"), ("a.b['x y]']", b"x y]"), ('a.b[""]', b""), ("a.b[/x/~1]", b"/x/~1"), ("a.b[3]", b"3")],
)
def test_arguments(text: str, argument: bytes) -> None:
    left = check(f"{text} exists").left
    assert isinstance(left, ast.FieldRef)
    assert left.argument == argument


def test_operands() -> None:
    left = check("join(\",\" , (a.b, 'x', 5, tolower( c.d[1] ))) = x").left
    assert isinstance(left, ast.Call)
    assert left.name == "join"
    separator, items = left.args
    assert isinstance(separator, ast.Text)
    assert isinstance(items, ast.TextList)
    assert [type(item).__name__ for item in items.items] == ["FieldRef", "Text", "Text", "Call"]
    call = check("getopt((), 'a:')[a] exists").left
    assert isinstance(call, ast.Call)
    assert call.selector == b"a"
    assert [f.name for f in ast.field_refs(parse("concat(a.b, tolower(c.d)) = val(e.f) or g.h exists"))] == [
        "a.b",
        "c.d",
        "e.f",
        "g.h",
    ]


def test_a_field_on_the_right() -> None:
    right = check("a.b = val( c.d[x] )").right
    assert isinstance(right, ast.FieldRef)
    assert (right.name, right.argument) == ("c.d", b"x")
    assert isinstance(check("a.b > len(c.d)").right, ast.Call)
    assert isinstance(check("a.b in tolower(c.d)").right, ast.Call)


def test_spans_are_byte_offsets() -> None:
    text = "é.b".encode()
    assert text
    source = 'x.y = "é" and tolower(a.b) != c'
    expr = parse(source)
    assert isinstance(expr, ast.And)
    first, second = expr.children
    raw = source.encode()
    assert isinstance(first, ast.Check)
    assert isinstance(second, ast.Check)
    assert raw[first.start : first.end] == 'x.y = "é"'.encode()
    assert raw[first.constants[0].start : first.constants[0].end] == '"é"'.encode()
    assert raw[second.left.start : second.left.end] == b"tolower(a.b)"
    assert raw[second.op_start : second.end] == b"!= c"


@pytest.mark.parametrize(
    ("text", "message", "offset"),
    [
        ("", "filter input string is empty", 0),
        (" \t\n", "filter input string is empty", 0),
        ("a orange", "expected blank or '(' after 'or'", 4),
        ("a or\vb", "expected blank or '(' after 'or'", 4),
        ("a and", "expected blank or '(' after 'and'", 5),
        ("a and ", "expected a '(' token, a field check, or an identifier", 6),
        ("a b", "unexpected token after 'a', expecting 'or', 'and'", 2),
        ("a)", "unexpected token after 'a', expecting 'or', 'and'", 1),
        ("(a", "expected a ')' token", 2),
        ("()", "expected a '(' token, a field check", 1),
        ("not ", "expected a '(' token, a field check", 4),
        ("a.b", "expected a valid check operator", 3),
        ('a.b contains"x"', "expected a valid check operator", 4),
        ("a.b AND c", "expected a valid check operator", 4),
        ('a.b > "5"', "expected a number value", 6),
        ("a.b > abc", "expected a number value", 6),
        ("a.b = (x)", "expected a string value", 6),
        ("a.b === x", "expected a string value", 6),
        ("a.b = a=b", "unexpected token after 'a'", 7),
        ("a.b ==oneof (a)", "unexpected token after 'oneof'", 12),
        ("a.b > 1e5", "unexpected token after '1'", 7),
        ("a.b > 0x10 and", "expected blank", 14),
        ("a.b in (a,)", "expected a value of the list", 10),
        ("a.b in (,a)", "expected a value of the list", 8),
        ("a.b in (a,,b)", "expected a value of the list", 10),
        ("a.b in (a b)", "expected a ')' token", 10),
        ("a.b in 'x'", "expected a list, an identifier", 7),
        ("a.b in system:x", "unexpected token after 'system'", 13),
        (r'a.b in ("\q")', r"unsupported string escape sequence: \q", 9),
        (r'a.b in ("\q", a)', r"unsupported string escape sequence: \q", 9),
        (r'a.b regex "\d+"', r"unsupported string escape sequence: \d", 11),
        (r"""a.b = "x\'" """, "invalid \\' escape in \"-quoted string", 8),
        ('a.b = "x', "never closed", 6),
        ("a.b[] exists", "expected a valid field argument", 4),
        ("a.b[x exists", "expected a ']' token", 5),
        ("a.b[x]] exists", "expected a valid check operator", 6),
        ("a.b [x] exists", "expected a valid check operator", 4),
        ("tolower (a.b) = x", "unexpected token after 'tolower'", 8),
        ("tolower(x) = x", "expected an argument of the transformer", 8),
        ("tolower(a.b = x", "expected a ')' token closing the transformer", 12),
        ("join(',', (a.b,)) = x", "expected an item of the list", 15),
        ("a.b = val(x)", "expected a field within 'val()'", 10),
        ("a.b = val(tolower(c.d))", "expected a field within 'val()'", 10),
        ("a.b = val(c.d)[1]", "'val()' takes no argument", 14),
        ("a.b = x\0", "NUL", 7),
    ],
)
def test_syntax_errors(text: str, message: str, offset: int) -> None:
    with pytest.raises(ConditionError) as caught:
        parse(text)
    assert message in caught.value.message
    assert caught.value.offset == offset


def test_an_and_behind_a_tight_or_group_is_warned_of() -> None:
    for text, count in (("a or(b) and c", 1), ("a or (b) and c", 0), ("a or(b) or c", 0), ("(a or(b)) and c", 0)):
        warnings: list[LanguageWarning] = []
        parse_condition(text.encode(), warnings)
        assert len(warnings) == count, text


def test_a_backslash_at_the_end_of_a_string_is_warned_of() -> None:
    warnings: list[LanguageWarning] = []
    parse_condition(rb'a.b = "x\\" or a.b = "x\\y\""', warnings)
    assert [(w.start, w.end) for w in warnings] == [(6, 11)]


@pytest.mark.parametrize(
    "text",
    [
        b"(" * 300_000,
        b"(" * 300_000 + b"a" + b")" * 300_000,
        b"not(" * 300_000,
        b"a and (" * 100_000,
        b"tolower(" * 300_000,
        b"a.b in (" + b"x," * 300_000,
        b'"' * 300_001,
        b"a.b = '" + b"\\" * 300_001,
    ],
)
def test_hostile_texts_end_in_an_error(text: bytes) -> None:
    with pytest.raises(ConditionError):
        parse(text)


def test_length_is_no_depth() -> None:
    assert shape(parse("not " * 100_001 + "a")) == "!a"
    wide = parse("a and " * 50_000 + "a")
    assert isinstance(wide, ast.And)
    assert len(wide.children) == 50_001
    assert len(check("a.b in (" + ", ".join(["x"] * 30_000) + ")").constants) == 30_000
    deep = parse("(" * 1000 + "a" + ")" * 1000)
    assert shape(deep) == "a"


def test_depth_beyond_the_limit_is_said() -> None:
    with pytest.raises(ConditionError, match="max depth limit of 1000"):
        parse("(" * 1001 + "a" + ")" * 1001)
