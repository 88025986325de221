"""What can be wrong with rule files: codes, places, and the one exception that carries them.

In: nothing. Out: `Diagnostic` values (for `report`) and `LoadError`, which stops the loading of a file. Every module of
this room that reads rule files makes them. Codes and short texts are Falco's (spec: rules-files, 1.11), except those
in `OWN_CODES`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

SNIPPET_HALF_WIDTH = 80
CONDITION_NAME_LENGTH = 17


class Code(StrEnum):
    """Stable codes of errors and warnings."""

    ERR_FILE_READ = "LOAD_ERR_FILE_READ"
    ERR_YAML_PARSE = "LOAD_ERR_YAML_PARSE"
    ERR_YAML_VALIDATE = "LOAD_ERR_YAML_VALIDATE"
    ERR_COMPILE_CONDITION = "LOAD_ERR_COMPILE_CONDITION"
    ERR_COMPILE_OUTPUT = "LOAD_ERR_COMPILE_OUTPUT"
    ERR_VALIDATE = "LOAD_ERR_VALIDATE"
    UNKNOWN_SOURCE = "LOAD_UNKNOWN_SOURCE"
    UNSAFE_NA_CHECK = "LOAD_UNSAFE_NA_CHECK"
    UNKNOWN_FILTER = "LOAD_UNKNOWN_FILTER"
    UNUSED_MACRO = "LOAD_UNUSED_MACRO"
    UNUSED_LIST = "LOAD_UNUSED_LIST"
    UNKNOWN_ITEM = "LOAD_UNKNOWN_ITEM"
    DEPRECATED_ITEM = "LOAD_DEPRECATED_ITEM"
    APPEND_NO_VALUES = "LOAD_APPEND_NO_VALUES"
    EXCEPTION_NAME_NOT_UNIQUE = "LOAD_EXCEPTION_NAME_NOT_UNIQUE"
    INVALID_MACRO_NAME = "LOAD_INVALID_MACRO_NAME"
    INVALID_LIST_NAME = "LOAD_INVALID_LIST_NAME"
    COMPILE_CONDITION = "LOAD_COMPILE_CONDITION"
    UNKNOWN_KEY = "LOAD_UNKNOWN_KEY"
    DIFFERS_FROM_FALCO = "LOAD_DIFFERS_FROM_FALCO"
    DUPLICATE_KEY = "LOAD_DUPLICATE_KEY"
    ADVICE = "LOAD_ADVICE"


ADVICE_CODES = frozenset({Code.ADVICE, Code.DUPLICATE_KEY})
"""What is said to people only: Falco has no such codes, and its reports are compared code by code."""

OWN_CODES = ADVICE_CODES | {Code.DIFFERS_FROM_FALCO}
"""Codes that Falco does not have."""

SHORT_TEXTS: dict[Code, str] = {
    Code.ERR_FILE_READ: "File read error",
    Code.ERR_YAML_PARSE: "YAML parse error",
    Code.ERR_YAML_VALIDATE: "Error validating internal structure of YAML file",
    Code.ERR_COMPILE_CONDITION: "Error compiling condition",
    Code.ERR_COMPILE_OUTPUT: "Error compiling output",
    Code.ERR_VALIDATE: "Error validating rule/macro/list/exception objects",
    Code.UNKNOWN_SOURCE: "Unknown event source",
    Code.UNSAFE_NA_CHECK: "Unsafe <NA> comparison in condition",
    Code.UNKNOWN_FILTER: "Unknown field or event-type in condition or output",
    Code.UNUSED_MACRO: "Unused macro",
    Code.UNUSED_LIST: "Unused list",
    Code.UNKNOWN_ITEM: "Unknown rules file item",
    Code.DEPRECATED_ITEM: "Used deprecated item",
    Code.APPEND_NO_VALUES: "Overriding/appending with no values",
    Code.EXCEPTION_NAME_NOT_UNIQUE: "Multiple exceptions defined with the same name",
    Code.INVALID_MACRO_NAME: "Invalid macro name",
    Code.INVALID_LIST_NAME: "Invalid list name",
    Code.COMPILE_CONDITION: "Warning in rule condition",
    Code.UNKNOWN_KEY: "Unknown key in item definition",
    Code.DIFFERS_FROM_FALCO: "Falco reads this differently",
    Code.DUPLICATE_KEY: "Key given twice",
    Code.ADVICE: "Advice",
}

LONG_TEXTS: dict[Code, str] = {
    Code.UNKNOWN_SOURCE: "No loaded plugin provides the event source of this rule, so the rule is left out.",
    Code.UNSAFE_NA_CHECK: "A field is compared with <NA>, which a missing field never equals. Use 'exists' instead.",
    Code.UNKNOWN_FILTER: "The rule names an unknown field and says skip-if-unknown-filter, so it is left out.",
    Code.UNUSED_MACRO: "A macro is defined, but no macro and no rule refers to it.",
    Code.UNUSED_LIST: "A list is defined, but no list, macro or rule refers to it.",
    Code.UNKNOWN_ITEM: "An element of the file is neither a rule nor a macro, a list or a requirement. It is ignored.",
    Code.DEPRECATED_ITEM: "Something is used that newer versions of Falco do without.",
    Code.APPEND_NO_VALUES: "An exception is appended to or overridden, but it brings no values.",
    Code.EXCEPTION_NAME_NOT_UNIQUE: "Two exceptions of one rule have the same name. Both are applied.",
    Code.INVALID_MACRO_NAME: "The name of a macro is no identifier, so no condition can refer to it.",
    Code.INVALID_LIST_NAME: "The name of a list holds a character that separates words in a condition.",
    Code.COMPILE_CONDITION: "A part of the condition is valid, but may not mean what it seems to mean.",
    Code.UNKNOWN_KEY: "An item has a key that means nothing there. It is ignored; it may be a misspelling.",
    Code.DIFFERS_FROM_FALCO: "This loads here and in Falco, or only here, and the two would not do the same.",
    Code.DUPLICATE_KEY: "A mapping has the same key twice. The first one counts, as in Falco.",
    Code.ADVICE: "This is valid, and may still not be what was meant.",
}


@dataclass(frozen=True)
class SourceFile:
    """The text of a rule file, under the name the user gave it."""

    name: str
    text: str

    @cached_property
    def line_starts(self) -> Sequence[int]:
        starts = [0]
        at = self.text.find("\n")
        while at >= 0:
            starts.append(at + 1)
            at = self.text.find("\n", at + 1)
        return starts

    def line(self, number: int) -> str:
        """The line `number` (from 0) without its end; empty beyond the last one."""
        if not 0 <= number < len(self.line_starts):
            return ""
        start = self.line_starts[number]
        end = self.text.find("\n", start)
        return self.text[start : len(self.text) if end < 0 else end].rstrip("\r")


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a text; all from 0. `offset` counts characters, as `line` and `column` do."""

    line: int = 0
    column: int = 0
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Location:
    """A thing that encloses a problem: its kind ("rule", "macro condition", ...), its name, where it begins."""

    kind: str
    name: str
    where: str
    position: Position


