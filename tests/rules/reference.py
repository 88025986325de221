"""The meaning of conditions and templates, written from the specification alone: slow and plain.

Shares no code with the plan or the engine, only the parser and the table of fields. Interpreter and compiled predicates
are held against it.

Not covered: truncated events, field fixes beyond their definition, local times (UTC only).
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass

from falcoeks_fast.rules.fields.lookup import Fields
from falcoeks_fast.rules.language import ast
from falcoeks_fast.rules.lowering.template import Template
from falcoeks_fast.rules.plan import MetaField, Reader, Slot

from . import reference_text as text
from .reference_event import Json, parse, reaches_element, simple_path, uri_parameter, walk
from .reference_own import own_field

Value = bytes | list[bytes] | int | bool | None

_LOWER = bytes(c + 32 if 65 <= c <= 90 else c for c in range(256))
_UPPER = bytes(c - 32 if 97 <= c <= 122 else c for c in range(256))
_NUMBER = re.compile(rb"\s*([+-]?)([0-9]+)")
_BELOW = {
    Reader.HOSTPATH_MATCH: (b"hostPath", b"path"),
    Reader.ANY_PRIVILEGED: (b"securityContext", b"privileged"),
}


@dataclass
class Surroundings:
    """What an event does not say itself."""

    number: int = 1
    first_time_ns: int | None = None
    plugin: bytes = b"k8saudit"
    source: bytes = b"k8s_audit"
    hostname: bytes = b"oracle"
    truncated: bool = False


class Reference:
    def __init__(self, fields: Fields) -> None:
        self.fields = fields

    def evaluate(self, expr: ast.Expr, event: bytes, surroundings: Surroundings | None = None) -> bool:
        """Whether a condition with all macros filled in is true for an event."""
        return _Event(self.fields, event, surroundings or Surroundings()).holds(expr)

    def value(self, operand: ast.Operand, event: bytes, surroundings: Surroundings | None = None) -> Value:
        return _Event(self.fields, event, surroundings or Surroundings()).value(operand)

    def render(self, template: Template, event: bytes, surroundings: Surroundings | None = None) -> bytes:
        """The message of an alert, before any cleaning."""
        it = _Event(self.fields, event, surroundings or Surroundings())
        out = b""
        for part in template.parts:
            if isinstance(part, bytes):
                out += part
                continue
            shown = it.shown(part.operand)
            out += shown.ljust(part.width)[: part.width] if part.width else shown
        return out

    def output_fields(
        self, template: Template, event: bytes, surroundings: Surroundings | None = None
    ) -> dict[str, object]:
        """The typed fields of a template, texts decoded with replacement characters."""
        it = _Event(self.fields, event, surroundings or Surroundings())
        return {ast.field_text(ref.name, ref.argument).decode(): it.typed(ref) for ref in template.fields()}


class _Event:
    def __init__(self, fields: Fields, event: bytes, around: Surroundings) -> None:
        self.fields = fields
        self.doc = parse(event)
        self.around = around
        self.audited = self.doc.get(b"auditID") is not None
        self.time_ns = time_ns(self.doc)

    # Conditions

    def holds(self, expr: ast.Expr) -> bool:
        if isinstance(expr, ast.And):
            return all(self.holds(child) for child in expr.children)
        if isinstance(expr, ast.Or):
            return any(self.holds(child) for child in expr.children)
        if isinstance(expr, ast.Not):
            return not self.holds(expr.child)
        if isinstance(expr, ast.MacroRef):
            assert expr.body is not None
            return self.holds(expr.body)
        return self.check(expr)

    def check(self, check: ast.Check) -> bool:
        left = self.value(check.left)
        if left is None:
            return False
        if check.op == "exists":
            return True
        if check.right is not None:
            right = self.value(check.right)
            return right is not None and _with_field(check.op, left, right)
        constants = [const.value for const in check.constants]
        if isinstance(left, list):
            hits = [item in constants for item in left]
            return all(hits) if check.op == "in" else any(hits)
        if isinstance(left, int):
            return _combine(check, [_numeric(check.op, left, _number(left, c)) for c in constants])
        sees_all = check.op in ("in", "intersects", "regex", "pmatch")
        sees_all |= (check.op, check.modifier) in (("=", "anyof"), ("!=", "allof"))
        value = left if sees_all else left.split(b"\0")[0]
        return _combine(check, [_textual(check.op, value, c) for c in constants])

    # Operands

    def value(self, operand: ast.Operand) -> Value:
        if isinstance(operand, ast.FieldRef):
            return self.slot(self.fields.slot(operand))
        if isinstance(operand, ast.Text):
            return operand.value
        if isinstance(operand, ast.TextList):
            items: list[bytes] = []
            for item in operand.items:
                value = self.value(item)
                if value is None:
                    return None
                items.extend(value if isinstance(value, list) else [_text(value)])
            return items
        args = [self.value(arg) for arg in operand.args]
        if any(arg is None for arg in args):
            return None
        return _TRANSFORMS[operand.name](args, operand.selector)

    def slot(self, slot: Slot) -> Value:
        name = slot.reader.name
        if name.startswith("EVT_"):
            return self.engine(slot)
        if slot.reader is Reader.META:
            meta = MetaField(slot.index)
            return (b"true" if self.around.truncated else b"false") if meta is MetaField.TRUNCATED else None
        if slot.reader is Reader.STATIC:
            return slot.key
        if slot.reader is Reader.JSON_VALUE:
            value = simple_path(self.doc, slot.path)
            return None if value is None else value.text()
        if slot.reader is Reader.JSON_OBJECT:
            return self.doc.indented()
        if slot.reader is Reader.JSON_RAWTIME:
            return str(self.time_ns).encode()
        return self.audit(slot) if self.audited else None

    def audit(self, slot: Slot) -> Value:
        if slot.reader >= Reader.EFFECTIVE:
            return own_field(self.doc, slot)
        index = None if slot.index < 0 else slot.index
        at_path = simple_path(self.doc, slot.path)
        if index is not None and slot.reader in (
            Reader.SCALAR,
            Reader.REPOSITORY_SCALAR,
            Reader.REPOSITORY_SCALAR_FIXED,
        ):
            (at_path,) = walk(self.doc, slot.path, index) or (None,)
        match slot.reader:
            case Reader.SCALAR:
                return None if at_path is None else at_path.text()
            case Reader.PLAIN_LIST:
                if at_path is None or at_path.kind != "array":
                    return None
                items = at_path.items if index is None else at_path.items[index : index + 1]
                return [item.text() for item in items] or None
            case Reader.CONSTANT:
                return slot.key
            case Reader.REPOSITORY_SCALAR | Reader.REPOSITORY_SCALAR_FIXED:
                return None if at_path is None else _repository(at_path.text(), slot.reader)
            case Reader.SUBJECT_NAMES | Reader.SUBJECT_ACCOUNTS:
                return _subjects(at_path, slot)
            case Reader.TARGET_POD_NAME:
                resource = simple_path(self.doc, (b"objectRef", b"resource"))
                sub = simple_path(self.doc, (b"objectRef", b"subresource"))
                pods = resource is not None and resource.kind == "string" and resource.text() == b"pods"
                part = sub is not None and sub.kind == "string" and sub.text() != b""
                return at_path.text() if at_path is not None and pods and not part else None
            case Reader.URI_PARAM | Reader.URI_PARAM_FIXED:
                if at_path is None:
                    return None
                return uri_parameter(at_path.text(), slot.key, lenient=slot.reader is Reader.URI_PARAM_FIXED)
        return self.walked(slot, index)

    def walked(self, slot: Slot, index: int | None) -> Value:
        if slot.reader is Reader.RULE_WORDS:
            arrays = walk(self.doc, (*slot.path, slot.key), index) or []
            return [w.text() for a in arrays if a is not None and a.kind == "array" for w in a.items] or None
        below = _BELOW.get(slot.reader, ())
        found = walk(self.doc, (*slot.path, *below), index)
        if slot.reader is Reader.WALK_DEFAULT_FIXED:
            body = self.doc.get(slot.path[0])
            if body is not None and body.kind == "array":  # a JSON Patch has no containers
                return None
            if found is None and index is not None and reaches_element(self.doc, slot.path, index):
                found = [None]
        if found is None:
            return None
        if slot.reader is Reader.HOSTPATH_MATCH:
            texts = [p.text() for p in found if p is not None]
            prefix = slot.key.endswith(b"*") and any(t.startswith(slot.key[:-1]) for t in texts)
            return b"true" if prefix or slot.key in texts else b"false"
        if slot.reader is Reader.ANY_PRIVILEGED:
            return b"true" if any(f is not None and (f.kind, f.raw) == ("other", b"true") for f in found) else b"false"
        if slot.reader is Reader.VOLUME_TYPES:
            volumes = [v for f in found if f is not None for v in (f.items if f.kind == "array" else [f])]
            chosen = volumes if index is None else volumes[index : index + 1]
            return [key for v in chosen if v.kind == "object" for _, key, _ in v.members if key != b"name"] or None
        return _policy(slot, found, index, simple_path(self.doc, slot.alt) if slot.alt else None)

    def engine(self, slot: Slot) -> Value:
        ns, rest = divmod(self.time_ns, 10**9)
        moment = datetime.datetime.fromtimestamp(ns, datetime.UTC)
        first = self.time_ns if self.around.first_time_ns is None else self.around.first_time_ns
        since = (self.time_ns - first) % 2**64
        day, clock, fraction = moment.strftime("%Y-%m-%d"), moment.strftime("%H:%M:%S"), f".{rest:09d}"
        values: dict[Reader, Value] = {
            Reader.EVT_NUM: self.around.number,
            Reader.EVT_TIME: (clock + fraction).encode(),
            Reader.EVT_TIME_S: clock.encode(),
            Reader.EVT_TIME_ISO8601: f"{day}T{clock}{fraction}+0000".encode(),
            Reader.EVT_DATETIME: f"{day} {clock}{fraction}".encode(),
            Reader.EVT_DATETIME_S: f"{day} {clock}".encode(),
            Reader.EVT_RAWTIME: self.time_ns,
            Reader.EVT_RAWTIME_S: ns,
            Reader.EVT_RAWTIME_NS: rest,
            Reader.EVT_RELTIME: since,
            Reader.EVT_RELTIME_S: since // 10**9,
            Reader.EVT_RELTIME_NS: since % 10**9,
            Reader.EVT_PLUGINNAME: self.around.plugin,
            Reader.EVT_PLUGININFO: self.doc.compact(),
            Reader.EVT_SOURCE: self.around.source,
            Reader.EVT_IS_ASYNC: False,
            Reader.EVT_ASYNCTYPE: None,
            Reader.EVT_HOSTNAME: self.around.hostname,
        }
        return values[slot.reader]

    # Alerts

    def shown(self, operand: ast.Operand) -> bytes:
        value = self.value(operand)
        if value is None:
            return b"<NA>"
        if isinstance(value, list):
            out = b""
            for item in value:
                out += (b"," if out else b"") + item.split(b"\0")[0]
            return (b"(" + out + b")")[:1023]
        if isinstance(operand, ast.FieldRef) and operand.name in ("evt.rawtime.ns", "evt.reltime", "evt.reltime.ns"):
            return b"%09d" % value
        return _text(value).split(b"\0")[0]

    def typed(self, ref: ast.FieldRef) -> object:
        if ref.name.startswith(("evt.time", "evt.datetime")):
            return self.time_ns
        value = self.value(ref)
        if ref.name.startswith(("evt.rawtime", "evt.reltime")) and isinstance(value, int) and value >= 2**63:
            return value - 2**64
        if isinstance(value, list):
            return [item.decode("utf-8", "replace") for item in value]
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
        return value


def time_ns(doc: Json) -> int:
    stamp = doc.get(b"stageTimestamp")
    match = re.fullmatch(
        r"(.{10})T(\d+:\d\d:\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:\d\d)", stamp.text().decode() if stamp else ""
    )
    if match is None:
        return 0
    day, clock, fraction, zone = match.groups()
    zone = "+00:00" if zone == "Z" else zone
    moment = datetime.datetime.fromisoformat(f"{day}T{clock.rjust(8, '0')}{zone}")
    return int(moment.timestamp()) * 10**9 + int((fraction or "").ljust(9, "0")[:9])


def _policy(slot: Slot, found: list[Json | None], index: int | None, default: Json | None) -> Value:
    """What becomes of the holes of a walk."""
    held = [item for item in found if item is not None]
    match slot.reader:
        case Reader.WALK_STRICT | Reader.REPOSITORY:
            if len(held) < len(found):
                return None
            texts = [item.text() for item in held]
            return [_repository(t, slot.reader) if slot.reader is Reader.REPOSITORY else t for t in texts] or None
        case Reader.WALK_SKIP | Reader.WHOLE_AS_LIST:
            return [item.text() for item in held] or None
        case Reader.REPOSITORY_FIXED:
            return [_repository(item.text(), slot.reader) for item in held] or None
        case Reader.CAPABILITIES_FIXED:
            return [e.text() for item in held if item.kind == "array" for e in item.items] or None
        case Reader.WALK_DEFAULT | Reader.WALK_DEFAULT_FIXED:
            if index is not None and len(held) < len(found) and slot.reader is Reader.WALK_DEFAULT:
                return None
            filling = b"0" if default is None else default.text()
            return [filling if item is None else item.text() for item in found] or None
        case Reader.CONTAINER_WORDS:
            if any(i.kind != "array" or any(w.kind != "string" for w in i.items) for i in held):
                return None
            return [b" ".join(word.text() for word in item.items) for item in held] or None
    assert slot.reader is Reader.HOST_PORT
    if any(item.kind != "array" for item in held):
        return None
    ports = [port.get(b"hostPort") or port.get(b"containerPort") for item in held for port in item.items]
    return [port.text() for port in ports if port is not None] or None


def _subjects(subjects: Json | None, slot: Slot) -> Value:
    if subjects is None or subjects.kind != "array":
        return None
    accounts = slot.reader is Reader.SUBJECT_ACCOUNTS
    wanted = b"ServiceAccount" if accounts else slot.key
    names: list[bytes] = []
    for subject in subjects.items:
        kind, name, space = subject.get(b"kind"), subject.get(b"name"), subject.get(b"namespace")
        if kind is None or name is None or kind.text() != wanted or (accounts and space is None):
            continue
        names.append(space.text() + b":" + name.text() if accounts and space is not None else name.text())
    return names or None


def _repository(image: bytes, reader: Reader) -> bytes:
    if reader in (Reader.REPOSITORY, Reader.REPOSITORY_SCALAR):
        return image.split(b":")[0].split(b"@")[0]
    image = image.split(b"@")[0]
    head, slash, last = image.rpartition(b"/")
    return head + slash + last.split(b":")[0]


def _text(value: bytes | int | bool) -> bytes:
    if isinstance(value, bool):
        return b"true" if value else b"false"
    return value if isinstance(value, bytes) else str(value).encode()


def _number(left: int | bool, constant: bytes) -> int:
    if isinstance(left, bool):
        return int(constant == b"true")
    match = _NUMBER.fullmatch(constant)
    assert match is not None
    size = int(match.group(2))
    if size >= 2**64:
        return 2**64 - 1
    return -size % 2**64 if match.group(1) == b"-" else size


def _combine(check: ast.Check, hits: list[bool]) -> bool:
    if check.modifier == "allof":
        return bool(hits) and all(hits)
    if check.modifier == "oneof":
        return sum(hits) == 1
    return any(hits)


def _numeric(op: str, a: int, b: int) -> bool:
    if op in ("=", "in", "intersects"):
        return a == b
    return {"!=": a != b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[op]


_TEXTUAL: dict[str, Callable[[bytes, bytes], bool]] = {
    "=": lambda a, b: a == b,
    "in": lambda a, b: a == b,
    "intersects": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "contains": lambda a, b: b in a,
    "icontains": lambda a, b: b.translate(_LOWER) in a.translate(_LOWER),
    "startswith": lambda a, b: a.startswith(b),
    "endswith": lambda a, b: a.endswith(b),
    "glob": text.glob,
    "iglob": lambda a, b: text.glob(a, b, fold=True),
    "regex": text.regex,
    "pmatch": text.pmatch,
}


def _textual(op: str, value: bytes, constant: bytes) -> bool:
    return _TEXTUAL[op](value, constant)


def _with_field(op: str, left: bytes | list[bytes] | int, right: bytes | list[bytes] | int) -> bool:
    if isinstance(left, list) and isinstance(right, list):
        return all(item in right for item in left) if op == "in" else any(item in right for item in left)
    if isinstance(left, int) and isinstance(right, int):
        return _numeric(op, left, right)
    assert isinstance(left, bytes)
    assert isinstance(right, bytes)
    if op in ("in", "intersects"):
        return left == right
    return _textual(op, left.split(b"\0")[0], right.split(b"\0")[0])


def _each(change: Callable[[bytes], bytes | None]) -> Callable[[list[Value], bytes | None], Value]:
    def apply(args: list[Value], selector: bytes | None) -> Value:
        value = args[0]
        if isinstance(value, list):
            changed = [change(item) for item in value]
            return None if any(item is None for item in changed) else [item for item in changed if item is not None]
        assert isinstance(value, bytes)
        return change(value)

    return apply


def _len(args: list[Value], selector: bytes | None) -> Value:
    value = args[0]
    assert isinstance(value, bytes | list)
    return len(value) if isinstance(value, list) else len(value.split(b"\0")[0])


def _join(args: list[Value], selector: bytes | None) -> Value:
    separator, items = args
    assert isinstance(separator, bytes)
    assert isinstance(items, list)
    return separator.join(items)


def _concat(args: list[Value], selector: bytes | None) -> Value:
    return b"".join(_text(arg) for arg in args if not isinstance(arg, list) and arg is not None)


def _getopt(args: list[Value], selector: bytes | None) -> Value:
    words, options = args
    assert isinstance(words, list)
    assert isinstance(options, bytes)
    if selector is None:
        return list(text.getopt_list(words, options))
    return text.getopt_value(words, options, selector)


_TRANSFORMS: dict[str, Callable[[list[Value], bytes | None], Value]] = {
    "tolower": _each(lambda v: v.translate(_LOWER)),
    "toupper": _each(lambda v: v.translate(_UPPER)),
    "basename": _each(lambda v: v.rpartition(b"/")[2]),
    "b64": _each(text.b64),
    "len": _len,
    "join": _join,
    "concat": _concat,
    "getopt": _getopt,
}
