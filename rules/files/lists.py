"""Lists: what they hold once lists in lists are resolved, and how they are put into conditions.

In: the lists of the collector, and condition texts. Out: the text with every list name replaced by the list's items,
and a map back to the places before. `compiler` calls it. Lists are replaced as text, before anything is parsed (spec:
rules-files 1.5, language 4.1); only lists within lists go deeper here than in Falco, with a warning.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from falcoeks_fast.rules.files.diagnostics import Code, Diagnostic, Span
from falcoeks_fast.rules.files.items import ListItem
from falcoeks_fast.rules.files.traced import Traced

BLANKS = " \t\n\r"
DELIMITERS = frozenset(BLANKS + "(),=")
MAX_LIST_ITEMS = 1_000_000
MAX_LIST_CHARACTERS = 64 << 20
MAX_CONDITION_CHARACTERS = 16 << 20
MAX_EXPANSION_WORK = 200 << 20

_WORDS = re.compile(r"[^ \t\n\r(),=]+")
_MARKED = re.compile(r"[ \t\n\r(),=]")


def quoted(item: str) -> str:
    """A list item or an exception's value as it stands in a condition."""
    return f'"{item}"' if " " in item and item[0] not in "\"'" else item


class ExpansionTooLarge(Exception):
    """Lists would make a condition, or each other, larger than anything sensible."""


@dataclass(frozen=True, slots=True)
class Expanded:
    """A condition with the lists put in.

    `starts[i]` is where piece i begins in `text`; `origins[i]` is the offset in `source` it was copied from, or of the
    name that was replaced. `names[i]` is the list of the piece, empty for text that was there before.
    """

    text: str
    source: Traced
    starts: tuple[int, ...] = (0,)
    origins: tuple[int, ...] = (0,)
    names: tuple[str, ...] = ("",)
    lists: frozenset[str] = frozenset()

    def list_at(self, offset: int) -> str:
        """The name of the list that brought the character at `offset`; empty if none did."""
        return self.names[bisect_right(self.starts, offset) - 1]

    def offset_before(self, offset: int) -> int:
        """The character of `source` that the one at `offset` stands for."""
        return self._before(offset)[0]

    def span(self, start: int, end: int) -> Span | None:
        """The place in a file of `start` to `end` (characters of `text`)."""
        first, last = self._before(start), self._before(max(end - 1, start))
        return self.source.origin(first[0], max(last[1], first[1]))

    def _before(self, offset: int) -> tuple[int, int]:
        """The characters of the source that the one at `offset` stands for."""
        piece = bisect_right(self.starts, offset) - 1
        origin, name = self.origins[piece], self.names[piece]
        if name:
            return origin, origin + len(name)
        at = origin + offset - self.starts[piece]
        return at, at + 1


@dataclass(frozen=True, slots=True)
class ResolvedList:
    """`items` are the texts after resolution, `text` how they stand in a condition; `direct` the lists it names."""

    name: str
    items: tuple[str, ...]
    direct: tuple[str, ...]
    text: str


