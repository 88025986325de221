"""Durations as Prometheus writes them: `1h30m`, units `y w d h m s ms` in this order, each at most once."""

from __future__ import annotations

import re

_UNITS_MS = {
    "y": 365 * 86_400_000,
    "w": 7 * 86_400_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
_PATTERN = re.compile("".join(f"(?:([0-9]+){unit}{'(?!s)' if unit == 'm' else ''})?" for unit in _UNITS_MS))


def parse_duration_ms(text: str) -> int:
    """Milliseconds; 0 for anything that is no duration, `5000` without a unit included. Blanks do not matter."""
    match = _PATTERN.fullmatch("".join(text.split()))
    if match is None:
        return 0
    return sum(int(number) * unit for number, unit in zip(match.groups(), _UNITS_MS.values(), strict=True) if number)
