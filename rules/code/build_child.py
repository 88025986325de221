"""The child process that turns generated source into a shared object: Cython, then the C compiler.

Run by `build` as a script, isolated from the user's Python settings, so it imports nothing of this package. In: one
JSON argument (see `_Order`) and a working directory that holds the source. Out: the shared object in that directory,
a line on standard output at the start of each stage, messages on standard error, exit code 0, or 1 if a compiler
failed, 3 if memory ran out.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
from typing import Any, TypedDict

OUT_OF_MEMORY = 3

_PR_SET_PDEATHSIG = 1
_CPU_SECONDS_SPARE = 5


class _Order(TypedDict):
    directory: int  # descriptor of the working directory
    parent: int  # process id of who waits for us
    source: str  # name of the .pyx in it
    target: str  # name of the shared object
    cython: str  # the folder that holds the package Cython
    compiler: list[str]  # the C compiler's command and flags, without files
    memory_bytes: int
    seconds: int
    file_bytes: int
    niceness: int


def main(order: _Order) -> int:
    """Do the order and give the exit code."""
    _limit(order)
    os.fchdir(order["directory"])
    try:
        print("cython", flush=True)
        if not _cython(order):
            return 1
        print("c", flush=True)
        c_file = _c_name(order["source"])
        return 1 if subprocess.call([*order["compiler"], c_file, "-o", order["target"]], close_fds=True) else 0
    except MemoryError:
        return OUT_OF_MEMORY


def _limit(order: _Order) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != order["parent"]:
            sys.exit(1)
    os.nice(order["niceness"])
    _lower(resource.RLIMIT_AS, order["memory_bytes"])
    _lower(resource.RLIMIT_CPU, order["seconds"] + _CPU_SECONDS_SPARE)
    _lower(resource.RLIMIT_FSIZE, order["file_bytes"])
    _lower(resource.RLIMIT_CORE, 0)


def _lower(which: int, limit: int) -> None:
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(which, (limit, limit))


def _cython(order: _Order) -> bool:
    gc.disable()  # a third of Cython's time, for the same peak of memory
    sys.path.append(order["cython"])
    options: Any = importlib.import_module("Cython.Compiler.Options")
    translator: Any = importlib.import_module("Cython.Compiler.Main")
    options.docstrings = False
    settings = translator.CompilationOptions(
        options.default_options, output_file=_c_name(order["source"]), c_line_in_traceback=False
    )
    return not translator.compile(order["source"], settings).num_errors


def _c_name(source: str) -> str:
    return source.removesuffix(".pyx") + ".c"


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
