"""Changes to texts that know what JSON looks like.

In: a source of chance and texts. Out: texts, most of them still nearly JSON. Called by the fuzz targets.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from .texts import KEYS, NOISE, VALUES

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s"{}\[\]:,]+|\s+|.', re.DOTALL)
_OPEN = {b"{": b"}", b"[": b"]"}

Tokens = list[bytes]
Change = Callable[[random.Random, Tokens], None]


@lru_cache(maxsize=4096)
def tokens_of(text: bytes) -> tuple[bytes, ...]:
    return tuple(_TOKEN.findall(text))


def _value_end(tokens: Tokens, at: int) -> int:
    """Behind the value that begins at a token."""
    if tokens[at] not in _OPEN:
        return at + 1
    depth = 0
    for place in range(at, len(tokens)):
        if tokens[place] in _OPEN:
            depth += 1
        elif tokens[place] in (b"}", b"]"):
            depth -= 1
            if depth == 0:
                return place + 1
    return len(tokens)


def _some_value(chance: random.Random, tokens: Tokens) -> tuple[int, int]:
    """Begin and end of a value, or of something else where the chosen place has none."""
    for _ in range(4):
        at = chance.randrange(len(tokens))
        if tokens[at] not in (b":", b",", b"}", b"]"):
            return at, _value_end(tokens, at)
    return 0, len(tokens)


def _replace_value(chance: random.Random, tokens: Tokens) -> None:
    at, end = _some_value(chance, tokens)
    tokens[at:end] = [chance.choice(VALUES)]


def _drop_value(chance: random.Random, tokens: Tokens) -> None:
    at, end = _some_value(chance, tokens)
    del tokens[at:end]


def _double_value(chance: random.Random, tokens: Tokens) -> None:
    at, end = _some_value(chance, tokens)
    times = chance.choice((1, 1, 2, 60))
    if (end - at) * times < 4000:
        tokens[end:end] = [b",", *tokens[at:end]] * times


def _move_value(chance: random.Random, tokens: Tokens) -> None:
    at, end = _some_value(chance, tokens)
    piece = tokens[at:end]
    to, until = _some_value(chance, tokens)
    tokens[to:until] = piece


def _wrap_value(chance: random.Random, tokens: Tokens) -> None:
    at, end = _some_value(chance, tokens)
    opening, closing = chance.choice(((b"[", b"]"), (b'{"a":', b"}"), (b"[{},", b"]")))
    depth = chance.choice((1, 1, 2, 298, 400))
    tokens[end:end] = [closing] * depth
    tokens[at:at] = [opening] * depth


def _add_member(chance: random.Random, tokens: Tokens) -> None:
    places = [at for at, token in enumerate(tokens) if token == b"{"]
    if places:
        member = [_key(chance), b":", chance.choice(VALUES), chance.choice((b",", b",", b",", b""))]
        at = chance.choice(places) + 1
        tokens[at:at] = member


def _key(chance: random.Random) -> bytes:
    key = chance.choice(KEYS)
    if key and chance.random() < 0.3:
        at = chance.randrange(len(key))
        key = key[:at] + f"\\u{ord(key[at]):04x}" + key[at + 1 :]
    return f'"{key}"'.encode()


def _rename_key(chance: random.Random, tokens: Tokens) -> None:
    places = [at - 1 for at, token in enumerate(tokens) if token == b":" and at]
    if places:
        tokens[chance.choice(places)] = _key(chance)


def _change_text(chance: random.Random, tokens: Tokens) -> None:
    """A byte or so within a token, often a string."""
    at = chance.randrange(len(tokens))
    token = tokens[at]
    place = chance.randrange(len(token) + 1)
    tokens[at] = token[:place] + chance.choice(NOISE) + token[place + chance.choice((0, 0, 1)) :]


def _escape_text(chance: random.Random, tokens: Tokens) -> None:
    """Characters of a string written as escapes."""
    strings = [at for at, token in enumerate(tokens) if len(token) > 2 and token[:1] == b'"' and b"\\" not in token]
    if strings:
        at = chance.choice(strings)
        share = chance.choice((0.1, 0.5, 1.0))
        tokens[at] = (
            b'"'
            + b"".join(
                b"\\u%04x" % byte if byte < 128 and chance.random() < share else bytes((byte,))
                for byte in tokens[at][1:-1]
            )
            + b'"'
        )


def _space(chance: random.Random, tokens: Tokens) -> None:
    for _ in range(chance.choice((1, 3, 20))):
        at = chance.randrange(len(tokens) + 1)
        tokens[at:at] = [chance.choice((b" ", b"\t", b"  ", b"\r", b" " * 70))]


def _noise(chance: random.Random, tokens: Tokens) -> None:
    at = chance.randrange(len(tokens) + 1)
    tokens[at:at] = [chance.choice(NOISE)]


def _cut(chance: random.Random, tokens: Tokens) -> None:
    at = chance.randrange(len(tokens))
    tokens[at:] = [tokens[at][: chance.randrange(len(tokens[at]) + 1)], chance.choice((b"", b"", b"[Truncated...]"))]


def _drop_token(chance: random.Random, tokens: Tokens) -> None:
    del tokens[chance.randrange(len(tokens))]


_GENTLE: Sequence[Change] = (
    _replace_value, _replace_value, _move_value, _add_member, _rename_key, _escape_text, _space, _double_value,
)  # fmt: skip
_ROUGH: Sequence[Change] = (*_GENTLE, _drop_value, _wrap_value, _change_text, _change_text, _noise, _cut, _drop_token)


def mutate(chance: random.Random, texts: Sequence[bytes], *, gentle: bool = False) -> bytes:
    """One of the texts, changed; `gentle`: most likely still JSON."""
    text = chance.choice(texts)
    if not gentle and chance.random() < 0.05:
        return flip(chance, text)
    if not gentle and chance.random() < 0.05:
        other = chance.choice(texts)
        return text[: chance.randrange(len(text) + 1)] + other[chance.randrange(len(other) + 1) :]
    tokens = list(tokens_of(text))
    for _ in range(chance.choice((1, 1, 2, 3, 5))):
        if tokens:
            chance.choice(_GENTLE if gentle else _ROUGH)(chance, tokens)
    return b"".join(tokens)


def flip(chance: random.Random, text: bytes) -> bytes:
    """Bytes changed, put in and left out without any regard to their meaning."""
    out = bytearray(text)
    for _ in range(chance.choice((1, 1, 2, 8))):
        at = chance.randrange(len(out) + 1)
        kind = chance.randrange(4)
        if kind == 0 and at < len(out):
            out[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            out[at:at] = chance.randbytes(chance.choice((1, 2, 8)))
        elif kind == 2:
            del out[at : at + chance.choice((1, 2, 8))]
        elif at < len(out):
            out[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, out[at - 1]))
    return bytes(out)
