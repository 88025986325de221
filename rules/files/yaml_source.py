"""YAML text -> documents of nodes that know where they stand.

In: a `SourceFile`. Out: one `Node` tree for each document, or a `LoadError`. `reader` calls it. Scalars stay text: what
a rule file means by `15` or `yes` depends on the key, and is decided there, as yaml-cpp does (spec: rules-files, 1.2).
The text is read as events of libyaml, without recursion, with bounds on size, depth and the reach of aliases.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import yaml
from yaml.reader import ReaderError

from falcoeks_fast.rules.files.diagnostics import Code, Context, LoadError, Position, SourceFile

MAX_FILE_BYTES = 64 << 20
MAX_DEPTH = 64
MAX_NODES = 5_000_000

LOADER: Any = getattr(yaml, "CLoader", yaml.Loader)
STAND_IN = "\ue000"
_LEADING_COLON = re.compile(r"(?<=[\[,{ ]):(?=[^\s,\[\]{}])")
"""A colon that begins a plain word, as in `[::1]`: right for yaml-cpp, refused by libyaml in flow sequences. Where a
file does not parse, it is tried again with another character in its place."""
_BLANKS_AND_COMMENTS = re.compile(r"(?:\s|(?<!\S)#[^\n]*)*+")
NULLS = frozenset({"", "~", "null", "Null", "NULL"})


class _Mark(Protocol):
    line: int
    column: int
    index: int


@dataclass(slots=True)
class Node:
    """A scalar, sequence or mapping. `start` is where it begins in the text, `end` one behind its last character.

    `weight` is the number of nodes in it, with those behind an alias counted each time they are reached; `height` the
    number of levels.
    """

    start: Position
    source: SourceFile
    end: int = 0
    weight: int = 1
    height: int = 1

    @property
    def is_null(self) -> bool:
        return False

    @property
    def mark(self) -> Position:
        """Where yaml-cpp sees the node."""
        return self.start


@dataclass(slots=True)
class Scalar(Node):
    """`style` is one of `'`, `"`, `|`, `>`, or empty for a plain scalar. `places` is filled in by `traced`."""

    value: str = ""
    style: str = ""
    tag: str = ""
    places: list[int] | None = field(default=None, compare=False, repr=False)

    @property
    def is_null(self) -> bool:
        return not self.style and not self.tag and self.value in NULLS

    @property
    def mark(self) -> Position:
        """For yaml-cpp, nothing stands where the next thing begins; behind the last one, at the first column."""
        if self.value or self.style or self.tag:
            return self.start
        text = self.source.text
        behind = _BLANKS_AND_COMMENTS.match(text, self.start.offset)
        at = self.start.offset if behind is None else behind.end()
        column = 0 if at == len(text) else at - text.rfind("\n", 0, at) - 1
        return Position(self.start.line + text.count("\n", self.start.offset, at), column, at)


@dataclass(slots=True)
class Sequence(Node):
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Mapping(Node):
    """`pairs` keeps the order and double keys; `get` answers with the first, as yaml-cpp does."""

    pairs: list[tuple[Node, Node]] = field(default_factory=list)
    _open_key: Node | None = None

    def get(self, key: str) -> Node | None:
        for name, value in self.pairs:
            if isinstance(name, Scalar) and name.value == key:
                return value
        return None

    def key_nodes(self) -> Iterator[tuple[str, Node]]:
        """The scalar keys with their nodes. A key that is null is called that, as in Falco."""
        for name, _ in self.pairs:
            if isinstance(name, Scalar):
                yield "null" if name.is_null else name.value, name


def decode_file(name: str, content: bytes) -> SourceFile:
    """The text of a file: UTF-8 (bytes that are none become U+FFFD), or UTF-16 where a byte order mark says so."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return SourceFile(name, content.decode("utf-16", errors="replace"))
    return SourceFile(name, content.removeprefix(codecs.BOM_UTF8).decode("utf-8", errors="replace"))


def load_documents(source: SourceFile) -> list[Node]:
    """All documents of a file; an empty one is a null scalar. Raises LoadError (LOAD_ERR_YAML_PARSE)."""
    if len(source.text) > MAX_FILE_BYTES:
        raise _error(source, f"the file is larger than {MAX_FILE_BYTES >> 20} MiB", Position())
    try:
        return _composed(source, source.text)
    except yaml.MarkedYAMLError as error:
        lenient = _LEADING_COLON.sub(STAND_IN, source.text) if STAND_IN not in source.text else source.text
        if lenient != source.text:
            try:
                return _composed(source, lenient)
            except yaml.YAMLError:
                pass
        mark = error.problem_mark or error.context_mark
        position = Position(mark.line, mark.column, mark.index) if mark else Position()
        raise _error(source, _reason(error), position) from None
    except ReaderError as error:
        offset = int(error.position)
        line = source.text.count("\n", 0, offset)
        position = Position(line, offset - (source.text.rfind("\n", 0, offset) + 1), offset)
        reason = f"character U+{_code_point(error.character):04X} is not allowed in YAML"
        raise _error(source, reason, position) from None


