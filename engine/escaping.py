"""Makes a text of foreign origin safe to print on one line.

In: text that comes from an event, a rule file, AWS or a receiver. Out: the same text with control characters shown as
escapes. Called for log lines, status and alerts that are made outside the native core.
"""

from __future__ import annotations

_SHORT = {0x08: "\\b", 0x0A: "\\n", 0x0C: "\\f", 0x0D: "\\r"}
_CONTROLS = [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029]
_TABLE = {code: _SHORT.get(code, f"\\u{code:04x}") for code in _CONTROLS if code != 0x09}
_TABLE_LINES = {code: text for code, text in _TABLE.items() if code != 0x0A}


def escape_text(text: str) -> str:
    """C0 but TAB, DEL, C1, U+2028 and U+2029 as `\\n`, `\\u001b`, ...; lone surrogates as U+FFFD."""
    return _repair(text).translate(_TABLE)


def escape_lines(text: str) -> str:
    """As `escape_text`, but line feeds stay: for reports of several lines."""
    return _repair(text).translate(_TABLE_LINES)


def _repair(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
