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
    """POSIX fnmatch without flags: all places in the value that the pattern so far can have reached."""
    reached = {0}
    p = 0
    while p < len(pattern) and reached:
        char = pattern[p : p + 1]
        if char == b"*":
            reached = set(range(min(reached), len(value) + 1))
            p += 1
            continue
        if char == b"\\" and p + 1 == len(pattern):
            return False
        after, following = set(), p + 1
        for v in reached:
            here = value[v : v + 1]
            takes, following = _element_takes(pattern, p, here, fold)
            if here and takes:
                after.add(v + 1)
        reached, p = after, following
    return len(value) in reached


def _element_takes(pattern: bytes, p: int, here: bytes, fold: bool) -> tuple[bool, int]:
    """Whether the element at `p` takes the byte (empty at the end of the value), and where the next one begins."""
    char = pattern[p : p + 1]
    if char == b"?":
        return True, p + 1
    if char == b"[":
        bracket = _bracket(pattern, p, here or b"x", fold)
        if bracket is not None:
            return bracket
    if char == b"\\":
        p += 1
        char = pattern[p : p + 1]
    return _same(char, here, fold), p + 1


def _same(a: bytes, b: bytes, fold: bool) -> bool:
    return a == b or (fold and a.lower() == b.lower())


def _bracket(pattern: bytes, at: int, here: bytes, fold: bool) -> tuple[bool, int] | None:
    """Whether the bracket at `at` takes the byte, and where the pattern goes on; None if it is never closed."""
    p = at + 1
    inverted = pattern[p : p + 1] in (b"!", b"^")
    p += inverted
    first, hit, broken = True, False, False
    while True:
        char = pattern[p : p + 1]
        if not char:
            return None
        if char == b"]" and not first:
            return (not broken and hit != inverted), p + 1
        first = False
        special = re.compile(rb"\[([:.=])(.*?)\1\]", re.DOTALL).match(pattern, p)
        if special is not None and special.group(1) == b":":
            p = special.end()
            test = _CLASSES.get(special.group(2))
            if test is None:
                broken = True
            elif test(here) or (fold and (test(here.lower()) or test(here.upper()))):
                hit = True
            continue
        low, p = _element(pattern, p)
        if pattern[p : p + 1] == b"-" and pattern[p + 1 : p + 2] not in (b"]", b""):
            high, p = _element(pattern, p + 1)
        else:
            high = low
        candidates = {here, here.lower(), here.upper()} if fold else {here}
        lows = {low, low.lower()} if fold else {low}
        highs = {high, high.lower()} if fold else {high}
        hit = hit or any(a <= c <= b for c in candidates for a in lows for b in highs)


def _element(pattern: bytes, p: int) -> tuple[bytes, int]:
    special = re.compile(rb"\[([.=])(.)\1\]", re.DOTALL).match(pattern, p)
    if special is not None:
        return special.group(2), special.end()
    if pattern[p : p + 1] == b"\\" and p + 1 < len(pattern):
        p += 1
    return pattern[p : p + 1], p + 1


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
