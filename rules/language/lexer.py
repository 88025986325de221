"""The tokens of the condition language, read from bytes at a position.

In: a condition or template as bytes. Out: `Cursor`, with which `parser` reads one token after another; there is no
token stream, since what a word is depends on where it stands. Source of the lexis: `spec` language 2.
"""

from __future__ import annotations

import re

from falcoeks_fast.rules.language.ast import LIST_OPERATORS, STRING_OPERATORS, TRANSFORMERS
from falcoeks_fast.rules.language.errors import ConditionError, printable

BLANK = rb" \t\x08\r\n"
SPACE = rb" \t\n\v\f\r"
# What RE2 takes for a character beyond ASCII; any other byte ends a bare word.
_WIDE = rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"

BLANKS = re.compile(rb"[" + BLANK + rb"]*")
NAME = re.compile(rb"[A-Za-z][A-Za-z0-9_]*")
FIELD = re.compile(rb"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)+")
NUMBER = re.compile(rb"0[xX][0-9a-fA-F]+|[+-]?[0-9]+\.?[0-9]*(?:[eE][+-][0-9]+)?")
BARE = re.compile(rb"(?:[^\x80-\xff()\"'=," + SPACE + rb"]++|" + _WIDE + rb")++")
BARE_ARGUMENT = re.compile(rb"(?:[^\x80-\xff\[\]\"'" + SPACE + rb"]++|" + _WIDE + rb")++")
QUOTED = re.compile(rb"\"(?:[^\"\\]++|\\.)*+\"|'(?:[^'\\]++|\\.)*+'", re.DOTALL)
NOTS = re.compile(rb"(?:not[" + SPACE + rb"]++)*+")
TRANSFORM = re.compile(rb"(" + b"|".join(t.encode() for t in TRANSFORMERS) + rb")\(")
OPERATOR = re.compile(
    rb"exists|<=|<|>=|>|==|=|!=|(?:"
    + b"|".join(o.encode() for o in STRING_OPERATORS)
    + rb")(?=["
    + BLANK
    + rb"])|"
    + b"|".join(o.encode() for o in LIST_OPERATORS)
)
# A modifier, if its blank is followed by a list or by a name that is no and, or, not.
MODIFIER = re.compile(
    rb"[" + BLANK + rb"]++(oneof|anyof|allof)[" + BLANK + rb"]++(?=\(|(?!(?:and|or|not)(?![A-Za-z0-9]))[A-Za-z])"
)

_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_DECODED = {
    b"\\": b"\\",
    b"/": b"/",
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b" ": b"\\",  # the blank is lost, as in Falco
}


class Cursor:
    """A position in a text. `last` is the text of the last token, for "unexpected token after".

    `odd_quotes`: the spans of strings that end in an escaped backslash; Falco takes their end for an escaped quote.
    """

    __slots__ = ("at", "last", "odd_quotes", "text")

    def __init__(self, text: bytes, at: int = 0) -> None:
        self.text = text
        self.at = at
        self.last = b""
        self.odd_quotes: list[tuple[int, int]] = []

    def blanks(self) -> None:
        match = BLANKS.match(self.text, self.at)
        if match is not None:
            self.at = match.end()

    def take(self, pattern: re.Pattern[bytes]) -> bytes | None:
        """Read a token; None, without moving, if the text here is no such token."""
        match = pattern.match(self.text, self.at)
        if match is None:
            return None
        self.at = match.end()
        self.last = match.group()
        return self.last

    def take_byte(self, byte: bytes) -> bool:
        if self.text.startswith(byte, self.at):
            self.at += len(byte)
            self.last = byte
            return True
        return False

    def peek(self) -> bytes:
        """The next byte; empty at the end."""
        return self.text[self.at : self.at + 1]

    def quoted(self) -> bytes | None:
        """Read and decode a quoted string; None if none begins here.

        Raises ConditionError for an illegal escape or a missing closing quote.
        """
        mark = self.peek()
        if mark not in (b'"', b"'"):
            return None
        start = self.at
        written = self.take(QUOTED)
        if written is None:
            raise ConditionError(f"the string that begins here is never closed: add a {mark.decode()}", start)
        if b"\\" not in written:
            return written[1:-1]
        if written.endswith(b"\\" + mark):
            self.odd_quotes.append((start, self.at))
        return decode(written, start)


def decode(written: bytes, start: int) -> bytes:
    """The content of a quoted string with its quotes; `start` is its offset. Raises ConditionError."""
    mark = written[:1]

    def replace(match: re.Match[bytes]) -> bytes:
        char = match.group(1)
        if char == mark:
            return mark
        if char in _DECODED:
            return _DECODED[char]
        place = start + 1 + match.start()
        if char in b"\"'":
            raise ConditionError(
                f"invalid \\{char.decode()} escape in {mark.decode()}-quoted string: write the quote without backslash",
                place,
                place + 2,
            )
        raise ConditionError(
            f"unsupported string escape sequence: \\{printable(char)} (for a backslash, write \\\\)", place, place + 2
        )

    return _ESCAPE.sub(replace, written[1:-1])
