"""Every instruction set that this machine has gives the same alerts and counts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHILD = [sys.executable, "-m", "tests.engine.implementation_child"]
KERNELS = {"icelake": "avx512", "haswell": "avx2", "westmere": "sse", "arm64": "neon", "fallback": "plain"}
NEEDS = {"icelake": "avx512_vbmi2", "haswell": "avx2", "westmere": "pclmulqdq", "arm64": "asimd"}
"""Words of /proc/cpuinfo."""


def answers(name: str | None) -> tuple[str, str]:
    """Instruction set and digest, with simdjson's choice or with a chosen implementation."""
    chosen = {} if name is None else {"SIMDJSON_FORCE_IMPLEMENTATION": name}
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")} | chosen
    done = subprocess.run(CHILD, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=200)
    used, _, digest = done.stdout.strip().partition(" / ")
    return used, digest


@pytest.fixture(scope="module")
def usual() -> str:
    return answers(None)[1]


@pytest.mark.parametrize("name", KERNELS)
def test_all_instruction_sets_agree(name: str, usual: str) -> None:
    words = Path("/proc/cpuinfo").read_text("utf-8", "replace").split() if Path("/proc/cpuinfo").exists() else []
    if name != "fallback" and NEEDS[name] not in words:
        pytest.skip(f"this processor lacks {NEEDS[name]}")
    assert answers(name) == (f"{name} + {KERNELS[name]}", usual)
