"""Texts that remember which characters of which file they came from.

In: scalars of a rule file, joined and wrapped (appended conditions, exceptions). Out: the text, and for any place in it
the place in the file that the user has to look at. `collector`, `exceptions` and `lists` build such texts.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from falcoeks_fast.rules.files.diagnostics import Span
from falcoeks_fast.rules.files.yaml_source import Scalar

ESCAPE_LENGTHS = {"x": 4, "u": 6, "U": 10}
BLANKS = " \t\r\n"
TRIMMED = " \t\n\r\v\f"


@dataclass(frozen=True, slots=True)
class Traced:
    """`text`, and where its pieces came from: piece i begins at `starts[i]` with the first character of `nodes[i]`.

    A piece without a node was made up by the loader (the parentheses around exceptions).
    """

    text: str
    starts: tuple[int, ...]
    nodes: tuple[Scalar | None, ...]

    @staticmethod
    def of(node: Scalar) -> Traced:
        return Traced(node.value, (0,), (node,))

    @staticmethod
    def made_up(text: str) -> Traced:
        return Traced(text, (0,), (None,))

    def stripped(self) -> Traced:
        """Without the blanks at both ends."""
        left = len(self.text) - len(self.text.lstrip(TRIMMED))
        text = self.text.strip(TRIMMED)
        return Traced(text, tuple(start - left for start in self.starts), self.nodes)

    def _piece(self, at: int) -> int:
        return max(bisect_right(self.starts, at) - 1, 0)

    def node_at(self, at: int) -> Scalar | None:
        """The scalar that the character at `at` stands in; None where the loader made it up."""
        return self.nodes[self._piece(at)] if self.nodes else None

    def origin(self, start: int, end: int) -> Span | None:
        """The place in a file of the characters from `start` to `end`; None where the loader made them up."""
        piece = self._piece(start)
        node = self.nodes[piece] if self.nodes else None
        if node is None:
            return None
        first = start - self.starts[piece]
        last = max(min(end - self.starts[piece], len(node.value)) - 1, first)
        places = file_offsets(node)
        first, last = min(first, len(places) - 1), min(last, len(places) - 1)
        return Span(node.source, places[first], max(places[last] + 1, places[first]))


def join(parts: list[Traced], separator: str = "") -> Traced:
    """The parts one after the other."""
    texts: list[str] = []
    starts: list[int] = []
    nodes: list[Scalar | None] = []
    length = 0
    for part in parts:
        if texts and separator:
            starts.append(length)
            nodes.append(None)
            texts.append(separator)
            length += len(separator)
        starts.extend(start + length for start in part.starts)
        nodes.extend(part.nodes)
        texts.append(part.text)
        length += len(part.text)
    return Traced("".join(texts), tuple(starts), tuple(nodes))


def file_offsets(node: Scalar) -> list[int]:
    """Where in the file each character of a scalar's value stands, and behind the last one the end of the value.

    Folding turns line ends and indentation into single blanks, and escapes stand for one character: the value is
    followed along the raw text, once for each scalar.
    """
    if node.places is None:
        raw = node.source.text
        at, end = _content_start(node), node.end
        places: list[int] = []
        for character in node.value:
            at, length = _next_character(raw, at, end, character, node.style)
            places.append(min(at, end))
            at += length
        places.append(min(at, max(end, node.start.offset)))
        node.places = places
    return node.places


def _content_start(node: Scalar) -> int:
    """Where the value begins, behind a tag, an anchor, the quote, or the header of a block."""
    raw, at = node.source.text, node.start.offset
    while at < node.end and raw[at] in "!&":
        while at < node.end and raw[at] not in BLANKS:
            at += 1
        while at < node.end and raw[at] in BLANKS:
            at += 1
    if node.style in ("|", ">"):
        line_end = raw.find("\n", at, node.end)
        return node.end if line_end < 0 else line_end + 1
    return at + 1 if node.style else at


def _next_character(raw: str, at: int, end: int, character: str, style: str) -> tuple[int, int]:
    """Where `character` stands at or behind `at`, and how many characters of the file it takes."""
    while at < end:
        here = raw[at]
        if style == '"' and here == "\\" and at + 1 < end:
            if raw[at + 1] not in "\r\n":
                return at, ESCAPE_LENGTHS.get(raw[at + 1], 2)
            at += 2
        elif style == "'" and raw.startswith("''", at):
            return at, 2
        elif character in BLANKS:
            return (at, 1) if here in BLANKS else (at, 0)
        elif here in BLANKS:
            at += 1
        else:
            return at, 1
    return end, 0
