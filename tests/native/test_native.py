"""Runs the C++ tests: each `test_*.cpp` of this folder is a program that says on stderr what failed.

With `CXX` a cross compiler and `RUN_WITH` an emulator (environment), those of another processor: see `make arm64`.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

SOURCES = sorted(path.stem for path in Path(__file__).resolve().parent.glob("test_*.cpp"))


@pytest.mark.parametrize("name", SOURCES)
def test_native(name: str, native_program: Callable[[str], Path]) -> None:
    command = [*shlex.split(os.environ.get("RUN_WITH", "")), str(native_program(name))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-4000:]
