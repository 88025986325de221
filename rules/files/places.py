"""Places in conditions and templates -> diagnostics.

In: errors and warnings of the language, with byte offsets into a text. Out: diagnostics with the contexts that Falco
shows, and the very characters of the file. `compiler` and `validate` use it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from falcoeks_fast.rules.files.diagnostics import Code, Context, Diagnostic, LoadError, Span
from falcoeks_fast.rules.files.lists import Expanded
from falcoeks_fast.rules.files.traced import Traced
from falcoeks_fast.rules.files.yaml_source import Scalar
from falcoeks_fast.rules.language.errors import LanguageError, LanguageWarning, WarningKind


def char_offset(text: str, byte_offset: int) -> int:
    """Which character of `text` the byte `byte_offset` of its UTF-8 form belongs to."""
    if text.isascii():
        return min(byte_offset, len(text))
    return len(text.encode()[:byte_offset].decode("utf-8", "ignore"))


@dataclass(frozen=True, slots=True)
class Place:
    """A text of a rule file: a condition (with its lists in it, if `expanded`), or an output template."""

    context: Context
    source: Traced
    expanded: Expanded | None = None

    def in_text(self, expanded: Expanded) -> Place:
        """The same, once lists are put in."""
        return Place(self.context, self.source, expanded)

    def inside(self, outer: Context) -> Place:
        """The same, reached through something else: a macro through the rule that uses it."""
        locations = (*outer.locations, *self.context.locations[1:])
        return replace(self, context=replace(self.context, locations=locations))

    def at(self, start: int, end: int) -> tuple[Context, Span | None]:
        """The context and the characters of the bytes from `start` to `end`."""
        text = self.expanded.text if self.expanded else self.source.text
        first, last = char_offset(text, start), char_offset(text, end)
        if self.expanded:
            return self.context.in_condition(text, first), self.expanded.span(first, last)
        return self.context, self.source.origin(first, last) if first < len(text) else None

    def list_at(self, offset: int) -> str:
        """The list that brought the byte at `offset`; empty if none did."""
        return self.expanded.list_at(char_offset(self.expanded.text, offset)) if self.expanded else ""

    def scalar_at(self, offset: int) -> Scalar | None:
        """The scalar of the file that the byte at `offset` came from; None if a list brought it, or the loader."""
        if self.expanded is None or self.list_at(offset):
            return None
        return self.source.node_at(self.expanded.offset_before(char_offset(self.expanded.text, offset)))

    def error(self, code: Code, error: LanguageError, suggestion: str = "") -> LoadError:
        context, span = self.at(error.offset, error.end)
        return LoadError(code, error.message, context, span, suggestion)

    def warning(self, warning: LanguageWarning) -> Diagnostic:
        context, span = self.at(warning.start, warning.end)
        # Falco says this once for a rule, of the condition as a whole.
        if warning.kind is WarningKind.UNSAFE_NA:
            context = self.context
        return Diagnostic(Code(warning.kind.value), warning.message, context, span)
