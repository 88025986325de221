"""Wrapped text in columns, as Falco prints fields and descriptions."""

from __future__ import annotations


def wrapped(left: str, text: str, indent: int, width: int) -> str:
    """`left`, then `text` from column `indent` on; each word is followed by a blank, lines end by column `width`.

    A `left` too long for its column gets a line of its own.
    """
    lines = []
    line = left.ljust(indent)
    if len(left) >= indent:
        lines.append(left)
        line = " " * indent
    for word in text.split():
        if len(line) + len(word) > width and line.strip():
            lines.append(line)
            line = " " * indent
        line += word + " "
    lines.append(line)
    return "\n".join(lines)
