"""A plain reading of audit events, written from the specification alone: JSON as Falco's plugin sees it, and paths.

Slow and simple on purpose; shares nothing with the engine. Used by `reference`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+', re.DOTALL)
_ESCAPE = re.compile(rb"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_UNIT = re.compile(rb"\\u([0-9a-fA-F]{4})")
_SHORT = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b'"': b'"', b"\\": b"\\", b"/": b"/"}


@dataclass
class Json:
    """A JSON value with its original writing. `members` keeps doubles and order."""

    kind: str  # object, array, string, other
    raw: bytes = b""
    items: list[Json] = field(default_factory=list)
    members: list[tuple[bytes, bytes, Json]] = field(default_factory=list)  # key as written, decoded, value

    def get(self, key: bytes) -> Json | None:
        """The first member of that name."""
        return next((value for _, name, value in self.members if name == key), None)

    def text(self) -> bytes:
        """The value as a field shows it."""
        if self.kind == "string":
            return decode_string(self.raw).split(b"\0")[0]
        return self.compact()

    def compact(self) -> bytes:
        if self.kind == "object":
            return b"{" + b",".join(raw + b":" + value.compact() for raw, _, value in self.members) + b"}"
        if self.kind == "array":
            return b"[" + b",".join(item.compact() for item in self.items) + b"]"
        return self.raw

    def indented(self, depth: int = 0) -> bytes:
        """As `json.obj` shows it."""
        inner, outer = b"\n" + b"  " * (depth + 1), b"\n" + b"  " * depth
        if self.kind == "object" and self.members:
            parts = [raw + b": " + value.indented(depth + 1) for raw, _, value in self.members]
            return b"{" + inner + (b"," + inner).join(parts) + outer + b"}"
        if self.kind == "array" and self.items:
            return b"[" + inner + (b"," + inner).join(i.indented(depth + 1) for i in self.items) + outer + b"]"
        return self.compact()


def decode_string(raw: bytes) -> bytes:
    """The content of a JSON string with its quotes."""
    out, at, end = b"", 1, len(raw) - 1
    while match := _ESCAPE.search(raw, at, end):
        out += raw[at : match.start()]
        what, at = match.group(1), match.end()
        if len(what) < 5:
            out += _SHORT.get(what, b"\\" + what)
            continue
        unit = int(what[1:], 16)
        after = _UNIT.match(raw, at, end) if 0xD800 <= unit < 0xE000 else None
        if after is not None:  # whatever it is, it is read as the other half
            unit = _pair(unit, int(after.group(1), 16))
            at = after.end()
        out += match.group() if 0xD800 <= unit < 0xE000 else chr(unit).encode()
    return out + raw[at:end]


def _pair(high: int, low: int) -> int:
    good = high < 0xDC00 <= low < 0xE000
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00) if good else 0xFFFD


@lru_cache(256)
def parse(text: bytes) -> Json:
    """A JSON text that is known to be valid."""
    tokens = [match.group() for match in _TOKEN.finditer(text)]
    value, at = _value(tokens, 0)
    assert at == len(tokens), "more than one JSON value"
    return value


def _value(tokens: list[bytes], at: int) -> tuple[Json, int]:
    token = tokens[at]
    at += 1
    if token == b"{":
        made = Json("object")
        while tokens[at] != b"}":
            at += tokens[at] == b","
            raw = tokens[at]
            value, at = _value(tokens, at + 2)
            made.members.append((raw, decode_string(raw), value))
        return made, at + 1
    if token == b"[":
        made = Json("array")
        while tokens[at] != b"]":
            at += tokens[at] == b","
            value, at = _value(tokens, at)
            made.items.append(value)
        return made, at + 1
    return Json("string" if token.startswith(b'"') else "other", token), at


def simple_path(value: Json | None, path: Iterable[bytes]) -> Json | None:
    """`P` of the specification."""
    for key in path:
        if value is None:
            return None
        if value.kind == "object":
            value = value.get(key)
        elif value.kind == "array" and key.isdigit():
            value = value.items[int(key)] if int(key) < len(value.items) else None
        else:
            return None
    return value


def walk(value: Json, path: tuple[bytes, ...], index: int | None) -> list[Json | None] | None:
    """`W` of the specification: the values, None for holes; None for absent as a whole."""
    if not path:
        return [value]
    if value.kind == "array":
        if index is not None:
            return walk(value.items[index], path, index) if index < len(value.items) else None
        found: list[Json | None] = []
        for item in value.items:
            part = walk(item, path, index)
            found.extend([None] if part is None else part)
        return found
    member = value.get(path[0]) if value.kind == "object" else None
    return None if member is None else walk(member, path[1:], index)


def reaches_element(value: Json | None, path: tuple[bytes, ...], index: int) -> bool:
    """Whether a walk with an index comes to an element of an array."""
    for key in path:
        if value is None:
            return False
        if value.kind == "array":
            return index < len(value.items)
        value = value.get(key)
    return False


def uri_parameter(uri: bytes, key: bytes, *, lenient: bool = False) -> bytes | None:
    """The first value of a query parameter as Go's net/url gives it; None where the URI or the query is in error."""
    if not lenient and any(byte < 0x20 or byte == 0x7F for byte in uri):
        return None
    uri, _, fragment = uri.partition(b"#")
    before, _, query = uri.partition(b"?")
    if not lenient and (_unescape(fragment) is None or not _is_sound(before)):
        return None
    found: bytes | None = None
    for piece in query.split(b"&"):
        if not piece:
            continue
        name, _, value = piece.partition(b"=")
        decoded = _unescape(name.replace(b"+", b" ")), _unescape(value.replace(b"+", b" "))
        if b";" in piece or decoded[0] is None or decoded[1] is None:
            if lenient:
                continue
            return None
        if found is None and decoded[0] == key:
            found = decoded[1]
    return None if found is None else found.split(b"\0")[0]


