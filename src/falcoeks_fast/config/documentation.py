"""The table of settings as Markdown, for docs/configuration.md.

In: rows of the key table. Out: Markdown. Called by the test that holds the document to the table, and as a program,
which prints both tables:

    python -m falcoeks_fast.config.documentation
"""

from __future__ import annotations

from collections.abc import Iterable

from .keys import FALCO_KEYS, OWN_KEYS, Key, Kind


def markdown_table(keys: Iterable[Key]) -> str:
    """One row for each setting that has a value of its own; containers are left out."""
    lines = ["| Setting | Type | Default | Meaning |", "|---|---|---|---|"]
    for key in keys:
        if key.kind is not Kind.MAP:
            default = f"`{key.default}`" if key.default and " " not in key.default else key.default
            lines.append(f"| `{key.path}` | {key.kind.value} | {default} | {_cell(key.doc)} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    print(markdown_table(OWN_KEYS))
    print(markdown_table(FALCO_KEYS))
