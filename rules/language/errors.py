"""What can be wrong with a condition, a macro reference or a template, and where.

In: nothing. Out: the exceptions that lexer, parser, expand, lower and template raise, and the warnings that they
collect. Rule files turn them into load results with a code, a context and a caret line.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class WarningKind(StrEnum):
    """The kinds of warning of the language; the values are load codes, the first two Falco's."""

    UNSAFE_NA = "LOAD_UNSAFE_NA_CHECK"  # compared with the text <NA>: never true for a missing field
    CONDITION = "LOAD_COMPILE_CONDITION"  # loads in Falco as here, but probably means something else
    DIFFERS = "LOAD_DIFFERS_FROM_FALCO"  # Falco refuses this, or reads it differently, because of a defect
    ADVICE = "LOAD_ADVICE"  # valid, and may still not be what was meant


@dataclass(frozen=True, slots=True)
class LanguageWarning:
    """`start` and `end` are byte offsets into the text of `macro`, or of the condition or template where it is None.

    `reported` is the offset that Falco names, where it is another than `start`.
    """

    kind: WarningKind
    message: str
    start: int = 0
    end: int = 0
    macro: str | None = None
    reported: int | None = None


class LanguageError(Exception):
    """An error with a place: byte offsets `offset` to `end` in the text that was read."""

    def __init__(self, message: str, offset: int = 0, end: int | None = None, *, unknown_field: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.end = offset if end is None else end
        self.unknown_field = unknown_field
        """Whether `skip-if-unknown-filter` may drop the rule instead."""
        self.macro: str | None = None
        """The macro in whose text the offsets count; None for the rule's own text."""
        self.reported: int | None = None
        """The offset that Falco names, where it is another than `offset`: where the check begins that does not fit."""


class ConditionError(LanguageError):
    """A condition that does not parse or does not fit the types of its fields (LOAD_ERR_COMPILE_CONDITION)."""


class TemplateError(LanguageError):
    """An output template that does not compile (LOAD_ERR_COMPILE_OUTPUT)."""


class MacroError(LanguageError):
    """An undefined macro or a reference loop (LOAD_ERR_VALIDATE). `name` is the macro that was asked for."""

    def __init__(self, message: str, name: str, offset: int = 0, end: int | None = None) -> None:
        super().__init__(message, offset, end)
        self.name = name


def printable(text: bytes, limit: int = 60) -> str:
    """A piece of a rule file for a message: decoded, control characters escaped, cut to `limit` characters."""
    shown = text.decode("utf-8", "backslashreplace")
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."