class ListTable:
    """All lists, resolved. `warnings` says what Falco would do otherwise."""

    def __init__(self, items: Mapping[str, ListItem]) -> None:
        """`items`: in the order of first definition. Raises ExpansionTooLarge."""
        self._items = items
        self.warnings: list[Diagnostic] = []
        self.lists: dict[str, ResolvedList] = {}
        self._characters = 0
        self._pulled_in: set[str] = set()
        self._substituted: set[str] = set()
        self._names = list(items)
        self._order = {name: number for number, name in enumerate(items)}
        self._marked = [name for name in items if _MARKED.search(name)]
        self._cache: dict[str, Expanded] = {}
        self._final: dict[int, bool] = {}
        for name in items:
            if name not in self.lists:
                self._resolve(name)

    def _resolve(self, wanted: str) -> None:
        """Fill `lists` for a list and those in it, depth first; a list inside itself stays a word."""
        open_names: dict[str, Iterator[str]] = {wanted: iter(self._nested(wanted))}
        while open_names:
            name, rest = next(reversed(open_names.items()))
            inner = next((n for n in rest if n not in self.lists and n not in open_names), None)
            if inner is not None:
                open_names[inner] = iter(self._nested(inner))
            else:
                self._store(self._items[name], open_names)
                del open_names[name]

    def _nested(self, name: str) -> list[str]:
        """The lists that a list names among its items."""
        return [item.value for item in self._items[name].items if item.value in self._items]

    def _store(self, item: ListItem, open_names: Mapping[str, object]) -> None:
        nested = dict.fromkeys(self._nested(item.name))
        words: list[str] = []
        for scalar in item.items:
            if scalar.value in nested and scalar.value not in open_names:
                words.extend(self.lists[scalar.value].items)
            else:
                words.append(scalar.value)
            if len(words) > MAX_LIST_ITEMS:
                raise ExpansionTooLarge(f"list '{item.name}' would have more than {MAX_LIST_ITEMS} items")
        texts: list[str] = []
        for word in words:
            if texts:
                texts.append(", ")
            if word:
                texts.append(quoted(word))
        resolved = ResolvedList(item.name, tuple(words), tuple(nested), "".join(texts))
        self._characters += len(resolved.text) + len(words)
        if self._characters > MAX_LIST_CHARACTERS:
            raise ExpansionTooLarge(f"the lists up to '{item.name}' are longer than {MAX_LIST_CHARACTERS} characters")
        self.lists[item.name] = resolved
        self._pulled_in.update(name for name in nested if self._items[name].index < item.visibility)
        if nested:
            self._compare_with_falco(item)

    def _compare_with_falco(self, item: ListItem) -> None:
        """Falco resolves one level; a name that is left is replaced later only by a list first defined after `item`."""
        for scalar in item.items:
            inner = self._items.get(scalar.value)
            if inner is None or inner.index >= item.visibility:
                continue
            for word in inner.items:
                left = self._items.get(word.value)
                if left is None or left.index > item.index or left.name in (item.name, inner.name):
                    continue
                message = (
                    f"List '{item.name}' takes in list '{inner.name}', which takes in list '{left.name}'. Here the"
                    f" items of '{left.name}' count; Falco would compare with the word '{left.name}'."
                )
                span = Span(scalar.source, scalar.start.offset, scalar.end)
                self.warnings.append(Diagnostic(Code.DIFFERS_FROM_FALCO, message, item.context, span))

    def used(self) -> set[str]:
        """The lists that a list pulled in, or that were put into a condition since, with those inside them."""
        result = set(self._pulled_in)
        waiting = list(self._substituted)
        seen: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting.extend(self.lists[name].direct)
        return result | seen

    def expand(self, source: Traced) -> Expanded:
        """The condition with all lists put in; they count as used. Raises ExpansionTooLarge."""
        known = self._cache.get(source.text)
        if known is None:
            known = self._expand(source)
            self._cache[source.text] = known
        elif known.source is not source:
            known = replace(known, source=source)
        self._substituted |= known.lists
        return known

    def named_in(self, text: str) -> list[str]:
        """The lists whose names stand in a text, in the order of definition."""
        words = set(_WORDS.findall(text))
        return [name for name in self._names if name in words]

    def _expand(self, source: Traced) -> Expanded:
        expanded = Expanded(source.text, source)
        at = -1
        work = 0
        while True:
            found = self._lists_in(expanded.text, at)
            if not found:
                return expanded
            if all(self._is_final(number) for number in found):
                # No list brings the name of another: all at once is the same as one after the other.
                return _substitute(expanded, [self.lists[self._names[number]] for number in found])
            at = found[0]
            expanded = _substitute(expanded, [self.lists[self._names[at]]])
            work += len(expanded.text)
            if work > MAX_EXPANSION_WORK:
                raise ExpansionTooLarge("the condition names too many, or too long, lists")

    def _lists_in(self, text: str, after: int) -> list[int]:
        """The numbers behind `after` of the lists whose names stand in the text, in order."""
        order = self._order
        numbers = {order[word] for word in set(_WORDS.findall(text)) if word in order}
        numbers.update(order[name] for name in self._marked if name in text)
        return sorted(number for number in numbers if number > after)

    def _is_final(self, number: int) -> bool:
        """Whether neither the list's name is odd nor its text holds the name of a list."""
        known = self._final.get(number)
        if known is None:
            name = self._names[number]
            known = not _MARKED.search(name) and not self._lists_in(self.lists[name].text, -1)
            self._final[number] = known
        return known


