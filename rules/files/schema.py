"""The shape check of rule files that Falco makes beside loading; its outcome blocks nothing.

In: the documents of a file. Out: complaints such as `failed for <root>[2]: ...`, outermost last, worded as the JSON
schema library words them that Falco uses. `load` calls it (spec: rules-files, 1.11, "Schema check"). For the library
every scalar is a text, which may look like a number or a boolean.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from falcoeks_fast.rules.files.decode import span_of
from falcoeks_fast.rules.files.diagnostics import Code, Context, LoadError
from falcoeks_fast.rules.files.items import REPLACEABLE_KEYS
from falcoeks_fast.rules.files.yaml_source import Mapping, Node, Scalar, Sequence

MAX_COMPLAINTS = 1000
SCHEMA_OK = "ok"

_INTEGER = re.compile(r"\s*[+-]?[0-9]{1,19}", re.ASCII)
PRIORITIES = ("EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "INFORMATIONAL", "DEBUG")

Check = Callable[[Node, str], Iterator[str]]
"""(value, path) -> complaints, the innermost first."""


@dataclass(frozen=True, slots=True)
class Schema:
    """What a kind of mapping may hold."""

    properties: dict[str, Check]
    required: Collection[str] = ()
    may_be_empty: bool = True


def check_schema(documents: list[Node]) -> list[str]:
    """For each document that is not null the complaints about it, or `ok`.

    Raises LoadError for a key that is no scalar: Falco stumbles over it here, before it reads the first item.
    """
    status: list[str] = []
    for document in documents:
        if not document.is_null:
            status.extend(list(_sequence(document, "<root>", _object(ITEM))) or [SCHEMA_OK])
        if len(status) >= MAX_COMPLAINTS:
            break
    return status[:MAX_COMPLAINTS]


def _complaint(path: str, reason: str) -> str:
    return f"failed for {path}: {reason}"


def _bad_type(path: str) -> str:
    return _complaint(path, "Value type not permitted by 'type' constraint.")


def _is_text(node: Node) -> bool:
    return isinstance(node, Scalar) and not node.is_null


def _sequence(node: Node, path: str, check: Check) -> Iterator[str]:
    if not isinstance(node, Sequence):
        yield _bad_type(path)
        return
    for number, item in enumerate(node.items):
        failed = False
        for complaint in check(item, f"{path}[{number}]"):
            failed = True
            yield complaint
        if failed:
            yield _complaint(path, f"Failed to validate item #{number} in array.")


def _sequence_of(check: Check) -> Check:
    return lambda node, path: _sequence(node, path, check)


def _anything(_node: Node, _path: str) -> Iterator[str]:
    return iter(())


def _text(node: Node, path: str) -> Iterator[str]:
    if not _is_text(node):
        yield _bad_type(path)


def _boolean(node: Node, path: str) -> Iterator[str]:
    if not isinstance(node, Scalar) or node.value not in ("true", "false"):
        yield _bad_type(path)


def _integer(node: Node, path: str) -> Iterator[str]:
    if not isinstance(node, Scalar) or _INTEGER.fullmatch(node.value) is None:
        yield _bad_type(path)


def _integer_or_text(node: Node, path: str) -> Iterator[str]:
    if not _is_text(node):
        for number in range(2):
            yield _bad_type(path)
            yield _complaint(path, f"Failed to validate against child schema #{number}.")
        yield _complaint(path, "Failed to validate against any schemas allowed by anyOf constraint.")


def _one_of(words: Collection[str]) -> Check:
    def check(node: Node, path: str) -> Iterator[str]:
        if not _is_text(node):
            yield _bad_type(path)
        if not isinstance(node, Scalar) or node.value not in words:
            yield _complaint(path, "Failed to match against any enum values.")

    return check


def _object(schema: Schema) -> Check:
    def check(node: Node, path: str) -> Iterator[str]:
        if not isinstance(node, Mapping):
            yield _bad_type(path)
            return
        for key, _ in node.pairs:
            if not isinstance(key, Scalar):
                message = "a key must be a word, not a mapping or a sequence"
                raise LoadError(Code.ERR_YAML_PARSE, message, Context.of_file(key.source), span_of(key))
        if not node.pairs and not schema.may_be_empty:
            yield _complaint(path, "Object should have no fewer than 1 properties.")
        names = [name for name, _ in node.key_nodes()]
        matched = sorted(schema.properties.keys() & set(names))
        for name in matched:
            value = node.get(name)
            assert value is not None
            failed = False
            for complaint in schema.properties[name](value, f"{path}[{name}]"):
                failed = True
                yield complaint
            if failed:
                yield _complaint(path, f"Failed to validate against schema associated with property name '{name}'.")
        if len(matched) < len(names):
            # The first of them, and nothing where a known key is given twice.
            unknown = next((name for name in names if name not in schema.properties), "")
            reason = "Object contains a property that could not be validated using 'properties' or"
            yield _complaint(path, f"{reason} 'additionalProperties' constraints: '{unknown}'.")
        for name in schema.required:
            if name not in names:
                yield _complaint(path, f"Missing required property '{name}'.")

    return check


ALTERNATIVE = Schema({"name": _text, "version": _text}, required=("name", "version"))
PLUGIN_VERSION = Schema(
    {"name": _text, "version": _text, "alternatives": _sequence_of(_object(ALTERNATIVE))},
    required=("name", "version"),
)
EXCEPTION = Schema({"name": _text, "fields": _anything, "comps": _anything, "values": _anything}, required=("name",))
OVERRIDE = Schema(
    dict.fromkeys(("items", *REPLACEABLE_KEYS), _one_of(("append", "replace"))),
    may_be_empty=False,
)
ITEM = Schema(
    {
        "required_engine_version": _text,
        "required_plugin_versions": _sequence_of(_object(PLUGIN_VERSION)),
        "macro": _text,
        "condition": _text,
        "list": _text,
        "items": _sequence_of(_integer_or_text),
        "rule": _text,
        "desc": _text,
        "enabled": _boolean,
        "output": _text,
        "append": _boolean,
        "priority": _one_of(PRIORITIES),
        "capture": _boolean,
        "capture_duration": _integer,
        "source": _text,
        "exceptions": _sequence_of(_object(EXCEPTION)),
        "override": _object(OVERRIDE),
        "tags": _sequence_of(_text),
        "warn_evttypes": _boolean,
        "skip-if-unknown-filter": _boolean,
    }
)
