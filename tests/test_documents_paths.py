"""Documents name files of the repository only where they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [
    path
    for path in (
        ROOT / "README.md",
        ROOT / "ARCHITECTURE.md",
        ROOT / "CONTRIBUTING.md",
        *sorted(ROOT.glob("docs/*.md")),
    )
    if path.is_file()
]
ROOMS = ("bench", "deploy", "docs", "engine", "poller", "rules", "src", "tests")
PACKAGE_ROOMS = ("app", "cli", "config")
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
MODULE = re.compile(r"falcoeks_fast(?:\.\w+)+")
HEADER = re.compile(r"[\w/]+\.hpp\b")
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")


def named_paths(text: str) -> Iterator[str]:
    """Words between backticks that begin with a room of ours."""
    for span in SPAN.findall(text):
        for word in span.split():
            word = word.strip(",;:()\"'")
            first, slash, rest = word.partition("/")
            if not slash or not rest:
                continue
            if first in ROOMS:
                yield word
            elif first in PACKAGE_ROOMS:
                yield f"src/falcoeks_fast/{word}"


def exists(name: str) -> bool:
    return any(True for _ in ROOT.glob(name.rstrip("/"))) if "*" in name else (ROOT / name).exists()


def test_paths_are_recognised() -> None:
    text = "see `engine/_core.pyx`, `app/x.py:3` and `falcoeks-fast test rules/packs/eks/tests`, not `/etc/x` or `a/b`"
    found = list(named_paths(text))
    assert found == ["engine/_core.pyx", "src/falcoeks_fast/app/x.py:3", "rules/packs/eks/tests"]
    assert [name for name in found if not exists(name)] == ["src/falcoeks_fast/app/x.py:3"]
    assert exists("rules/packs/eks/*-own-fields.yaml")
    assert not exists("rules/packs/eks/*-others.yaml")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_named_files_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert [name for name in named_paths(text) if not exists(name)] == []
    assert [name for name in LINK.findall(text) if not (document.parent / name).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_named_modules_and_headers_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for name in MODULE.findall(text):
        path = ROOT / "src" / name.replace(".", "/")
        assert path.is_dir() or path.with_suffix(".py").is_file() or path.parent.with_suffix(".py").is_file(), name
    headers = {path.name for path in (ROOT / "engine" / "native").glob("*.hpp")}
    assert {name.rpartition("/")[2] for name in HEADER.findall(text)} - headers == set()
