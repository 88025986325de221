"""Comparisons and transformers on texts, written from the specification alone. Used by `reference`."""

from __future__ import annotations

import re
from dataclasses import dataclass

import re2

_OPTIONS = re2.Options()
_OPTIONS.posix_syntax = True
_OPTIONS.longest_match = True
_OPTIONS.log_errors = False
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_CLASSES = {
    b"alpha": bytes.isalpha,
    b"digit": bytes.isdigit,
    b"alnum": bytes.isalnum,
    b"upper": bytes.isupper,
    b"lower": bytes.islower,
    b"space": lambda c: c in b" \t\n\v\f\r",
    b"blank": lambda c: c in b" \t",
    b"punct": lambda c: c[0] > 32 and c[0] < 127 and not c.isalnum(),
    b"cntrl": lambda c: c[0] < 32 or c[0] == 127,
    b"print": lambda c: 32 <= c[0] < 127,
    b"graph": lambda c: 32 < c[0] < 127,
    b"xdigit": lambda c: c in b"0123456789abcdefABCDEF",
}


def regex(value: bytes, pattern: bytes) -> bool:
    return re2.compile(pattern, _OPTIONS).fullmatch(value) is not None


def glob(value: bytes, pattern: bytes, fold: bool = False) -> bool:
    """fnmatch of glibc without flags: all pairs of places, in the pattern and in the value, that can be reached."""
    seen: set[tuple[int, int]] = set()
    reached = [(0, 0)]
    while reached:
        p, v = reached.pop()
        if (p, v) in seen:
            continue
        seen.add((p, v))
        if p == len(pattern):
            if v == len(value):
                return True
        elif pattern[p : p + 1] == b"*":
            reached.append((p + 1, v))
            if v < len(value):
                reached.append((p, v + 1))
        elif v < len(value):
            following = _element_takes(pattern, p, value[v : v + 1], fold)
            if following:
                reached.append((following, v + 1))
    return False


def _element_takes(pattern: bytes, p: int, here: bytes, fold: bool) -> int:
    """Where the pattern goes on behind the element at `p` if that takes the byte; else 0."""
    char = pattern[p : p + 1]
    if char == b"?":
        return p + 1
    if char == b"[":
        try:
            return _bracket(pattern, p, here, fold)
        except _FaultError:
            return 0
        except IndexError:  # never closed: an ordinary byte
            return p + 1 if here == char else 0
    if char == b"\\":
        p += 1
        char = pattern[p : p + 1]
    same = char == here or (fold and char.lower() == here.lower())
    return p + 1 if same else 0


class _FaultError(Exception):
    """Malformed so that nothing matches."""


def _bracket(pattern: bytes, at: int, here: bytes, fold: bool) -> int:
    """Where the pattern goes on behind the bracket if that takes the byte, else 0. IndexError: it is never closed."""
    p = at + 1
    inverted = pattern[p : p + 1] in (b"!", b"^")
    p += inverted
    first = True
    while first or pattern[p] != ord("]"):
        first = False
        hit, p = _item(pattern, p, here, fold)
        if hit:  # what follows is read less closely
            while pattern[p] != ord("]"):
                p = _passed(pattern, p)
            return 0 if inverted else p + 1
    return p + 1 if inverted else 0


def _item(pattern: bytes, p: int, here: bytes, fold: bool) -> tuple[bool, int]:
    """Whether the item at `p` names the byte, and where the next one begins."""
    special = re.compile(rb"\[:([a-y]*):\]").match(pattern, p)
    if special is not None:
        if special.group(1) not in _CLASSES:
            raise _FaultError
        return bool(_CLASSES[special.group(1)](here)), special.end()
    special = re.compile(rb"\[=(.)=\]", re.DOTALL).match(pattern, p)
    if special is not None:
        return special.group(1) == here, special.end()
    symbol = pattern.startswith(b"[.", p)
    low, p = _end_point(pattern, p)
    ahead = pattern[p : p + 2]
    if len(ahead) < 2 or ahead[:1] != b"-" or ahead == b"-]":
        hit = low == here if symbol else _fold(low, fold) == _fold(here, fold)
        if symbol and ahead == b"-]":
            hit = False
        if not hit and ahead == b"-":
            raise _FaultError
        return hit, p
    high, p = _end_point(pattern, p + 1)
    if not symbol:
        low = _fold(low, fold)
    return low <= _fold(here, fold) <= (high if pattern.startswith(b".]", p - 2) else _fold(high, fold)), p


