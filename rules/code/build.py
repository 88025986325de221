"""From generated source to a shared object, in a child process.

In: `Generated` from `emit`. Out: the bytes of the shared object. Called by `cache` and `bundle`.

The child (`build_child`) has a memory limit, low priority, a time limit and an environment without anything of ours:
no credentials reach a compiler. It works in a directory of mode 0700 that is passed as a descriptor.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from falcoeks_fast.rules.code import build_child
from falcoeks_fast.rules.code.build_memory import available_bytes
from falcoeks_fast.rules.code.emit import MODULE_NAME, Generated
from falcoeks_fast.rules.code.trust import TrustError, read_own_file

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1 << 20
LEAST_MEMORY_BYTES = 1024 * MIB
"""Below this much available memory nothing is compiled: the events come first."""

_HEADER = "predicate.h"
_SOURCE = f"{MODULE_NAME}.pyx"
_TARGET = f"{MODULE_NAME}.so"
_MESSAGES = "messages"
_MESSAGE_BYTES = 2000
_LARGEST_FILE_BYTES = 1024 * MIB
_LARGEST_PAYLOAD_BYTES = 256 * MIB
_FLAGS = ("-shared", "-fPIC", "-O1", "-g0", "-w", "-fwrapv", "-fno-strict-aliasing", "-fvisibility=hidden", "-DNDEBUG")
_POLL_SECONDS = 0.02
_SIGNS_OF_NO_MEMORY = ("out of memory", "memory exhausted", "Cannot allocate memory", "MemoryError")

Progress = Callable[[str], None]


class BuildError(Exception):
    """Compiling failed or was not possible. The text says why and what to do."""


class BuildImpossible(BuildError):
    """This machine cannot compile at all, or not now."""


class BuildCancelled(BuildError):
    """The caller asked to stop."""


@dataclass(frozen=True, slots=True)
class BuildLimits:
    """What a compile may take. `memory_bytes` 0: half of what is available, 768 MiB to 4 GiB."""

    memory_bytes: int = 0
    seconds: int = 300
    niceness: int = 10


BESIDE_THE_ENGINE = BuildLimits()
SOMEBODY_WAITS = BuildLimits(niceness=0)


def predicate_header() -> bytes:
    """The one header that generated source includes. Raises BuildImpossible."""
    path = Path(__file__).parents[2] / "engine" / "native" / _HEADER
    try:
        return path.read_bytes()
    except OSError as error:
        raise BuildImpossible(f"this installation lacks {path} ({error.strerror}); install it again") from error


def compiler_command() -> list[str]:
    """The C compiler: `CC` of the environment, else the one that built Python, else cc, gcc or clang of the PATH.

    Raises BuildImpossible.
    """
    wanted = os.environ.get("CC", "")
    for command in (wanted, sysconfig.get_config_var("CC") or "", "cc", "gcc", "clang"):
        words = shlex.split(command)
        program = shutil.which(words[0]) if words else None
        if program is not None:
            return [program, *words[1:]]
        if words and command == wanted:
            raise BuildImpossible(f"the C compiler named by CC ({wanted}) is not there; correct or unset CC")
    raise BuildImpossible("no C compiler on this machine; install gcc or clang, or compile a bundle elsewhere")


def why_impossible() -> str:
    """Why nothing can be compiled here now; empty if it can."""
    try:
        _preconditions()
    except BuildImpossible as error:
        return str(error)
    return ""


def build(
    source: Generated,
    *,
    limits: BuildLimits = BESIDE_THE_ENGINE,
    progress: Progress = lambda stage: None,
    cancelled: threading.Event | None = None,
) -> bytes:
    """The shared object of a rule module.

    `progress` is called with `cython` and `c` when these stages begin; `cancelled` stops the child. Raises BuildError.
    """
    compiler, headers, cython, memory_bytes = _preconditions()
    header = predicate_header()
    memory_bytes = limits.memory_bytes or memory_bytes
    try:
        with _directory() as (directory, path):
            _put(directory, _SOURCE, source.pyx.encode())
            _put(directory, _HEADER, header)
            order = {
                "directory": directory,
                "parent": os.getpid(),
                "source": _SOURCE,
                "target": _TARGET,
                "cython": cython,
                "compiler": [*compiler, *_FLAGS, "-I.", *(f"-I{folder}" for folder in headers)],
                "memory_bytes": memory_bytes,
                "seconds": limits.seconds,
                "file_bytes": _LARGEST_FILE_BYTES,
                "niceness": limits.niceness,
            }
            code = _run(order, directory, path, limits, progress, cancelled or threading.Event())
            if code:
                raise BuildError(_why_failed(code, memory_bytes, _messages(directory)))
            return read_own_file(directory, _TARGET, "the compiled module", limit_bytes=_LARGEST_PAYLOAD_BYTES)
    except (OSError, TrustError) as error:
        raise BuildError(f"cannot compile the rules: {error}") from error


def _preconditions() -> tuple[list[str], list[str], str, int]:
    """The compiler, the folders with Python's headers, the folder of Cython, the memory a child may take."""
    compiler = compiler_command()
    paths = sysconfig.get_paths()
    headers = list(dict.fromkeys([paths["include"], paths["platinclude"]]))
    if not any((Path(folder) / "Python.h").is_file() for folder in headers):
        raise BuildImpossible(
            f"Python's headers are not installed (no Python.h in {headers[0]}); install python3-dev, or compile a "
            "bundle elsewhere"
        )
    spec = importlib.util.find_spec("Cython")
    if spec is None or spec.origin is None:
        raise BuildImpossible("Cython is not installed; install it, or compile a bundle elsewhere")
    if not sys.executable:
        raise BuildImpossible("this process does not know its Python interpreter (sys.executable is empty)")
    available = available_bytes()
    if available < LEAST_MEMORY_BYTES:
        raise BuildImpossible(
            f"only {available // MIB} MiB of memory are available and compiling wants {LEAST_MEMORY_BYTES // MIB}; "
            "raise the memory limit, or compile a bundle elsewhere"
        )
    memory_bytes = min(max(available // 2, 768 * MIB), 4096 * MIB)
    return compiler, headers, str(Path(spec.origin).parent.parent), memory_bytes


@contextmanager
def _directory() -> Iterator[tuple[int, str]]:
    """A new directory of mode 0700: its descriptor and its path."""
    with tempfile.TemporaryDirectory(prefix="falcoeks-fast-build-", ignore_cleanup_errors=True) as path:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if status.st_uid != os.geteuid() or status.st_mode & 0o077:
                raise BuildError(f"{path} was exchanged while compiling; set TMPDIR to a directory of your own")
            yield descriptor, path
        finally:
            os.close(descriptor)


def _put(directory: int, name: str, content: bytes) -> None:
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=directory)
    with open(descriptor, "wb") as file:
        file.write(content)


def _run(
    order: dict[str, object],
    directory: int,
    path: str,
    limits: BuildLimits,
    progress: Progress,
    cancelled: threading.Event,
) -> int:
    messages = os.open(_MESSAGES, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=directory)
    try:
        child = subprocess.Popen(
            [sys.executable, "-IB", build_child.__file__, json.dumps(order)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=messages,
            env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "TMPDIR": path},
            cwd="/",
            pass_fds=(directory,),
            start_new_session=True,
            umask=0o077,
        )
    finally:
        os.close(messages)
    deadline = time.monotonic() + limits.seconds
    try:
        assert child.stdout is not None
        os.set_blocking(child.stdout.fileno(), False)
        while True:
            for stage in (child.stdout.read() or b"").split():
                progress(stage.decode("ascii", "replace"))
            if (code := child.poll()) is not None:
                return code
            if cancelled.wait(_POLL_SECONDS):
                raise BuildCancelled("compiling was cancelled")
            if time.monotonic() > deadline:
                raise BuildError(f"compiling took longer than {limits.seconds} s and was stopped")
    finally:
        _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Nothing of the child's process group is left, and the child is reaped."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    if child.stdout is not None:
        child.stdout.close()


def _messages(directory: int) -> str:
    """The end of what the compilers said."""
    descriptor = os.open(_MESSAGES, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    with open(descriptor, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _MESSAGE_BYTES))
        return file.read().decode("utf-8", "replace").strip()


def _why_failed(code: int, memory_bytes: int, messages: str) -> str:
    said = f"; the compiler said:\n{messages}" if messages else ""
    if code == build_child.OUT_OF_MEMORY or any(sign in messages for sign in _SIGNS_OF_NO_MEMORY):
        return f"compiling reached its memory limit of {memory_bytes // MIB} MiB and was stopped{said}"
    if code < 0:
        return f"compiling was ended by {signal.Signals(-code).name}, perhaps for lack of memory{said}"
    return f"compiling failed{said}"
