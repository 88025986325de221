"""The house rules that a machine can check: which room may import which, and how long a file may be."""

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = {
    "engine": {"engine"},
    "poller": {"poller"},
    "rules": {"rules"},
}
LINES_AT_MOST = 500


def tracked(*patterns: str) -> list[Path]:
    try:
        listed = subprocess.run(
            ["git", "ls-files", "--", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.split("\n")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout: which files belong to the project is unknown")
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


def imported_rooms(path: Path, room: str) -> set[str]:
    """The parts of falcoeks_fast that a module of `room` imports, by the first name behind the package's."""
    depth = len(path.relative_to(ROOT).parts)  # engine/x.py is depth 2 below the package root
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
            if node.module == "falcoeks_fast":
                names = [f"falcoeks_fast.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level >= depth:
            names = [f"falcoeks_fast.{node.module}"] if node.module else [f"falcoeks_fast.{a.name}" for a in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("falcoeks_fast.")}
    return found


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_imports_run_one_way(room: str) -> None:
    modules = tracked(f"{room}/*.py")
    assert modules
    for path in modules:
        strangers = imported_rooms(path, room) - ROOMS[room]
        assert not strangers, f"{path.relative_to(ROOT)} imports {sorted(strangers)}; imports run cli -> app -> rooms"


def test_a_file_holds_one_noun() -> None:
    for path in tracked("*.py", "*.pyx", "*.hpp", "*.h", "*.cpp"):
        lines = path.read_text(encoding="utf-8").count("\n")
        assert lines <= LINES_AT_MOST, f"{path.relative_to(ROOT)} has {lines} lines, more than {LINES_AT_MOST}"


def test_every_module_says_what_it_is_for() -> None:
    for path in tracked("engine/*.py", "poller/*.py", "rules/*.py", "bench/*.py", "src/*.py"):
        if not path.read_text(encoding="utf-8").strip():
            continue
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), f"{path.relative_to(ROOT)}: no docstring"


def test_the_header_of_generated_code_is_all_that_rules_know_of_the_engine() -> None:
    for path in tracked("rules/*.py"):
        text = path.read_text(encoding="utf-8")
        assert "engine._core" not in text, f"{path.relative_to(ROOT)} reaches into the engine"
