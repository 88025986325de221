"""Builds the native core.

In: the Cython sources of `engine/` and the `simdjson.cpp` that the installed `pysimdjson` distribution carries.
Out: `falcoeks_fast.engine._core`. Called by pip, `python -m build` and `make`.

Switches (environment): SANITIZE=1 builds with AddressSanitizer and UBSan, COVERAGE=1 with gcov counters and Cython line
tracing, DEBUG=1 without optimisation. No switch sets `-march`: simdjson and the page scanner choose at run time.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

ROOM = Path("src/falcoeks_fast/engine")


def simdjson_sources() -> Path:
    """The folder of the installed `pysimdjson` distribution that holds `simdjson.h` and `simdjson.cpp`."""
    spec = importlib.util.find_spec("simdjson")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("falcoeks-fast: building needs the pysimdjson distribution: pip install 'pysimdjson>=7,<8'")
    folder = Path(next(iter(spec.submodule_search_locations)))
    if not (folder / "simdjson.cpp").is_file():
        raise SystemExit(f"falcoeks-fast: {folder} holds no simdjson.cpp; install pysimdjson 7 from its wheel or sdist")
    return folder


def switched_on(name: str) -> bool:
    return os.environ.get(name, "") not in ("", "0")


def extension() -> Extension:
    simdjson = simdjson_sources()
    compile_args = ["-std=c++20", "-fvisibility=hidden", "-g0", "-O2", "-Wno-unused-function"]
    link_args: list[str] = []
    macros: list[tuple[str, str | None]] = [("SIMDJSON_EXCEPTIONS", "0")]
    if switched_on("DEBUG"):
        compile_args += ["-O0", "-g3"]
    if switched_on("SANITIZE"):
        flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer", "-g"]
        compile_args += flags
        link_args += ["-fsanitize=address,undefined"]
    if switched_on("COVERAGE"):
        compile_args += ["--coverage", "-O0"]
        link_args += ["--coverage"]
        macros.append(("CYTHON_TRACE_NOGIL", "1"))
    return Extension(
        "falcoeks_fast.engine._core",
        sources=[
            str(ROOM / "_core.pyx"),
            str(ROOM / "native" / "floor.cpp"),
            os.path.relpath(simdjson / "simdjson.cpp"),
        ],
        include_dirs=[str(ROOM / "native"), str(simdjson)],
        depends=[str(path) for path in sorted((ROOM / "native").glob("*.h*"))],
        language="c++",
        define_macros=macros,
        extra_compile_args=compile_args,
        extra_link_args=link_args,
    )


setup(
    ext_modules=cythonize(
        [extension()],
        build_dir="build/cython",
        compiler_directives={
            "language_level": 3,
            "embedsignature": True,
            "linetrace": switched_on("COVERAGE"),
            "freethreading_compatible": False,
        },
    )
)
