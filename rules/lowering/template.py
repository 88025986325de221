"""Output templates: literal text with references to fields and transformers.

In: the text of a rule's output or of an extra field. Out: a `Template`; `segments` makes it part of the plan. Called by
`lower` and by the rule files' descriptions. Source: `spec` formatting 1 to 4.

What follows a `%` is read as Falco reads it: the longest beginning of the text that compiles is the reference, what
follows is literal. Falco finds it by trying every length; here each place is read once, since only a few ends are
possible: the whole token, the call without its brackets, or a shorter field name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from falcoeks_fast.rules.fields.lookup import Fields
from falcoeks_fast.rules.language import lexer
from falcoeks_fast.rules.language.ast import Call, FieldRef, Operand, operand_fields
from falcoeks_fast.rules.language.errors import ConditionError, LanguageWarning, TemplateError, WarningKind, printable
from falcoeks_fast.rules.language.lexer import Cursor
from falcoeks_fast.rules.language.parser import Operands
from falcoeks_fast.rules.lowering.operands import OperandTable
from falcoeks_fast.rules.plan import Segment

MAX_WIDTH = 65_535

_WIDTH = re.compile(rb"[0-9]*")
_WORD = re.compile(rb"[^\s%]{0,60}")


@dataclass(frozen=True, slots=True)
class Reference:
    """`%` with a field or transformer; `width` 0 for none; the span includes the `%`."""

    operand: Operand
    width: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Template:
    """The pieces in order; a leading `*` is already gone."""

    parts: tuple[bytes | Reference, ...]
    warnings: tuple[LanguageWarning, ...] = ()

    def references(self) -> Iterator[Reference]:
        return (part for part in self.parts if isinstance(part, Reference))

    def fields(self) -> Iterator[FieldRef]:
        """The fields referred to, also those inside transformers, from left to right."""
        for reference in self.references():
            yield from operand_fields(reference.operand)


def parse_template(text: bytes, operands: OperandTable | Fields) -> Template:
    """Read a template. Raises TemplateError where nothing behind a `%` compiles."""
    table = operands if isinstance(operands, OperandTable) else OperandTable(operands)
    return _Reader(text, table).read()


def segments(template: Template, table: OperandTable) -> tuple[Segment, ...]:
    """The template as the plan has it."""
    made: list[Segment] = []
    for part in template.parts:
        if isinstance(part, bytes):
            made.append(Segment(text=part))
        else:
            made.append(Segment(operand=table.cut(table.add(part.operand)), width=part.width))
    return tuple(made)


class _Reader:
    def __init__(self, text: bytes, table: OperandTable) -> None:
        self.text = text
        self.table = table
        self.warnings: list[LanguageWarning] = []

    def read(self) -> Template:
        text = self.text
        nul = text.find(b"\0")
        if nul >= 0:
            raise TemplateError("a NUL byte in the output: remove it", nul)
        parts: list[bytes | Reference] = []
        at = 1 if text.startswith(b"*") else 0
        while at < len(text):
            percent = text.find(b"%", at)
            if percent < 0:
                percent = len(text)
            if percent > at:
                parts.append(text[at:percent])
            if percent == len(text):
                break
            reference = self._reference(percent)
            parts.append(reference)
            self._differences(reference)
            at = reference.end
        return Template(tuple(parts), tuple(self.warnings))

    def _reference(self, percent: int) -> Reference:
        match = _WIDTH.match(self.text, percent + 1)
        assert match is not None
        digits, start = match.group(), match.end()
        if start == len(self.text):
            what = "a number" if digits else "a %"
            raise TemplateError(f"invalid formatting syntax: formatting cannot end with {what}", percent, start)
        width = int(digits.lstrip(b"0")[:6] or b"0")
        if width > MAX_WIDTH:
            raise TemplateError(f"a width of more than {MAX_WIDTH} bytes", percent, start)
        operand, end = self._operand(percent, start)
        return Reference(operand, width, percent, end)

    def _operand(self, percent: int, start: int) -> tuple[Operand, int]:
        if lexer.TRANSFORM.match(self.text, start):
            return self._transform(percent, start)
        match = lexer.FIELD.match(self.text, start)
        if match is None:
            raise self._nothing(percent, start)
        cursor = Cursor(self.text, start)
        try:
            field = Operands(cursor).field()
            assert field is not None
            self.table.add(field)
        except ConditionError as error:
            return self._shorter(percent, start, match.group().decode(), error)
        return field, cursor.at

    def _transform(self, percent: int, start: int) -> tuple[Operand, int]:
        cursor = Cursor(self.text, start)
        try:
            call = Operands(cursor).plain_transform()
            assert call is not None
        except ConditionError as error:
            raise _unknown(error, percent) from error
        selected = self._selected(call, cursor)
        if selected is not None:
            return selected, selected.end
        try:
            self.table.add(call)
        except ConditionError as error:
            raise _unknown(error, percent) from error
        if self.text.startswith(b"[", call.end):
            self._advise(percent, call.end, f"the text from here on is literal: '{call.name}' takes no such brackets")
        return call, call.end

    def _selected(self, call: Call, cursor: Cursor) -> Call | None:
        """The call with the brackets behind it, if there are any and both compile."""
        try:
            selector = Operands(cursor).argument()
            selected = Call(call.name, call.args, selector, call.start, cursor.at)
            if selector is not None:
                self.table.add(selected)
                return selected
        except ConditionError:
            return None
        return None

    def _shorter(self, percent: int, start: int, word: str, error: ConditionError) -> tuple[Operand, int]:
        """The longest known field that the word begins with; what remains is literal."""
        name = self.table.fields.longest_prefix(word)
        if name is None:
            raise _unknown(error, percent) from error
        end = start + len(name)
        self._advise(percent, end, f"this prints {name} and then literal text: {error.message}")
        return FieldRef(name, None, start, end), end

    def _differences(self, reference: Reference) -> None:
        for ref in operand_fields(reference.operand):
            if ref.is_ours_alone:
                message = (
                    "Falco takes no field argument with a blank or a ']' in it: it prints less, or refuses the rule"
                )
                self.warnings.append(LanguageWarning(WarningKind.DIFFERS, message, ref.start, ref.end))

    def _advise(self, start: int, end: int, message: str) -> None:
        self.warnings.append(LanguageWarning(WarningKind.ADVICE, message, start, end))

    def _nothing(self, percent: int, start: int) -> TemplateError:
        match = _WORD.match(self.text, start)
        word = match.group() if match is not None else b""
        if word.startswith(b"val("):
            reason = "val() is for conditions: write the field alone"
        elif not word:
            reason = "no field behind the '%' (there is no way to print a percent sign)"
        else:
            reason = f"'{printable(word, 30)}' is no field (there is no way to print a percent sign)"
        return TemplateError(f"unknown filter: {reason}", percent, start + len(word), unknown_field=True)


def _unknown(error: ConditionError, percent: int) -> TemplateError:
    return TemplateError(f"unknown filter: {error.message}", percent, max(error.end, percent), unknown_field=True)
