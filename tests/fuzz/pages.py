"""FilterLogEvents bodies made by hand, byte by byte, so that messages may hold any bytes and be written in any way.

In: messages as bytes. Out: bodies. Called by the fuzz targets and the tests of the core.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

_SHORT = {0x22: b'\\"', 0x5C: b"\\\\", 0x08: b"\\b", 0x0C: b"\\f", 0x0A: b"\\n", 0x0D: b"\\r", 0x09: b"\\t"}
_PLAIN = [_SHORT.get(byte, b"\\u%04x" % byte if byte < 32 else bytes((byte,))) for byte in range(256)]
START_MS = 1_767_323_045_000


def escaped(message: bytes, chance: random.Random | None = None) -> bytes:
    """A message as the inside of a JSON string; with a source of chance, now and then in unusual ways."""
    if chance is None or chance.random() < 0.7:
        out = message.translate(None)
        for byte in (0x5C, *(b for b in _SHORT if b != 0x5C)):
            out = out.replace(bytes((byte,)), _SHORT[byte])
        return b"".join(_PLAIN[b] if b < 32 else bytes((b,)) for b in out) if _has_controls(out) else out
    share = chance.choice((0.02, 0.2, 1.0))
    parts = []
    for byte in message:
        if byte < 128 and chance.random() < share:
            parts.append(b"\\/" if byte == 0x2F else (b"\\u%04x", b"\\u%04X")[chance.randrange(2)] % byte)
        else:
            parts.append(_PLAIN[byte])
    return b"".join(parts)


def _has_controls(text: bytes) -> bool:
    return len(text.translate(None, bytes(range(32)))) != len(text)


def page(messages: Sequence[bytes], chance: random.Random | None = None, token: bytes = b"") -> bytes:
    """A body as the service writes it; with a source of chance, with white space and keys in any order."""
    rows = []
    for number, message in enumerate(messages):
        members = [
            b'"eventId":"%056d"' % number,
            b'"ingestionTime":%d' % (START_MS + 500 + number),
            b'"logStreamName":"kube-apiserver-audit-0123456789abcdef"',
            b'"message":"%b"' % escaped(message, chance),
            b'"timestamp":%d' % (START_MS + number),
        ]
        if chance is not None and chance.random() < 0.1:
            chance.shuffle(members)
        rows.append(b"{" + (b" ,\n" if chance is not None and chance.random() < 0.05 else b",").join(members) + b"}")
    tail = b',"nextToken":"%b"' % escaped(token, chance) if token else b""
    return b'{"events":[' + b",".join(rows) + b"]" + tail + b',"searchedLogStreams":[]}'
