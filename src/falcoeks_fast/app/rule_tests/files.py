"""Reads test files: named base events, patches of them, and what rules must say.

In: names of files and directories. Out: `RuleTestFile`s with complete events. Called by the `test` command and by the
tests of our own rules. Format: docs/rule-tests.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from falcoeks_fast.app.single_event import CUT_MARK
from falcoeks_fast.rules.suggest import closest

from .located import Located, RuleTestError, compose

_FILE_KEYS = ("bases", "rules", "tests")
_EVENT_KEYS = ("base", "event", "file", "line", "patch")
_CASE_KEYS = ("name", *_EVENT_KEYS, "cut_before", "fires", "silent", "only")
_FIRING_KEYS = ("rule", "fields", "output", "priority")
_SIZE_LIMIT_BYTES = 64 << 20
_MEMBERS = (
    *("kind", "apiVersion", "level", "auditID", "stage", "requestURI", "verb", "user", "impersonatedUser"),
    *("sourceIPs", "userAgent", "objectRef", "responseStatus", "requestObject", "responseObject"),
    *("requestReceivedTimestamp", "stageTimestamp", "annotations"),
)
"""The members of an audit event in the order in which the API server writes them (audit.k8s.io/v1, type Event)."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A rule that must fire, and what its alert must hold. `output` is the text without time and priority."""

    rule: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    output: str | None = None
    priority: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One event, and what rules must say to it.

    `only`: no rule but those of `fires` may fire. `cut_before`: the member before which CloudWatch Logs cuts the event.
    """

    file: str
    line: int
    name: str
    event: Any
    fires: tuple[Expected, ...] = ()
    silent: tuple[str, ...] = ()
    only: bool = False
    cut_before: str | None = None

    def text(self) -> bytes:
        """The event as JSON; one that is cut has its members in the API server's order, and CloudWatch's mark."""
        if self.cut_before is None:
            return json.dumps(self.event).encode()
        left = _MEMBERS[: _MEMBERS.index(self.cut_before)]
        kept = {name: self.event[name] for name in left if name in self.event}
        return json.dumps(kept).encode()[:-1] + b", " + CUT_MARK


@dataclass(frozen=True, slots=True)
class RuleTestFile:
    """`rules`: files and directories that the tests are about; empty where the file names none."""

    path: str
    rules: tuple[str, ...]
    cases: tuple[Case, ...]


def read_test_files(paths: Sequence[str]) -> list[RuleTestFile]:
    """Files as given; of directories, all YAML files below them that hold tests. Raises RuleTestError."""
    return [file for path in paths for file in (_directory(Path(path)) if Path(path).is_dir() else [_file(Path(path))])]


def merged(target: Any, patch: Any) -> Any:
    """JSON Merge Patch, RFC 7386: mappings are merged, null removes, everything else replaces."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def _directory(path: Path) -> list[RuleTestFile]:
    found = []
    for name in sorted(path.rglob("*.y*ml")):
        document = compose(str(name), _content(name))
        if document is not None and document.is_mapping and "tests" in document.members():
            found.append(_read(name, document))
    if not found:
        raise RuleTestError(f"{path} holds no tests: name a YAML file with the key 'tests', see docs/rule-tests.md")
    return found


def _file(path: Path) -> RuleTestFile:
    document = compose(str(path), _content(path))
    if document is None or not document.is_mapping:
        raise RuleTestError(f"{path}:1: a mapping with the key 'tests' is expected; rule files go behind -r")
    return _read(path, document)


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > _SIZE_LIMIT_BYTES:
            raise RuleTestError(f"{path} is larger than {_SIZE_LIMIT_BYTES >> 20} MiB, too large for tests")
        return path.read_bytes()
    except OSError as error:
        raise RuleTestError(f"{path} cannot be read: {error.strerror}") from error


def _read(path: Path, document: Located) -> RuleTestFile:
    members = _members(document, _FILE_KEYS)
    events = _Events()
    if "bases" in members:
        _add_bases(events, path, members["bases"], [path])
    definitions = list(members["tests"].items()) if "tests" in members else []
    cases = [_members(definition, _CASE_KEYS) for definition in definitions]
    for definition, entries in zip(definitions, cases, strict=True):
        if "name" not in entries:
            raise definition.error("a test needs a name")
        events.add(entries["name"], definition, path)
    rules = members["rules"].texts() if "rules" in members else ()
    return RuleTestFile(
        str(path),
        tuple(str(path.parent / name) for name in rules),
        tuple(_case(path, definition, entries, events) for definition, entries in zip(definitions, cases, strict=True)),
    )


def _add_bases(events: _Events, path: Path, node: Located, chain: list[Path]) -> None:
    """`bases` holds events by name, or names files that have such a mapping."""
    if node.is_mapping:
        for name, definition in node.members().items():
            _members(definition, _EVENT_KEYS)
            events.add_named(name, definition, path)
        return
    for name in node.texts():
        other = path.parent / name
        if other in chain:
            raise node.error(f"{other} refers back to itself through 'bases'")
        document = compose(str(other), _content(other))
        members = _members(document, _FILE_KEYS) if document is not None else {}
        if "bases" not in members:
            raise node.error(f"{other} has no 'bases'")
        _add_bases(events, other, members["bases"], [*chain, other])


