"""Builds the C++ programs of this folder.

In: the name of a source. Out: the path of its program, built anew only if a source, the compiler or simdjson changed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent
HEADERS = FOLDER.parents[1] / "engine" / "native"
FLAGS = ["-std=c++20", "-O1", "-Wall", "-Wextra", "-Werror", "-DSIMDJSON_EXCEPTIONS=0"]


def _compiler() -> str:
    name = os.environ.get("CXX", "g++").split()[0]
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"no C++ compiler ({name})")
    return path


def _simdjson() -> Path:
    spec = importlib.util.find_spec("simdjson")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(next(iter(spec.submodule_search_locations)))


def _make(compiler: str, arguments: list[str], inputs: list[Path], folder: Path, suffix: str) -> Path:
    """The compiler's output for these arguments, from `folder` if the same was made before."""
    digest = hashlib.sha256(repr((compiler, arguments)).encode())
    for path in inputs:
        digest.update(path.read_bytes())
    made = folder / (digest.hexdigest()[:32] + suffix)
    if not made.exists():
        draft = made.with_suffix(f".{os.getpid()}")
        done = subprocess.run([compiler, *arguments, "-o", str(draft)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        draft.rename(made)
    return made


@pytest.fixture(scope="session")
def native_program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """From the name of a source of this folder to its program. Skips the test where there is no compiler."""
    compiler = _compiler()
    simdjson = _simdjson()
    cache = request.config.cache if request.config.pluginmanager.has_plugin("cacheprovider") else None
    folder = tmp_path_factory.mktemp("native_programs") if cache is None else cache.mkdir("native_programs")
    includes = [f"-I{HEADERS}", "-isystem", str(simdjson)]
    headers = sorted([*HEADERS.glob("*.h*"), *FOLDER.glob("*.hpp"), simdjson / "simdjson.h"])

    def build(name: str) -> Path:
        library = simdjson / "simdjson.cpp"
        object_file = _make(compiler, [*FLAGS, *includes, "-c", str(library)], [library], folder, ".o")
        source = FOLDER / f"{name}.cpp"
        arguments = [*FLAGS, *includes, str(source), str(object_file)]
        return _make(compiler, arguments, [source, *headers], folder, "")

    return build
