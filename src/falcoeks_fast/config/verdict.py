"""What Falco's own JSON schema says of a configuration file, for the start-up lines (spec: config 2.4).

In: a parsed file. Out: `ok`, or `failed for <path>: <reason>` with Falco's first reason. Called by `schema`. Falco's
schema is narrower than what it reads: it knows no `yes`, no `0x10`, no scalar for a list, and wants some settings to be
given. Our own mapping `falcoeks` is left out.
"""

from __future__ import annotations

import re

from .keys import FALCO_KEYS, Kind
from .system_call_keys import SYSTEM_CALL_KINDS
from .tree import Mapping, Node, Scalar, Sequence

_OWN = "falcoeks"
_UNKNOWN_TO_IT = ("rules_file",)
_KINDS = {key.path: key.kind for key in FALCO_KEYS if key.path not in _UNKNOWN_TO_IT} | SYSTEM_CALL_KINDS
_REQUIRED = {
    "engine": ("kind",),
    "engine.replay": ("capture_file",),
    "plugins[]": ("library_path", "name"),
    "program_output": ("program",),
}
_NOT_EMPTY = frozenset(
    (
        "base_syscalls",
        "engine.kmod",
        "falco_libs",
        "file_output",
        "http_output",
        "libs_logger",
        "metrics",
        "outputs_queue",
        "rules[]",
        "rules[].disable",
        "rules[].enable",
        "stdout_output",
        "syscall_event_drops",
        "syscall_event_timeouts",
        "syslog_output",
        "webserver",
    )
)
_WRONG_TYPE = "Value type not permitted by 'type' constraint."
_INTEGER = re.compile(r"\s*[+-]?[0-9]{1,30}")
_INTEGER_LIMIT = 2**63


def falco_verdict(root: Mapping) -> str:
    reason = _of_mapping(root, "", "")
    return f"failed for <root>{reason}" if reason else "ok"


def _of_mapping(node: Mapping, path: str, shown: str) -> str:
    """The first reason, with the place in front: known settings by name, then unknown ones, then what is missing."""
    known: list[tuple[str, str]] = []
    unknown: list[str] = []
    for name in node.entries:
        key_path = f"{path}.{name}" if path else name
        if key_path in _KINDS:
            known.append((name, key_path))
        elif f"{path}.*" not in _KINDS and key_path != _OWN:
            unknown.append(name)
    for name, key_path in sorted(known):
        if reason := _of_value(node.entries[name], key_path, f"{shown}[{name}]"):
            return reason
    if unknown:
        return (
            f"{shown}: Object contains a property that could not be validated using 'properties' or "
            f"'additionalProperties' constraints: '{unknown[0]}'."
        )
    if path in _NOT_EMPTY and not node.entries:
        return f"{shown}: Object should have no fewer than 1 properties."
    missing = [name for name in _REQUIRED.get(path, ()) if name not in node.entries]
    return f"{shown}: Missing required property '{missing[0]}'." if missing else ""


def _of_value(value: Node, path: str, shown: str) -> str:
    kind = _KINDS[path]
    if not _fits(value, kind):
        return f"{shown}: {_WRONG_TYPE}"
    if isinstance(value, Mapping) and kind is Kind.MAP:
        return _of_mapping(value, path, shown)
    if isinstance(value, Sequence) and kind is Kind.LIST:
        return _of_list(value, f"{path}[]", shown)
    return ""


def _of_list(value: Sequence, path: str, shown: str) -> str:
    for index, item in enumerate(value.items):
        place = f"{shown}[{index}]"
        if isinstance(item, Scalar) and item.is_null:
            return f"{place}: {_WRONG_TYPE}"
        if path in _KINDS and (reason := _of_value(item, path, place)):
            return reason
    return ""


def _fits(value: Node, kind: Kind) -> bool:
    """As weakly as Falco checks: a text that reads as a number is one."""
    if kind is Kind.ANY:
        return True
    if kind is Kind.MAP:
        return isinstance(value, Mapping)
    if kind is Kind.LIST:
        return isinstance(value, Sequence)
    if not isinstance(value, Scalar) or value.is_null:
        return False
    if kind is Kind.BOOL:
        return value.text in ("true", "false")
    if kind is Kind.INT:
        return _INTEGER.fullmatch(value.text) is not None and abs(int(value.text)) < _INTEGER_LIMIT
    if kind is Kind.NUMBER:
        return is_number(value.text)
    return True


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