def _case(path: Path, definition: Located, entries: Mapping[str, Located], events: _Events) -> Case:
    fires = tuple(map(_expected, entries["fires"].items())) if "fires" in entries else ()
    silent = entries["silent"].texts() if "silent" in entries else ()
    only = entries["only"].value if "only" in entries else False
    if not isinstance(only, bool):
        raise entries["only"].error("'only' is true or false")
    if not fires and not silent and not only:
        raise definition.error("this test asks for nothing: give 'fires', 'silent' or 'only: true'")
    name = entries["name"].text()
    if both := {expected.rule for expected in fires} & set(silent):
        raise definition.error(f"'{min(both)}' is to fire and to be silent")
    event = events.get(name, definition)
    cut_before = _cut_before(entries["cut_before"], event) if "cut_before" in entries else None
    return Case(str(path), definition.line, name, event, fires, silent, only, cut_before)


def _cut_before(node: Located, event: Any) -> str:
    """Everything but the kind may be missing of an event that is cut."""
    member = node.text()
    if member not in _MEMBERS[1:]:
        hint = closest(member, _MEMBERS[1:])
        raise node.error(f"an event cannot be cut before '{member}'{'; ' + hint if hint else ''}")
    if not isinstance(event, Mapping):
        raise node.error("only an event that is a mapping can be cut")
    return member


def _expected(node: Located) -> Expected:
    if not node.is_mapping:
        return Expected(node.text())
    entries = _members(node, _FIRING_KEYS)
    if "rule" not in entries:
        raise node.error("name the rule: {rule: NAME, fields: {...}}")
    fields = {name: value.value for name, value in entries["fields"].members().items()} if "fields" in entries else {}
    return Expected(
        entries["rule"].text(),
        fields,
        entries["output"].text() if "output" in entries else None,
        entries["priority"].text() if "priority" in entries else None,
    )


def _members(node: Located, known: Sequence[str]) -> dict[str, Located]:
    members = node.members()
    for name, value in members.items():
        if name not in known:
            hint = closest(name, known)
            raise value.error(f"'{name}' is no key here{'; ' + hint if hint else ''}; keys are {', '.join(known)}")
    return members


class _Events:
    """Events by name, worked out when they are asked for. A later definition of a name replaces an earlier one."""

    def __init__(self) -> None:
        self._definitions: dict[str, tuple[Located, Path]] = {}
        self._own: set[str] = set()
        self._events: dict[str, Any] = {}
        self._under_way: list[str] = []

    def add_named(self, name: str, definition: Located, path: Path) -> None:
        self._definitions[name] = (definition, path)

    def add(self, name: Located, definition: Located, path: Path) -> None:
        """A test. Raises RuleTestError if there is another test of this name."""
        text = name.text()
        if text in self._own:
            raise name.error(f"there are two tests named '{text}'")
        self._own.add(text)
        self._definitions[text] = (definition, path)

    def get(self, name: str, user: Located) -> Any:
        """Raises RuleTestError."""
        if name in self._events:
            return self._events[name]
        if name not in self._definitions:
            hint = closest(name, self._definitions)
            raise user.error(f"there is no base event '{name}'{'; ' + hint if hint else ''}")
        if name in self._under_way:
            loop = self._under_way[self._under_way.index(name) :]
            raise user.error(f"'{name}' is based on itself: {' -> '.join([*loop, name])}")
        definition, path = self._definitions[name]
        self._under_way.append(name)
        event = self._events[name] = self._made(definition, path)
        self._under_way.pop()
        return event

    def _made(self, definition: Located, path: Path) -> Any:
        entries = definition.members()
        given = [key for key in ("base", "event", "file") if key in entries]
        if len(given) != 1:
            raise definition.error("give exactly one of 'event', 'file' and 'base'")
        if "base" in entries:
            event = self.get(entries["base"].text(), entries["base"])
        elif "event" in entries:
            event = entries["event"].value
        else:
            event = _event_in_file(entries, path)
        return merged(event, entries["patch"].value) if "patch" in entries else event


def _event_in_file(entries: Mapping[str, Located], path: Path) -> Any:
    """A JSON file with one event, or with `line` that line of a file of JSON lines."""
    node = entries["file"]
    name = path.parent / node.text()
    content = _content(name)
    if "line" in entries:
        number = entries["line"].value
        lines = content.split(b"\n")
        if not isinstance(number, int) or not 1 <= number <= len(lines):
            raise entries["line"].error(f"{name} has {len(lines)} lines; give the number of one of them")
        content = lines[number - 1]
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise node.error(f"{name} holds no JSON event: {error}; for JSON lines give 'line' too") from error
