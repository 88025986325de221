"""The memory of a scanner does not grow with what it has read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BOUND_BYTES = 6 << 20


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc to read the size of a process from")
def test_scanning_on_takes_no_more_memory() -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", "tests.engine.memory_child"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=120)
    events, grown_bytes = map(int, done.stdout.split())
    assert events == 220_000
    assert grown_bytes < BOUND_BYTES
