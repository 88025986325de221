"""From the text of a condition to its tree.

In: bytes, lists already substituted. Out: an `ast.Expr`, or a ConditionError with the byte offset. Rule files call
`parse_condition` for rules and macros; `template` reads its operands with `Operands`. Source: `spec` language 3.

Nothing here recurses with the depth of parentheses: groups are kept on a stack of at most `MAX_DEPTH`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from falcoeks_fast.rules.language import lexer
from falcoeks_fast.rules.language.ast import (
    And,
    Call,
    Check,
    Const,
    Expr,
    FieldRef,
    MacroRef,
    Not,
    Operand,
    Or,
    Text,
    TextList,
)
from falcoeks_fast.rules.language.errors import ConditionError, LanguageWarning, WarningKind, printable
from falcoeks_fast.rules.language.lexer import Cursor

MAX_DEPTH = 1000
"""Levels of parentheses in a condition, and of everything once macros are filled in (Falco's figure for rules)."""
MAX_TRANSFORM_DEPTH = 100

_OPERATORS = (
    "exists, =, ==, !=, <, <=, >, >=, in, intersects, pmatch, contains, icontains, startswith, endswith, glob, iglob,"
    " regex"
)
_ORDER = frozenset((b"<", b"<=", b">", b">="))
_EQUALITY = frozenset((b"=", b"==", b"!="))
_MEMBERSHIP = frozenset((b"in", b"intersects", b"pmatch"))
_UNMODIFIED = _ORDER | _MEMBERSHIP | {b"exists"}


def parse_condition(text: bytes, warnings: list[LanguageWarning] | None = None) -> Expr:
    """The tree of a condition. `warnings` collects what Falco would read differently. Raises ConditionError."""
    nul = text.find(b"\0")
    if nul >= 0:
        raise ConditionError("a NUL byte in the condition: remove it", nul)
    reader = _Conditions(text)
    expr = reader.parse()
    if warnings is not None:
        warnings.extend(reader.warnings)
        for start, end in reader.cursor.odd_quotes:
            message = "Falco does not see the end of a string whose last character is a backslash"
            warnings.append(LanguageWarning(WarningKind.DIFFERS, message, start, end))
    return expr


class Operands:
    """Reads fields, transformers and their arguments at a cursor."""

    __slots__ = ("cursor",)

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor

    def argument(self) -> bytes | None:
        """`[...]` directly behind a field or a transformer; None if there is none."""
        cursor = self.cursor
        if not cursor.take_byte(b"["):
            return None
        opened = cursor.at
        value = cursor.quoted()
        if value is None:
            value = cursor.take(lexer.BARE_ARGUMENT)
        if value is None:
            raise ConditionError("expected a valid field argument: a quoted string or a bare string", opened)
        if not cursor.take_byte(b"]"):
            raise ConditionError("expected a ']' token", cursor.at)
        return value

    def field(self) -> FieldRef | None:
        start = self.cursor.at
        name = self.cursor.take(lexer.FIELD)
        if name is None:
            return None
        argument = self.argument()
        return FieldRef(name.decode(), argument, start, self.cursor.at)

    def transform(self, depth: int = 0) -> Call | None:
        """A transformer call with its arguments and selector; None if none begins here."""
        call = self.plain_transform(depth)
        if call is not None and self.cursor.peek() == b"[":
            selector = self.argument()
            return Call(call.name, call.args, selector, call.start, self.cursor.at)
        return call

    def plain_transform(self, depth: int = 0) -> Call | None:
        """As `transform`, leaving brackets behind the call alone."""
        cursor = self.cursor
        start = cursor.at
        opened = cursor.take(lexer.TRANSFORM)
        if opened is None:
            return None
        if depth >= MAX_TRANSFORM_DEPTH:
            raise ConditionError(f"transformers are nested more than {MAX_TRANSFORM_DEPTH} deep", start)
        args: list[Operand] = []
        while True:
            cursor.blanks()
            args.append(self._transform_argument(depth + 1))
            cursor.blanks()
            if not cursor.take_byte(b","):
                break
        if not cursor.take_byte(b")"):
            raise ConditionError("expected a ')' token closing the transformer", cursor.at)
        return Call(opened[:-1].decode(), tuple(args), None, start, cursor.at)

    def right_field(self) -> Operand | None:
        """`val(field)` or a transformer, as it may stand on the right-hand side."""
        cursor = self.cursor
        start = cursor.at
        if not cursor.take_byte(b"val("):
            return self.transform()
        cursor.blanks()
        field = self.field()
        if field is None:
            raise ConditionError("expected a field within 'val()'", cursor.at)
        cursor.blanks()
        if not cursor.take_byte(b")"):
            raise ConditionError("expected a ')' token closing the transformer", cursor.at)
        if cursor.peek() == b"[":
            raise ConditionError("'val()' takes no argument: write the brackets behind the field", cursor.at)
        return FieldRef(field.name, field.argument, start, cursor.at)

    def _transform_argument(self, depth: int) -> Operand:
        cursor = self.cursor
        start = cursor.at
        number = cursor.take(lexer.NUMBER)
        if number is not None:
            return Text(number, start, cursor.at, quoted=False)
        text = cursor.quoted()
        if text is not None:
            return Text(text, start, cursor.at)
        if cursor.take_byte(b"("):
            return TextList(self._items(depth), start, cursor.at)
        operand = self.transform(depth) or self.field()
        if operand is None:
            raise ConditionError(
                "expected an argument of the transformer: a field, a quoted string, a number, a list or a transformer",
                start,
            )
        return operand

    def _items(self, depth: int) -> tuple[Operand, ...]:
        cursor = self.cursor
        items: list[Operand] = []
        cursor.blanks()
        if cursor.take_byte(b")"):
            return ()
        while True:
            start = cursor.at
            item: Operand | None = self.field() or self.transform(depth)
            if item is None:
                text = cursor.quoted()
                quoted = text is not None
                if text is None:
                    text = cursor.take(lexer.NUMBER)
                if text is None:
                    raise ConditionError(
                        "expected an item of the list: a field, a transformer, a quoted string or a number", start
                    )
                item = Text(text, start, cursor.at, quoted)
            items.append(item)
            cursor.blanks()
            if cursor.take_byte(b")"):
                return tuple(items)
            if not cursor.take_byte(b","):
                raise ConditionError("expected a ')' token closing the list", cursor.at)
            cursor.blanks()


@dataclass(slots=True)
class _Group:
    """A parenthesis that is still open, or the whole condition."""

    start: int
    negated: bool = False
    after_or: bool = False  # opened by `or(` without a blank
    ors: list[Expr] = field(default_factory=list)
    ands: list[Expr] = field(default_factory=list)

    def close_and(self) -> None:
        first, last = self.ands[0], self.ands[-1]
        self.ors.append(first if len(self.ands) == 1 else And(tuple(self.ands), first.start, last.end))
        self.ands = []

    def close(self) -> Expr:
        self.close_and()
        first, last = self.ors[0], self.ors[-1]
        return first if len(self.ors) == 1 else Or(tuple(self.ors), first.start, last.end)


class _Conditions:
    """Reads one condition."""

    def __init__(self, text: bytes) -> None:
        self.cursor = Cursor(text)
        self.operands = Operands(self.cursor)
        self.warnings: list[LanguageWarning] = []

    def parse(self) -> Expr:
        cursor = self.cursor
        cursor.blanks()
        if not cursor.peek():
            raise ConditionError("filter input string is empty", 0)
        group = _Group(0)
        outer: list[_Group] = []
        after_or = False
        while True:
            cursor.blanks()
            start = cursor.at
            nots = cursor.take(lexer.NOTS) or b""
            negated = nots.count(b"not") % 2 == 1
            if cursor.take_byte(b"not("):
                outer.append(group)
                group = _Group(start, not negated)
            else:
                cursor.blanks()
                if cursor.take_byte(b"("):
                    outer.append(group)
                    group = _Group(start, negated, after_or)
                else:
                    check = self._check()
                    group.ands.append(Not(check, start, check.end) if negated else check)
            after_or = False
            if len(outer) > MAX_DEPTH:
                raise ConditionError(
                    f"exceeded max depth limit of {MAX_DEPTH}: too many parentheses inside each other", start
                )
            if group.ands:
                done, group, after_or = self._continue(group, outer)
                if done is not None:
                    return done

    def _continue(self, group: _Group, outer: list[_Group]) -> tuple[Expr | None, _Group, bool]:
        """Behind an operand: go on to the next operand, closing groups; the whole tree at the end of the text."""
        cursor = self.cursor
        or_group = False
        while True:
            cursor.blanks()
            place = cursor.at
            if cursor.take_byte(b"and"):
                self._boundary("and")
                if or_group:
                    self._warn_or(place)
                return None, group, False
            if cursor.take_byte(b"or"):
                self._boundary("or")
                group.close_and()
                return None, group, cursor.peek() == b"("
            if not outer:
                if cursor.peek():
                    raise ConditionError(
                        f"unexpected token after '{printable(cursor.last)}', expecting 'or', 'and'", place
                    )
                return group.close(), group, False
            if not cursor.take_byte(b")"):
                raise ConditionError(f"expected a ')' token, or 'and' or 'or', after '{printable(cursor.last)}'", place)
            inner = group.close()
            or_group = group.after_or
            if group.negated:
                inner = Not(inner, group.start, cursor.at)
            group = outer.pop()
            group.ands.append(inner)

    def _boundary(self, word: str) -> None:
        following = self.cursor.peek()
        if not following or following not in b" \t\b\r\n(":
            raise ConditionError(f"expected blank or '(' after '{word}'", self.cursor.at)

    def _warn_or(self, place: int) -> None:
        self.warnings.append(
            LanguageWarning(
                WarningKind.DIFFERS,
                "Falco refuses an 'and' behind a group that follows 'or' without a blank: write 'or ('",
                place,
                place + 3,
            )
        )

    def _check(self) -> Expr:
        cursor = self.cursor
        start = cursor.at
        left: Operand | None = self.operands.transform() or self.operands.field()
        if left is not None:
            return self._test(left, start)
        name = cursor.take(lexer.NAME)
        if name is None:
            raise ConditionError("expected a '(' token, a field check, or an identifier", start)
        return MacroRef(name.decode(), start, cursor.at)

    def _test(self, left: Operand, start: int) -> Check:
        cursor = self.cursor
        cursor.blanks()
        op_start = cursor.at
        op = cursor.take(lexer.OPERATOR)
        if op is None:
            raise ConditionError(f"expected a valid check operator: one of {_OPERATORS}", op_start)
        modifier: str | None = None
        constants: tuple[Const, ...] = ()
        right: Operand | None = None
        listed = False
        if op not in _UNMODIFIED:
            match = lexer.MODIFIER.match(cursor.text, cursor.at)
            if match is not None:
                modifier = match.group(1).decode()
                cursor.at = match.end()
        if op != b"exists":
            cursor.blanks()
        right_start = cursor.at
        if op in _MEMBERSHIP or modifier is not None:
            listed = cursor.peek() == b"("
            if listed:
                constants = self._list()
            else:
                right = self.operands.right_field() if modifier is None else None
                if right is None:
                    constants = (self._word(),)
        elif op != b"exists":
            right = self.operands.right_field()
            if right is None:
                constants = (self._number() if op in _ORDER else self._value(),)
        doubled = op == b"=="
        name = "=" if doubled else op.decode()
        end = cursor.at
        return Check(left, name, modifier, constants, right, listed, op_start, start, end, doubled, right_start)

    def _number(self) -> Const:
        start = self.cursor.at
        number = self.cursor.take(lexer.NUMBER)
        if number is None:
            raise ConditionError(
                "expected a number value or a field with a valid transformer: val(), tolower() and the like", start
            )
        return Const(number, False, start, self.cursor.at)

    def _word(self) -> Const:
        start = self.cursor.at
        word = self.cursor.take(lexer.NAME)
        if word is None:
            raise ConditionError(
                "expected a list, an identifier, or a field with a valid transformer: val(), tolower() and the like",
                start,
            )
        return Const(word, False, start, self.cursor.at)

    def _value(self) -> Const:
        value = self._list_value()
        if value is None:
            raise ConditionError(
                "expected a string value or a field with a valid transformer: val(), tolower() and the like",
                self.cursor.at,
            )
        return value

    def _list_value(self) -> Const | None:
        cursor = self.cursor
        start = cursor.at
        bare = cursor.take(lexer.BARE)
        if bare is not None:
            return Const(bare, False, start, cursor.at)
        quoted = cursor.quoted()
        return None if quoted is None else Const(quoted, True, start, cursor.at)

    def _list(self) -> tuple[Const, ...]:
        cursor = self.cursor
        cursor.take_byte(b"(")
        cursor.blanks()
        if cursor.take_byte(b")"):
            return ()
        values: list[Const] = []
        while True:
            value = self._list_value()
            if value is None:
                raise ConditionError("expected a value of the list: a quoted string or a bare string", cursor.at)
            values.append(value)
            cursor.blanks()
            if cursor.take_byte(b")"):
                return tuple(values)
            if not cursor.take_byte(b","):
                raise ConditionError("expected a ')' token, or a ',' before the next value of the list", cursor.at)
            cursor.blanks()