def _composed(source: SourceFile, text: str) -> list[Node]:
    """The documents of `text`, which stands for that of `source`. Raises yaml.YAMLError, LoadError."""
    composer = _Composer(source)
    for event in yaml.parse(text, Loader=LOADER):
        composer.feed(event)
    return composer.documents


def _reason(error: yaml.MarkedYAMLError) -> str:
    begun = error.context_mark
    if not error.context or begun is None:
        return error.problem or error.context or "not YAML"
    return f"{error.context} that begins at line {begun.line + 1}, column {begun.column + 1}: {error.problem}"


def _code_point(character: Any) -> int:
    return character if isinstance(character, int) else ord(character)


def _error(source: SourceFile, reason: str, position: Position) -> LoadError:
    context = Context.of_file(source).within("value for", "", position)
    message = f"YAML error at line {position.line + 1}, column {position.column + 1}: {reason}"
    return LoadError(Code.ERR_YAML_PARSE, message, context)


class _Composer:
    """Builds nodes from the events of the parser."""

    def __init__(self, source: SourceFile) -> None:
        self.source = source
        self._stand_in = STAND_IN if STAND_IN in source.text else ":"
        self.documents: list[Node] = []
        self._stack: list[Node] = []
        self._anchors: dict[str, Node] = {}
        self._nodes = 0

    def feed(self, event: Any) -> None:
        """Take one event of the parser. It is `Any` because its marks are optional in the stubs, and never missing."""
        kind = type(event)
        if kind is yaml.ScalarEvent:
            # Half a surrogate pair has no UTF-8 form, and conditions are bytes from here on.
            value = event.value
            if not value.isascii():
                value = value.encode("utf-8", "replace").decode("utf-8").replace(STAND_IN, self._stand_in)
            scalar = Scalar(
                _position(event.start_mark),
                self.source,
                end=event.end_mark.index,
                value=value,
                style=event.style or "",
                tag=event.tag or "",
            )
            self._add(scalar, event.anchor)
        elif kind is yaml.MappingStartEvent:
            self._open(Mapping(_position(event.start_mark), self.source), event.anchor)
        elif kind is yaml.SequenceStartEvent:
            self._open(Sequence(_position(event.start_mark), self.source), event.anchor)
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            node = self._stack.pop()
            node.end = event.end_mark.index
            self._attach(node)
        elif kind is yaml.AliasEvent:
            self._alias(event)
        elif kind is yaml.DocumentStartEvent:
            self._anchors = {}

    def _open(self, node: Node, anchor: str | None) -> None:
        if len(self._stack) >= MAX_DEPTH:
            raise _error(self.source, f"more than {MAX_DEPTH} levels of nesting", node.start)
        if anchor:
            self._anchors[anchor] = node
        self._stack.append(node)

    def _add(self, node: Node, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = node
        self._attach(node)

    def _alias(self, event: Any) -> None:
        position = _position(event.start_mark)
        node = self._anchors.get(event.anchor)
        if node is None:
            raise _error(self.source, f"unknown alias '{event.anchor}'", position)
        if any(node is outer for outer in self._stack):
            raise _error(self.source, f"alias '{event.anchor}' stands inside what it names", position)
        self._attach(node)

    def _attach(self, node: Node) -> None:
        if not self._stack:
            self.documents.append(node)
            return
        parent = self._stack[-1]
        parent.weight += node.weight
        parent.height = max(parent.height, node.height + 1)
        if parent.weight > MAX_NODES:
            raise _error(self.source, f"more than {MAX_NODES} values, aliases included", node.start)
        if parent.height > MAX_DEPTH:
            raise _error(self.source, f"more than {MAX_DEPTH} levels of nesting, aliases included", node.start)
        if isinstance(parent, Sequence):
            parent.items.append(node)
        elif isinstance(parent, Mapping):
            if parent._open_key is None:
                parent._open_key = node
            else:
                parent.pairs.append((parent._open_key, node))
                parent._open_key = None


def _position(mark: _Mark) -> Position:
    return Position(mark.line, mark.column, mark.index)
