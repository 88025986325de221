"""YAML with the line of every value.

In: the text of a test file. Out: nodes that know their line, and plain values. Called by `files`. Times stay text, as
they stand in audit events.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

_TIME = "tag:yaml.org,2002:timestamp"


class RuleTestError(Exception):
    """A test file cannot be used. The message says where and what to do."""


class _Loader(yaml.SafeLoader):
    """YAML 1.1 as usual, but without times."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIME]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class Located:
    """A value of a YAML file, with its place."""

    def __init__(self, file: str, node: yaml.Node) -> None:
        self._file = file
        self._node = node

    @property
    def line(self) -> int:
        """Counted from 1."""
        return int(self._node.start_mark.line) + 1

    def error(self, text: str) -> RuleTestError:
        return RuleTestError(f"{self._file}:{self.line}: {text}")

    @property
    def value(self) -> Any:
        """As Python has it. Raises RuleTestError."""
        loader = _Loader("")
        try:
            return loader.construct_document(self._node)
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            raise self.error(f"this value cannot be read: {error}") from error
        finally:
            loader.dispose()

    @property
    def is_mapping(self) -> bool:
        return isinstance(self._node, yaml.MappingNode)

    @property
    def is_sequence(self) -> bool:
        return isinstance(self._node, yaml.SequenceNode)

    def members(self) -> dict[str, Located]:
        """The entries of a mapping. Raises RuleTestError if it is none."""
        if not isinstance(self._node, yaml.MappingNode):
            raise self.error("a mapping is expected here")
        return {str(key.value): Located(self._file, value) for key, value in self._node.value}

    def items(self) -> Iterator[Located]:
        """The elements of a sequence. Raises RuleTestError if it is none."""
        if not isinstance(self._node, yaml.SequenceNode):
            raise self.error("a list is expected here")
        return (Located(self._file, item) for item in self._node.value)

    def text(self) -> str:
        """Raises RuleTestError if the value is no text."""
        value = self.value
        if not isinstance(value, str):
            raise self.error("a text is expected here")
        return value

    def texts(self) -> tuple[str, ...]:
        """A text or a list of texts. Raises RuleTestError."""
        return tuple(item.text() for item in self.items()) if self.is_sequence else (self.text(),)


def compose(file: str, content: bytes) -> Located | None:
    """The document of a file; None if it is empty. Raises RuleTestError."""
    try:
        node = yaml.compose(content, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise RuleTestError(f"{file}:{line}: no valid YAML: {error.problem}") from error
    except (yaml.YAMLError, RecursionError, UnicodeDecodeError) as error:
        raise RuleTestError(f"{file}: no valid YAML: {error}") from error
    return Located(file, node) if node is not None else None
