"""The tree of a condition, as written: nothing is looked up yet.

In: `parser` builds it, `expand` fills in macros. Out: `lower` turns it into the plan, rule files describe and explain
it. All values are frozen. Spans are byte offsets into the text that was parsed: of the rule, or of the macro.
Trees can be deep (1,000 levels): walk them with `walk`, never by recursion.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

TRANSFORMERS = ("tolower", "toupper", "b64", "basename", "len", "join", "concat", "getopt")
MODIFIERS = ("oneof", "anyof", "allof")
STRING_OPERATORS = (
    "icontains",
    "contains",
    "bcontains",
    "bstartswith",
    "startswith",
    "endswith",
    "iglob",
    "glob",
    "regex",
)
LIST_OPERATORS = ("intersects", "in", "pmatch")


@dataclass(frozen=True, slots=True, eq=False)
class FieldRef:
    """`name` or `name[argument]`, the argument decoded."""

    name: str
    argument: bytes | None
    start: int
    end: int

    @property
    def is_ours_alone(self) -> bool:
        """Whether the argument holds a blank or a bracket, which Falco takes in no field."""
        return self.argument is not None and (b" " in self.argument or b"]" in self.argument)


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """A literal argument of a transformer: a quoted text, or a number as it was written."""

    value: bytes
    start: int
    end: int
    quoted: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class TextList:
    """A literal list argument of a transformer."""

    items: tuple[Operand, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A transformer; `selector` is the option in brackets behind `getopt`."""

    name: str
    args: tuple[Operand, ...]
    selector: bytes | None
    start: int
    end: int


Operand = FieldRef | Text | TextList | Call


@dataclass(frozen=True, slots=True, eq=False)
class Const:
    """A constant on the right-hand side, decoded."""

    value: bytes
    quoted: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """`left op [modifier] constants`, `left op right`, or `left exists`.

    `op` as written, but `==` is `=`, and `doubled`. `listed`: the constants stood in parentheses; without them the one
    constant of `in`, `intersects`, `pmatch` or a modifier may be a misspelt list name. `val(x)` on the right is just
    the field. `right_start` is where the right-hand side begins, with its parenthesis.
    """

    left: Operand
    op: str
    modifier: str | None
    constants: tuple[Const, ...]
    right: Operand | None
    listed: bool
    op_start: int
    start: int
    end: int
    doubled: bool = False
    right_start: int = 0

    @property
    def operator(self) -> str:
        """The operator as Falco calls it, with its modifier."""
        op = "==" if self.doubled else self.op
        return op if self.modifier is None else f"{op} {self.modifier}"


@dataclass(frozen=True, slots=True, eq=False)
class MacroRef:
    """A macro's name; `body` is its resolved tree once `expand` has run (spans in it are those of the macro's text)."""

    name: str
    start: int
    end: int
    body: Expr | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Not:
    child: Expr
    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class And:
    children: tuple[Expr, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Or:
    children: tuple[Expr, ...]
    start: int
    end: int


Expr = Check | MacroRef | Not | And | Or


def children(expr: Expr) -> tuple[Expr, ...]:
    """The direct sub-expressions, the body of a resolved macro included."""
    if isinstance(expr, And | Or):
        return expr.children
    if isinstance(expr, Not):
        return (expr.child,)
    if isinstance(expr, MacroRef) and expr.body is not None:
        return (expr.body,)
    return ()


def walk(expr: Expr) -> Iterator[Expr]:
    """Every sub-expression from left to right, parents first; the body of each macro only where it comes first.

    Macros that name others twice make trees whose paths nobody can count, but only few different bodies.
    """
    stack = [expr]
    entered: set[int] = set()
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, MacroRef):
            if id(node.body) in entered:
                continue
            entered.add(id(node.body))
        stack.extend(reversed(children(node)))


def operand_fields(operand: Operand) -> Iterator[FieldRef]:
    """The fields in an operand, from left to right."""
    if isinstance(operand, FieldRef):
        yield operand
    elif isinstance(operand, Call):
        for arg in operand.args:
            yield from operand_fields(arg)
    elif isinstance(operand, TextList):
        for item in operand.items:
            yield from operand_fields(item)


def field_refs(expr: Expr) -> Iterator[FieldRef]:
    """The fields of all checks from left to right, those of a macro once."""
    for node in walk(expr):
        if isinstance(node, Check):
            yield from operand_fields(node.left)
            if node.right is not None:
                yield from operand_fields(node.right)


def escape(value: bytes) -> bytes:
    """A text as it could stand in a condition: in double quotes where a bare word would not do."""
    if value and not any(c in value for c in b"(),\v"):
        return falco_escape(value)
    return _quoted(value)


def falco_escape(value: bytes) -> bytes:
    """A text as Falco prints it: an empty one, and one with brackets or commas, stays without quotes."""
    return _quoted(value) if any(c in value for c in b" =\"'\\\b\f\n\r\t") else value


def _quoted(value: bytes) -> bytes:
    for plain, written in _ESCAPES:
        value = value.replace(plain, written)
    return b'"' + value + b'"'


_ESCAPES = (
    (b"\\", b"\\\\"),
    (b'"', b'\\"'),
    (b"\b", b"\\b"),
    (b"\f", b"\\f"),
    (b"\n", b"\\n"),
    (b"\r", b"\\r"),
    (b"\t", b"\\t"),
)


def field_text(name: str, argument: bytes | None) -> bytes:
    """A field with its argument as `output_fields` spells it (`spec`: formatting 9)."""
    return name.encode() + argument_text(argument)


def argument_text(argument: bytes | None) -> bytes:
    """The brackets behind a field or a transformer as Falco prints them; nothing where there are none."""
    return b"" if argument is None else b"[" + (falco_escape(argument) or b'""') + b"]"
