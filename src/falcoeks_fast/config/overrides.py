"""`-o key=value`: settings on the command line (spec: config 2.5).

In: the option's text. Out: the tree, changed in place. Called after the files are merged, in the order of the options.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .errors import ConfigError
from .tree import Mapping, Node, Place, Scalar, Sequence, parse_flow

APPEND = None
"""The step that `[]` is: a new element at the end."""

Step = str | int | None

_INDEX = re.compile(r"\s*([+-]?[0-9]{1,10})", re.ASCII)  # what follows the digits does not matter to Falco
_STEPS_LIMIT = 100
_ESCAPABLE = ".[]\\"


@dataclass(frozen=True, slots=True)
class Override:
    """One option, split at its first `=`. `path` holds names, indices and `APPEND`."""

    key: str
    path: tuple[Step, ...]
    value: str


def parse_override(text: str) -> Override:
    """Raises ConfigError if there is no `=` or the key cannot be read."""
    key, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f'Error parsing config option "{text}". Must be of the form key=val or key.subkey=val')
    return Override(key, _parse_path(key), value)


def apply_override(root: Mapping, override: Override, warnings: list[str] | None = None) -> None:
    """Set the value in `root`; what is missing on the way is made. Raises ConfigError where a scalar is in the way.

    `warnings` hears of lists that become mappings.
    """
    value = override.value
    place = Place(f"-o {override.key}")
    flow = value.startswith("{") and value.endswith("}")
    leaf: Node = parse_flow(value, place) if flow else Scalar(value, place)
    _Setter(override.key, leaf, place, [] if warnings is None else warnings).set(root, override.path)


class _Setter:
    """One assignment, with the rules of the YAML library that Falco uses."""

    def __init__(self, key: str, leaf: Node, place: Place, warnings: list[str]) -> None:
        self._key = key
        self._leaf = leaf
        self._place = place
        self._warnings = warnings

    def set(self, node: Node | None, steps: tuple[Step, ...]) -> Node:
        """What stands at the place of `node` afterwards: `node` itself, or what it had to become."""
        if not steps:
            return self._leaf
        step, rest = steps[0], steps[1:]
        present = None if isinstance(node, Scalar) and node.is_null else node
        if step is APPEND:
            return self._append(present, rest)
        if isinstance(present, Scalar):
            raise ConfigError(
                f'Config error at key "{self._key}": operator[] call on a scalar (key: "{step}"): {present.place} says '
                f"'{present.text}', which has no settings of its own"
            )
        if isinstance(step, int) and not isinstance(present, Mapping):
            sequence = present if isinstance(present, Sequence) else Sequence([], self._place)
            if 0 <= step <= len(sequence.items):
                known = sequence.items[step] if step < len(sequence.items) else None
                sequence.items[step : step + 1] = [self.set(known, rest)]
                return sequence
        mapping = self._mapping(present, step)
        name = str(step)
        mapping.entries[name] = self.set(mapping.entries.get(name), rest)
        mapping.key_places.setdefault(name, self._place)
        return mapping

    def _append(self, node: Node | None, rest: tuple[Step, ...]) -> Node:
        if node is not None and not isinstance(node, Sequence):
            raise ConfigError(
                f"Config error at key \"{self._key}\": Parsing error: expected a numeric index, found '': what "
                f"stands at {node.place} is no list"
            )
        sequence = node if node is not None else Sequence([], self._place)
        sequence.items.append(self.set(None, rest))
        return sequence

    def _mapping(self, node: Node | None, step: Step) -> Mapping:
        """A list with an index that it cannot have, or with a name, becomes a mapping, which is no list any more."""
        if isinstance(node, Mapping):
            return node
        items = node.items if isinstance(node, Sequence) else []
        if isinstance(node, Sequence) or isinstance(step, int):
            self._warnings.append(
                f"{self._place}: [{step}] is not the next element of a list of {len(items)}: the list becomes a "
                "mapping and loses its meaning, as in Falco"
            )
        return Mapping({str(index): item for index, item in enumerate(items)}, self._place)


def _parse_path(key: str) -> tuple[Step, ...]:
    """`a.b[0][1].c[]`; a backslash takes the special meaning from `.`, `[`, `]` and itself."""
    steps: list[Step] = []
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
            if end < 0:
                raise fail("a '[' without ']'")
            steps.append(_index(key, key[position + 1 : end]))
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
    if len(steps) > _STEPS_LIMIT:
        raise fail(f"more than {_STEPS_LIMIT} levels")
    return tuple(steps)


def _index(key: str, text: str) -> int | None:
    if not text:
        return APPEND
    match = _INDEX.match(text)
    number = int(match[1]) if match else 0
    if match is None or not -(2**31) <= number < 2**31:
        raise ConfigError(f"Config error at key \"{key}\": Parsing error: expected a numeric index, found '{text}'")
    return number
