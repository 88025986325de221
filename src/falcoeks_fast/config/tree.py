"""YAML as untyped scalars with positions: what falco.yaml is before anybody asks it for a value.

In: the text of a configuration file. Out: `Mapping`, `Sequence` and `Scalar` nodes. Called by every module of this
folder. Scalars stay text, since Falco decides on a type only when a setting is looked up; quotes do not matter to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import yaml

from .errors import ConfigError, ConfigFileError

_NULL_TAG = "tag:yaml.org,2002:null"
_NULL_TEXT = "null"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEPTH_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node stands. Lines and columns count from 1; line 0 means: not from a file."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(slots=True)
class Scalar:
    """`is_null`: a file says null there. Where Falco wants a text, it reads that as the word `null`."""

    text: str
    place: Place
    is_null: bool = False


def null_scalar(place: Place) -> Scalar:
    return Scalar(_NULL_TEXT, place, is_null=True)


@dataclass(slots=True)
class Sequence:
    items: list[Node]
    place: Place


@dataclass(slots=True)
class Mapping:
    entries: dict[str, Node]
    place: Place
    key_places: dict[str, Place] = field(default_factory=dict)

    def place_of(self, key: str) -> Place:
        return self.key_places.get(key, self.place)


Node = Scalar | Sequence | Mapping


def parse_yaml(text: str, file: str, warnings: list[str] | None = None) -> Mapping:
    """The top-level mapping of a configuration file; an empty file is an empty mapping.

    Raises ConfigFileError with line and column if `text` is not YAML or no mapping. Of a key written twice the first
    counts, and of several documents the first, as in Falco; `warnings` hears of further ones.
    """
    documents = yaml.compose_all(text, Loader=_LOADER)
    try:
        root = next(documents, None)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
        raise _unreadable(place, error.problem or error.context or "not YAML") from error
    except yaml.YAMLError as error:
        raise ConfigFileError(f"Cannot read config file ({file}): {error}") from error
    if root is None:
        return Mapping({}, Place(file))
    if warnings is not None and _has_more(documents):
        warnings.append(f"{file}: only the first YAML document counts; what stands behind it is not read")
    node = _convert(root, file, {}, 0)
    if isinstance(node, Scalar) and node.is_null:
        return Mapping({}, node.place)
    if not isinstance(node, Mapping):
        raise _unreadable(node.place, "expected a mapping of settings at the top level")
    return node


def _unreadable(place: Place, reason: str) -> ConfigFileError:
    where = f"error at line {place.line}, column {place.column}: " if place.line else ""
    return ConfigFileError(f"Cannot read config file ({place.file}): {where}{reason}")


def _has_more(documents: Iterator[yaml.Node]) -> bool:
    try:
        return next(documents, None) is not None
    except yaml.YAMLError:  # something is there, if no YAML
        return True


def parse_flow(text: str, place: Place) -> Node:
    """A `{...}` value of the command line. Raises ConfigError if it is not YAML."""
    try:
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        raise ConfigError(f"{place}: cannot read {text!r} as a YAML mapping: {error}") from error
    return Scalar(text, place) if root is None else _convert(root, place.file, {}, 0)


def _convert(node: yaml.Node, file: str, done: dict[int, Node], depth: int) -> Node:
    known = done.get(id(node))
    if known is not None:
        return known
    place = Place(file, node.start_mark.line + 1, node.start_mark.column + 1)
    if depth > _DEPTH_LIMIT:
        raise _unreadable(place, f"nested more than {_DEPTH_LIMIT} levels deep")
    result: Node
    if isinstance(node, yaml.ScalarNode):
        result = null_scalar(place) if node.tag == _NULL_TAG else Scalar(node.value, place)
    elif isinstance(node, yaml.SequenceNode):
        result = Sequence([_convert(item, file, done, depth + 1) for item in node.value], place)
    else:
        result = Mapping({}, place)
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if name not in result.entries:
                result.entries[name] = _convert(value, file, done, depth + 1)
                result.key_places[name] = Place(file, key.start_mark.line + 1, key.start_mark.column + 1)
    done[id(node)] = result
    return result


def render_flow(node: Node, show: Callable[[str, str], str] = lambda key, text: text, key: str = "") -> str:
    """The node as one line of YAML flow style. `show` may change a scalar: it gets the key above it and its text."""
    if isinstance(node, Scalar):
        return "~" if node.is_null else _flow_scalar(show(key, node.text))
    if isinstance(node, Sequence):
        return "[" + ", ".join(render_flow(item, show, key) for item in node.items) + "]"
    parts = (f"{_flow_scalar(name)}: {render_flow(value, show, name)}" for name, value in node.entries.items())
    return "{" + ", ".join(parts) + "}"


def _flow_scalar(text: str) -> str:
    plain = text.replace("_", "").replace(".", "").replace("-", "").replace("/", "").isalnum()
    if plain:
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
