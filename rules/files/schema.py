"""The shape check of rule files that Falco makes beside loading; its outcome blocks nothing.

In: the documents of a file. Out: complaints such as `failed for <root>[2]: ...`, outermost last, worded as the JSON
schema library words them that Falco uses. `load` calls it (spec: rules-files, 1.11, "Schema check").
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from falcoeks_fast.rules.files.decode import to_boolean
from falcoeks_fast.rules.files.items import REPLACEABLE_KEYS
from falcoeks_fast.rules.files.yaml_source import Mapping, Node, Scalar, Sequence

MAX_COMPLAINTS = 1000

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
    """All complaints about a file; none if it has the shape of the schema."""
    complaints: list[str] = []
    for document in documents:
        if not document.is_null:
            complaints.extend(_sequence(document, "<root>", _object(ITEM)))
        if len(complaints) >= MAX_COMPLAINTS:
            break
    return complaints[:MAX_COMPLAINTS]


def _complaint(path: str, reason: str) -> str:
    return f"failed for {path}: {reason}"


def _bad_type(path: str) -> str:
    return _complaint(path, "Value type not permitted by 'type' constraint.")


def _sequence(node: Node, path: str, check: Check) -> Iterator[str]:
    if not isinstance(node, Sequence):
        if not node.is_null:
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
    if not isinstance(node, Scalar):
        yield _bad_type(path)


def _boolean(node: Node, path: str) -> Iterator[str]:
    if not isinstance(node, Scalar) or to_boolean(node.value) is None:
        yield _bad_type(path)


def _integer(node: Node, path: str) -> Iterator[str]:
    if not isinstance(node, Scalar) or not node.value.removeprefix("-").isdigit():
        yield _bad_type(path)


def _one_of(words: Collection[str]) -> Check:
    def check(node: Node, path: str) -> Iterator[str]:
        if not isinstance(node, Scalar):
            yield _bad_type(path)
        elif node.value not in words:
            yield _complaint(path, "Failed to match against any enum values.")

    return check


def _object(schema: Schema) -> Check:
    def check(node: Node, path: str) -> Iterator[str]:
        if not isinstance(node, Mapping):
            if not node.is_null:
                yield _bad_type(path)
            return
        if not node.pairs and not schema.may_be_empty:
            yield _complaint(path, "Object should have no fewer than 1 properties.")
        values = {name.value: value for name, value in reversed(node.pairs) if isinstance(name, Scalar)}
        for key in sorted(values):
            rule = schema.properties.get(key)
            failed = False
            for complaint in rule(values[key], f"{path}[{key}]") if rule else ():
                failed = True
                yield complaint
            if failed:
                yield _complaint(path, f"Failed to validate against schema associated with property name '{key}'.")
        for key in sorted(set(values) - set(schema.properties)):
            reason = "Object contains a property that could not be validated using 'properties' or"
            yield _complaint(path, f"{reason} 'additionalProperties' constraints: '{key}'.")
        for key in schema.required:
            if key not in values:
                yield _complaint(path, f"Missing required property '{key}'.")

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
        "items": _sequence_of(_text),
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
