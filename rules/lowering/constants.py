"""Constants of a condition turned into what the engine compares with.

In: decoded constants and the type of the left-hand side. Out: bytes or numbers, or a ConditionError. Called by `lower`.
Source: `spec` language 6 (conversion) and 8.2 (regular expressions).
"""

from __future__ import annotations

import re
from functools import lru_cache

import re2

from falcoeks_fast.rules.language.ast import Const
from falcoeks_fast.rules.language.errors import ConditionError, printable
from falcoeks_fast.rules.lowering.types import NUMERIC
from falcoeks_fast.rules.plan import ValueType

MAX_BYTES = 255
"""Falco's limit for a constant."""

_NUMBER = re.compile(rb"[ \t\n\v\f\r]*([+-]?)([0-9]+)")
_ALL_ONES = 2**64 - 1
_BOOLS = {b"true": 1, b"false": 0}
_PLAIN_REGEX = re.compile(rb"[^\\^$.|?*+()\[\]{}]*")
_SIMPLE_REGEX = re.compile(rb"(\^|\.[*+?])?[^\\^$.|?*+()\[\]{}]*(\$|\.[*+?])?")

_OPTIONS = re2.Options()
_OPTIONS.posix_syntax = True
_OPTIONS.longest_match = True
_OPTIONS.log_errors = False


def check_length(const: Const) -> None:
    """Raise ConditionError for a constant that Falco has no room for."""
    if len(const.value) > MAX_BYTES:
        raise ConditionError(
            f"filter parameter too long (used={len(const.value)}, available={MAX_BYTES + 1}):"
            f" {printable(const.value, 30)}: a constant may have {MAX_BYTES} bytes",
            const.start,
            const.end,
        )


def number(const: Const, kind: ValueType) -> int:
    """A constant for a numeric or boolean left-hand side, as an unsigned 64-bit number. Raises ConditionError."""
    if kind not in NUMERIC:
        value = _BOOLS.get(const.value)
        if value is None:
            raise ConditionError(
                f"unrecognized boolean value {printable(const.value)}: write true or false", const.start, const.end
            )
        return value
    match = _NUMBER.fullmatch(const.value)
    if match is None:
        raise ConditionError(
            f"'{printable(const.value)}' is not a valid number: write decimal digits only", const.start, const.end
        )
    digits = match.group(2).lstrip(b"0") or b"0"
    magnitude = int(digits) if len(digits) <= 20 else 2**64
    if magnitude > _ALL_ONES:
        return _ALL_ONES
    return (2**64 - magnitude) % 2**64 if match.group(1) == b"-" else magnitude


def check_regex(const: Const) -> None:
    """Raise ConditionError if RE2 does not take the pattern with its POSIX preset."""
    problem = _regex_problem(const.value)
    if problem is not None:
        raise ConditionError(f"invalid regex pattern: {printable(const.value)}: {problem}", const.start, const.end)


@lru_cache(4096)
def _regex_problem(pattern: bytes) -> str | None:
    try:
        re2.compile(pattern, _OPTIONS)
    except re2.error as error:
        detail = error.args[0] if error.args else "not understood"
        return detail.decode("utf-8", "replace") if isinstance(detail, bytes) else str(detail)
    return None


def is_plain_regex(pattern: bytes) -> bool:
    """Whether a pattern matches nothing but its own text."""
    return _PLAIN_REGEX.fullmatch(pattern) is not None


def simpler_operator(pattern: bytes) -> str | None:
    """The operator that does about the same as the pattern; None if only a regular expression does."""
    match = _SIMPLE_REGEX.fullmatch(pattern)
    if match is None:
        return None
    before, behind = ((end or b"").startswith(b".") for end in match.groups())
    if before and behind:
        return "contains"
    if behind:
        return "startswith"
    return "endswith" if before else "="