def _occurrences(text: str, items: list[ResolvedList]) -> Iterator[tuple[int, int, ResolvedList]]:
    """Where the names of the lists stand as words of the text, from left to right."""
    if len(items) == 1:
        name = items[0].name
        start = text.find(name)
        while start >= 0:
            end = start + len(name)
            opened = start == 0 or text[start - 1] in DELIMITERS
            if opened and (end == len(text) or text[end] in DELIMITERS):
                yield start, end, items[0]
                start = text.find(name, end)
            else:
                start = text.find(name, start + 1)
        return
    by_name = {item.name: item for item in items}
    for match in _WORDS.finditer(text):
        item = by_name.get(match[0])
        if item is not None:
            yield match.start(), match.end(), item


def _substitute(before: Expanded, items: list[ResolvedList]) -> Expanded:
    """Replace every occurrence of the lists' names as words, blanks around them included."""
    text = before.text
    pieces = _Pieces(before)
    copied = 0
    for start, name_end, item in _occurrences(text, items):
        first, end = start, name_end
        while first > copied and text[first - 1] in BLANKS:
            first -= 1
        while end < len(text) and text[end] in BLANKS:
            end += 1
        if not item.text:
            if first > copied and text[first - 1] == ",":
                first -= 1
            elif end < len(text) and text[end] == ",":
                end += 1
        pieces.copy(copied, first)
        # The blank behind the list just before serves for both.
        if first > copied:
            pieces.insert(" ", start, item.name)
        pieces.insert(item.text + " ", start, item.name)
        copied = end
    if not pieces.lists:
        return before
    pieces.copy(copied, len(text))
    return pieces.result()


class _Pieces:
    """The pieces of a text in the making."""

    def __init__(self, before: Expanded) -> None:
        self.before = before
        self.texts: list[str] = []
        self.starts: list[int] = []
        self.origins: list[int] = []
        self.names: list[str] = []
        self.length = 0
        self.lists: set[str] = set()

    def copy(self, start: int, end: int) -> None:
        """Characters of the text before, with what is known of them."""
        before = self.before
        piece = bisect_right(before.starts, start) - 1
        while start < end:
            stop = before.starts[piece + 1] if piece + 1 < len(before.starts) else len(before.text)
            stop = min(stop, end)
            if stop > start:
                inner = 0 if before.names[piece] else start - before.starts[piece]
                self._add(before.text[start:stop], before.origins[piece] + inner, before.names[piece])
            start = max(stop, start)
            piece += 1

    def insert(self, text: str, at: int, name: str) -> None:
        """Text in the place of the list name that stood at `at`."""
        piece = bisect_right(self.before.starts, at) - 1
        if self.before.names[piece]:
            self._add(text, self.before.origins[piece], self.before.names[piece])
        else:
            self._add(text, self.before.origins[piece] + at - self.before.starts[piece], name)
        self.lists.add(name)

    def _add(self, text: str, origin: int, name: str) -> None:
        self.texts.append(text)
        self.starts.append(self.length)
        self.origins.append(origin)
        self.names.append(name)
        self.length += len(text)
        if self.length > MAX_CONDITION_CHARACTERS:
            raise ExpansionTooLarge(f"lists make the condition longer than {MAX_CONDITION_CHARACTERS} characters")

    def result(self) -> Expanded:
        return Expanded(
            "".join(self.texts),
            self.before.source,
            tuple(self.starts),
            tuple(self.origins),
            tuple(self.names),
            self.before.lists | self.lists,
        )
