"""Golden files of commands' outputs, in `golden_tools/`. `FALCOEKS_GOLDEN=write` writes them anew."""

from __future__ import annotations

import os
from pathlib import Path

DIRECTORY = Path(__file__).with_name("golden_tools")


def check_golden(name: str, text: str) -> None:
    path = DIRECTORY / name
    if os.environ.get("FALCOEKS_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), (
        f"look at the difference; FALCOEKS_GOLDEN=write accepts it ({path})"
    )
