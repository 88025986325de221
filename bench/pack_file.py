"""The one-file edition of the EKS pack: the core rules of `rules/packs/eks/` with the macros and lists they use.

In: the folder of the pack. Out: the text of `rules/packs/eks.yaml`, the default when no rules are given. Called
by the tests (which hold the file to this text), and as a program, which writes it:

    python -m falcoeks_fast.bench.pack_file
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

PACKS = Path(__file__).resolve().parent.parent / "rules" / "packs"
CORE_TAG = "eks_core"
HEADER = """\
# Rules for the audit log of Amazon EKS: the core of the pack in rules/packs/eks/, in one file.
# Written by bench/pack_file.py from that folder: change the rules there. docs/rules.md tells how to tune them.
"""
ITEM = re.compile(r"- (rule|macro|list): (.+)")


@dataclass(frozen=True, slots=True)
class Block:
    """One item of a rules file as text, with the comment lines before it."""

    kind: str
    name: str
    text: str


def blocks(text: str) -> list[Block]:
    """The items of a rules file, in order. The comment at the head of a file belongs to none."""
    found: list[Block] = []
    comment: list[str] = []
    lines: list[str] = []

    def close() -> None:
        if lines:
            match = ITEM.match(next(line for line in lines if line.startswith("- ")))
            kind, name = match.groups() if match else ("requirement", lines[0])
            found.append(Block(kind, name, "\n".join(lines).rstrip() + "\n"))
            lines.clear()

    for line in text.splitlines():
        if line.startswith("#"):
            comment.append(line)
        elif line.startswith("- "):
            close()
            lines += [*comment, line]
            comment.clear()
        elif lines and not comment:
            lines.append(line)
        else:
            comment.clear()
    close()
    return found


def used_names(text: str, names: set[str]) -> set[str]:
    """Which of `names` stand in a text as words of their own, comments left out."""
    bare = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return names & set(re.findall(r"[A-Za-z][A-Za-z0-9_]*", bare))


def single_file(folder: Path) -> str:
    """The one-file edition. Raises ValueError if a macro or list has two texts in the folder."""
    rules: list[Block] = []
    shared: dict[str, Block] = {}
    requirements: list[Block] = []
    for path in sorted(folder.glob("*.yaml")):
        found = blocks(path.read_text(encoding="utf-8"))
        core = [block for block in found if block.kind == "rule" and re.search(rf"\b{CORE_TAG}\b", block.text)]
        rules += core
        for block in found:
            if block.kind == "requirement" and core:
                requirements += [] if block in requirements else [block]
            elif block.kind in ("macro", "list"):
                _share(shared, block, path)
    wanted: set[str] = set()
    pending = [block.text for block in rules]
    while pending:
        fresh = used_names(pending.pop(), set(shared)) - wanted
        wanted |= fresh
        pending += [shared[name].text for name in fresh]
    kept = [block for name, block in shared.items() if name in wanted]
    return HEADER + "".join(f"\n{block.text}" for block in [*requirements, *kept, *rules])


def _share(shared: dict[str, Block], block: Block, path: Path) -> None:
    known = shared.get(block.name)
    if known is None:
        shared[block.name] = block
    elif _code(known.text) != _code(block.text):
        raise ValueError(f"{path}: {block.kind} {block.name} differs from its text in an earlier file")


def _code(text: str) -> str:
    return " ".join(" ".join(line.split()) for line in text.splitlines() if not line.lstrip().startswith("#"))


def main() -> int:
    """Write rules/packs/eks.yaml."""
    (PACKS / "eks.yaml").write_text(single_file(PACKS / "eks"), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
