"""Places in conditions and templates -> diagnostics.

In: errors and warnings of the language, with byte offsets into a text. Out: diagnostics with the contexts that Falco
shows, and the very characters of the file. `compiler` and `validate` use it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from falcoeks_fast.rules.files.diagnostics import Code, Context, Diagnostic, LoadError, Position, Span
from falcoeks_fast.rules.files.lists import Expanded
from falcoeks_fast.rules.files.traced import Traced
from falcoeks_fast.rules.files.yaml_source import Scalar
from falcoeks_fast.rules.language.errors import LanguageError, LanguageWarning, WarningKind

WHOLE = Position()
"""The place of what concerns a condition as a whole."""


def char_offset(text: str, byte_offset: int) -> int:
    """Which character of `text` the byte `byte_offset` of its UTF-8 form belongs to."""
    if text.isascii():
        return min(byte_offset, len(text))
    return len(text.encode()[:byte_offset].decode("utf-8", "ignore"))


@dataclass(frozen=True, slots=True)
class Place:
    """A text of a rule file: a condition (with its lists in it, if `expanded`), or an output template.

    `user` is the rule through which a macro's condition is reached. Falco takes the macro for a part of that.
    """

    context: Context
    source: Traced
    expanded: Expanded | None = None
    user: Place | None = None

    def in_text(self, expanded: Expanded) -> Place:
        """The same, once lists are put in."""
        return Place(self.context, self.source, expanded)

    def reached_through(self, rule: Place) -> Place:
        """The same, as a part of the condition of a rule."""
        return replace(self, user=rule)

    def at(self, start: int, end: int, reported: Position | None = None) -> tuple[Context, Span | None]:
        """The context and the characters of the bytes from `start` to `end`; `reported` is the place that Falco names.

        Falco calls a condition by its beginning: with lists while it is parsed, as written from then on.
        """
        text = self.expanded.text if self.expanded else self.source.text
        first, last = char_offset(text, start), char_offset(text, end)
        if self.expanded is None:
            return self.context, self.source.origin(first, last) if first < len(text) else None
        named = text if reported is None else (self.user or self).source.text
        context = (self.user or self).context.in_condition(named, reported or self.position(start))
        owner = None if self.user is None else self.context.locations[1]
        return replace(context, excerpt=text, focus=first, owner=owner), self.expanded.span(first, last)

    def position(self, offset: int) -> Position:
        """Where the byte at `offset` of a condition is; lines and columns from 1, as Falco's parser counts them."""
        text = self.expanded.text if self.expanded else self.source.text
        at = char_offset(text, offset)
        return Position(text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at), at)

    def list_at(self, offset: int) -> str:
        """The list that brought the byte at `offset`; empty if none did."""
        return self.expanded.list_at(char_offset(self.expanded.text, offset)) if self.expanded else ""

    def scalar_at(self, offset: int) -> Scalar | None:
        """The scalar of the file that the byte at `offset` came from; None if a list brought it, or the loader."""
        if self.expanded is None or self.list_at(offset):
            return None
        return self.source.node_at(self.expanded.offset_before(char_offset(self.expanded.text, offset)))

    def error(self, code: Code, error: LanguageError, suggestion: str = "", *, parsing: bool = False) -> LoadError:
        """An error in the text; `parsing`: of its grammar, not of what it says."""
        offset = error.offset if error.reported is None else error.reported
        context, span = self.at(error.offset, error.end, None if parsing else self.position(offset))
        return LoadError(code, error.message, context, span, suggestion)

    def warning(self, warning: LanguageWarning) -> Diagnostic:
        offset = warning.start if warning.reported is None else warning.reported
        # Falco says this once for a rule, of the condition as a whole.
        reported = WHOLE if warning.kind is WarningKind.UNSAFE_NA else self.position(offset)
        context, span = self.at(warning.start, warning.end, reported)
        return Diagnostic(Code(warning.kind.value), warning.message, context, span)