def _is_sound(text: bytes) -> bool:
    """Whether what stands before the query is a URL reference, as url.Parse sees it."""
    scheme = re.match(rb"[A-Za-z][A-Za-z0-9+.-]*:", text)
    if text.startswith(b":"):
        return False
    rest = text[scheme.end() :] if scheme else text
    if not rest.startswith(b"/"):
        return scheme is not None or (b":" not in rest.split(b"/")[0] and _unescape(rest) is not None)
    if rest.startswith(b"//") and (scheme or not rest.startswith(b"///")):
        authority, _, path = rest[2:].partition(b"/")
        user, at, host = authority.rpartition(b"@")
        if at and (re.fullmatch(rb"[A-Za-z0-9._:~!$&'()*+,;=%@-]*", user) is None or _unescape(user) is None):
            return False
        return _is_host(host) and _unescape(path) is not None
    return _unescape(rest) is not None


def _is_host(host: bytes) -> bool:
    if host.startswith(b"["):
        inside, closed, port = host[1:].rpartition(b"]")
        return bool(closed) and re.fullmatch(rb"(:[0-9]*)?", port) is not None and _is_host_text(inside)
    colon = host.find(b":")
    if colon >= 0 and re.fullmatch(rb":[0-9]*", host[host.rfind(b":") :]) is None:
        return False
    return _is_host_text(host)


def _is_host_text(host: bytes) -> bool:
    plain = rb"[A-Za-z0-9!$&'()*+,;=:\[\]<>\"_.~\x80-\xff-]"
    return re.fullmatch(rb"(" + plain + rb"|%25|%[89a-fA-F][0-9a-fA-F])*", host) is not None


def _unescape(text: bytes) -> bytes | None:
    if re.search(rb"%(?![0-9a-fA-F]{2})", text):
        return None
    return re.sub(rb"%([0-9a-fA-F]{2})", lambda m: bytes([int(m.group(1), 16)]), text)
