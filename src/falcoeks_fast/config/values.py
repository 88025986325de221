"""Looking up settings in a configuration tree, as forgivingly as Falco does.

In: a `Mapping` from `tree`. Out: strings, numbers, booleans, lists. Called by the readers of single sections. A scalar
that cannot be converted to the wanted type becomes the default; only a scalar where a mapping must stand is an error.
"""

from __future__ import annotations

from .errors import ConfigError
from .tree import Mapping, Node, Scalar, Sequence

_TRUE_WORDS = ("true", "yes", "on", "y")
_FALSE_WORDS = ("false", "no", "off", "n")
_BOOLS = {
    spelling: value
    for words, value in ((_TRUE_WORDS, True), (_FALSE_WORDS, False))
    for word in words
    for spelling in (word, word.capitalize(), word.upper())
}


def to_bool(text: str) -> bool | None:
    """The YAML 1.1 booleans as yaml-cpp reads them: lower case, Capitalised or UPPER CASE."""
    return _BOOLS.get(text)


def to_int(text: str) -> int | None:
    """Decimal, `0x...` or octal with a leading 0, with a sign; None if it is no integer."""
    digits = text.strip()
    sign = -1 if digits.startswith("-") else 1
    digits = digits.lstrip("+-") if digits[:1] in "+-" else digits
    base = 10
    if digits[:2].lower() == "0x":
        base = 16
    elif len(digits) > 1 and digits[0] == "0":
        base = 8
    if not digits or "_" in digits or digits[0] in "+- ":
        return None
    try:
        return sign * int(digits, base)
    except ValueError:
        return None


def find(root: Mapping, path: str) -> Node | None:
    """The node at a dotted path, or None. Raises ConfigError if something on the way is a scalar."""
    node: Node = root
    walked: list[str] = []
    for name in path.split("."):
        if isinstance(node, Scalar):
            if node.is_null:
                return None
            raise ConfigError(
                f"Config error at key \"{path}\": {node.place}: '{'.'.join(walked)}' must be a mapping with settings "
                f"such as '{name}', not '{node.text}'"
            )
        if not isinstance(node, Mapping) or name not in node.entries:
            return None
        node = node.entries[name]
        walked.append(name)
    return node


def bad_conversion(node: Node, reason: str) -> ConfigError:
    """What Falco cannot make an entry of a list of: begins with the words of its YAML library, which people look up."""
    place = node.place
    where = f"yaml-cpp: error at line {place.line}, column {place.column}: " if place.line else ""
    return ConfigError(f"{where}bad conversion ({place}): {reason}")


def get_text(root: Mapping, path: str, default: str = "") -> str:
    """The text of a scalar; null is the word `null`, as it is for Falco."""
    node = find(root, path)
    return node.text if isinstance(node, Scalar) else default


def get_bool(root: Mapping, path: str, default: bool) -> bool:
    node = find(root, path)
    value = to_bool(node.text) if isinstance(node, Scalar) else None
    return default if value is None else value


def get_int(root: Mapping, path: str, default: int, *, low: int = 0, high: int = 2**32 - 1) -> int:
    node = find(root, path)
    value = to_int(node.text) if isinstance(node, Scalar) else None
    return default if value is None or not low <= value <= high else value


def get_nodes(root: Mapping, path: str) -> list[Node]:
    """The elements of a sequence; a scalar counts as one element, a mapping and null as none."""
    return list_of(find(root, path))


def list_of(node: Node | None) -> list[Node]:
    if isinstance(node, Sequence):
        return list(node.items)
    if isinstance(node, Scalar) and not node.is_null:
        return [node]
    return []


def get_texts(root: Mapping, path: str) -> list[str]:
    return [item.text for item in get_nodes(root, path) if isinstance(item, Scalar)]


def has(root: Mapping, path: str) -> bool:
    return find(root, path) is not None


def is_absent(node: Mapping, name: str) -> bool:
    """Whether a key is not there, or null."""
    value = node.entries.get(name)
    return value is None or (isinstance(value, Scalar) and value.is_null)