@dataclass(frozen=True, slots=True)
class Context:
    """Where a problem is: the enclosing things, outermost first, and the text to show.

    `excerpt` is None to show the file, or else the condition that `focus` (a character offset) points into. `owner` is
    whose condition that is, if it is none of the enclosing things: a macro's, reached through a rule.
    """

    source: SourceFile
    locations: tuple[Location, ...]
    excerpt: str | None = None
    focus: int = 0
    owner: Location | None = None

    @staticmethod
    def of_file(source: SourceFile) -> Context:
        return Context(source, (Location("rules content", "", source.name, Position()),))

    def within(self, kind: str, name: str, position: Position) -> Context:
        """The context of something inside this one, in the same file."""
        location = Location(kind, name, self.source.name, position)
        return replace(self, locations=(*self.locations, location))

    @property
    def whole(self) -> Context:
        """The context of the file itself."""
        return replace(self, locations=self.locations[:1])

    def in_condition(self, condition: str, place: Position) -> Context:
        """The context of a place in a condition. Its position is the parent's plus that in the text."""
        parent = self.position
        position = Position(parent.line + place.line, parent.column + place.column, parent.offset + place.offset)
        cut = condition if len(condition) <= CONDITION_NAME_LENGTH + 3 else condition[:CONDITION_NAME_LENGTH] + "..."
        name = '"' + cut.replace("\n", " ").replace("\r", " ") + '"'
        location = Location("condition expression", "", name, position)
        return replace(self, locations=(*self.locations, location))

    @property
    def position(self) -> Position:
        return self.locations[-1].position

    def snippet(self) -> str:
        """The line with the problem and a line with a caret below it, both ended by LF."""
        text, at = (self.source.text, self.position.offset) if self.excerpt is None else (self.excerpt, self.focus)
        if not text.strip():
            return "<No context available>\n"
        if self.excerpt is None:
            while at > 0 and (at >= len(text) or text[at] == "\n"):
                at -= 1
        at = min(at, len(text))
        start = text.rfind("\n", 0, at) + 1
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        cut_start = max(start, at - SNIPPET_HALF_WIDTH)
        cut_end = min(end, at + SNIPPET_HALF_WIDTH)
        line = text[cut_start:cut_end].rstrip("\r")
        if cut_start > start:
            line = "..." + line[3:]
        if cut_end < end:
            line = line[:-3] + "..."
        return f"{line}\n{' ' * (at - cut_start)}^\n"


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` of a rule file: what exactly a problem is about."""

    source: SourceFile
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One error, warning or piece of advice. `span` is None where only the context is known."""

    code: Code
    message: str
    context: Context
    span: Span | None = None
    suggestion: str = ""
    deprecated_field: str = ""

    @property
    def is_error(self) -> bool:
        return self.code.startswith("LOAD_ERR_")

    @property
    def is_advice(self) -> bool:
        return self.code in ADVICE_CODES

    @property
    def short_text(self) -> str:
        text = SHORT_TEXTS[self.code]
        return f"{text}: field '{self.deprecated_field}'" if self.deprecated_field else text

    @property
    def description(self) -> str:
        """The `codedesc` of the JSON form."""
        return LONG_TEXTS.get(self.code) or SHORT_TEXTS[self.code]


class LoadError(Exception):
    """A rule file cannot be loaded; `diagnostic` says why and where."""

    def __init__(
        self,
        code: Code,
        message: str,
        context: Context,
        span: Span | None = None,
        suggestion: str = "",
    ) -> None:
        super().__init__(message)
        self.diagnostic = Diagnostic(code, message, context, span, suggestion)
