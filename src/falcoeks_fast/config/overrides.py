"""`-o key=value`: settings on the command line (spec: config 2.5).

In: the option's text. Out: the tree, changed in place. Called after the files are merged, in the order of the options.
"""

from __future__ import annotations

from dataclasses import dataclass

from .errors import ConfigError
from .tree import Mapping, Node, Place, Scalar, Sequence, null_scalar, parse_flow

_APPEND = -1
_INDEX_LIMIT = 10_000
_ESCAPABLE = ".[]\\"


@dataclass(frozen=True, slots=True)
class Override:
    """One option, split at its first `=`. `path` holds names and indices; index -1 appends."""

    key: str
    path: tuple[str | int, ...]
    value: str


def parse_override(text: str) -> Override:
    """Raises ConfigError if there is no `=` or the key cannot be read."""
    key, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f'Error parsing config option "{text}". Must be of the form key=val or key.subkey=val')
    return Override(key, _parse_path(key), value)


def apply_override(root: Mapping, override: Override) -> None:
    """Set the value in `root`; what is missing on the way is made, what is of another kind replaced."""
    place = Place(f"-o {override.key}")
    value = override.value
    flow = value.startswith("{") and value.endswith("}")
    leaf: Node = parse_flow(value, place) if flow else Scalar(value, place)
    node: Node = root
    steps = override.path
    for step, following in zip(steps, (*steps[1:], None), strict=True):
        child: Node
        if following is None:
            child = leaf
        else:
            child = _existing(node, step, following) or (
                Mapping({}, place) if isinstance(following, str) else Sequence([], place)
            )
        _store(node, step, child, place)
        node = child


def _existing(node: Node, step: str | int, following: str | int) -> Node | None:
    child: Node | None = None
    if isinstance(step, str) and isinstance(node, Mapping):
        child = node.entries.get(step)
    elif isinstance(step, int) and isinstance(node, Sequence) and 0 <= step < len(node.items):
        child = node.items[step]
    wanted = Mapping if isinstance(following, str) else Sequence
    return child if isinstance(child, wanted) else None


def _store(node: Node, step: str | int, child: Node, place: Place) -> None:
    if isinstance(step, str):
        assert isinstance(node, Mapping)
        node.entries[step] = child
        node.key_places.setdefault(step, place)
        return
    assert isinstance(node, Sequence)
    if step == _APPEND:
        node.items.append(child)
        return
    while len(node.items) <= step:
        node.items.append(null_scalar(place))
    node.items[step] = child


def _parse_path(key: str) -> tuple[str | int, ...]:
    """`a.b[0][1].c[]`; a backslash takes the special meaning from `.`, `[`, `]` and itself."""
    steps: list[str | int] = []
    name: list[str] = []
    position = 0
    name_expected = True

    def fail(reason: str) -> ConfigError:
        return ConfigError(f'Config error at key "{key}": {reason} at character {position + 1}')

    while position < len(key):
        char = key[position]
        if char == "\\":
            if position + 1 >= len(key) or key[position + 1] not in _ESCAPABLE:
                raise fail("a backslash may only stand before '.', '[', ']' or another backslash")
            name.append(key[position + 1])
            name_expected = False
            position += 2
        elif char == ".":
            if name_expected:
                raise fail("a name is missing")
            if name:
                steps.append("".join(name))
                name.clear()
            name_expected = True
            position += 1
        elif char == "[":
            if name_expected:
                raise fail("a name is missing")
            if name:
                steps.append("".join(name))
                name.clear()
            end = key.find("]", position)
            digits = key[position + 1 : end] if end >= 0 else ""
            if end < 0 or (digits and not (digits.isascii() and digits.isdigit() and int(digits) < _INDEX_LIMIT)):
                raise fail(f"'[' must be followed by a number below {_INDEX_LIMIT} and ']', or by ']' to append")
            steps.append(int(digits) if digits else _APPEND)
            position = end + 1
            if position < len(key) and key[position] not in ".[":
                raise fail("after ']' only '.' or '[' can follow")
        elif char == "]":
            raise fail("a ']' without '['")
        else:
            name.append(char)
            name_expected = False
            position += 1
    if name_expected:
        raise fail("a name is missing")
    if name:
        steps.append("".join(name))
    return tuple(steps)