def _end_point(pattern: bytes, p: int) -> tuple[bytes, int]:
    if pattern.startswith(b"[.", p):
        end = pattern.find(b".]", p + 2)
        if end != p + 3:
            raise _FaultError
        return pattern[p + 2 : p + 3], end + 2
    if pattern[p : p + 1] == b"\\":
        p += 1
        if p == len(pattern):
            raise _FaultError
    return bytes([pattern[p]]), p + 1


def _passed(pattern: bytes, p: int) -> int:
    """Behind what stands at `p`, once the bracket has named the byte."""
    if pattern[p : p + 1] == b"\\":
        if p + 1 == len(pattern):
            raise _FaultError
        return p + 2
    special = re.compile(rb"\[:[a-y]*:\]").match(pattern, p)
    if special is not None:
        return special.end()
    for opening, inside in ((b"[=", rb"\[=.=\]"), (b"[.", rb"\[\..*?\.\]")):
        if pattern.startswith(opening, p):
            special = re.compile(inside, re.DOTALL).match(pattern, p)
            if special is None:
                raise _FaultError
            return special.end()
    return p + 1


def _fold(byte: bytes, fold: bool) -> bytes:
    return byte.lower() if fold else byte


def pmatch(value: bytes, member: bytes) -> bool:
    """Whether `member` is a component-wise prefix of `value`."""
    have = [c for c in value.split(b"/") if c]
    want = [c for c in member.split(b"/") if c]

    def fits(w: bytes, h: bytes) -> bool:
        return w == h or (any(c in w for c in b"?*[") and glob(h, w))

    return len(want) <= len(have) and all(fits(w, h) for w, h in zip(want, have, strict=False))


def b64(value: bytes) -> bytes | None:
    for _ in range(2):
        value = value.removesuffix(b"=")
    if len(value) % 4 == 1 or any(c not in _ALPHABET for c in value):
        return None
    bits = "".join(format(_ALPHABET.index(c), "06b") for c in value)
    whole = len(bits) // 8 * 8
    if "1" in bits[whole:]:
        return None
    return bytes(int(bits[i : i + 8], 2) for i in range(0, whole, 8)).rstrip(b"\0")


@dataclass
class Option:
    name: bytes  # b"?" for one that is not known
    value: bytes | None = None
    missing: bool = False


def getopt(words: list[bytes], options: bytes) -> list[Option]:
    """What is found, in order."""
    spec = options.removeprefix(b":")
    takes = {bytes([c]): spec[i + 1 : i + 2] == b":" for i, c in enumerate(spec) if c != ord(":")}
    found: list[Option] = []
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if word in (b"--", b"", b"-") or not word.startswith(b"-"):
            break
        rest = b"" if word.startswith(b"--") else word[1:]
        while rest:
            char, rest = rest[:1], rest[1:]
            if not takes.get(char):
                found.append(Option(char if char in takes else b"?"))
                continue
            value = rest or (queue.pop(0) if queue else None)
            found.append(Option(char, value, value is None))
            break
    return found


def getopt_list(words: list[bytes], options: bytes) -> list[bytes]:
    result: list[bytes] = []
    for option in getopt(words, options):
        result.append(b"" if option.missing else option.name)
        if option.value is not None:
            result.append(option.value)
    return result


def getopt_value(words: list[bytes], options: bytes, wanted: bytes) -> bytes | None:
    result: bytes | None = None
    for option in getopt(words, options):
        if option.name == wanted != b"?":
            result = b"" if option.missing else option.name if option.value is None else option.value
    return result
