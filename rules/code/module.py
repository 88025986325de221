"""Compiled rules become part of the process.

In: the bytes of a shared object whose origin and digest the caller has checked. Out: its capsule, for
`RuleSet.attach`. Called by `cache` and `bundle`.

The bytes go into sealed anonymous memory and are loaded from there, so nothing can be exchanged between the check and
the load. Code that was loaded stays mapped until the process ends, as for every Python extension; the same bytes are
loaded once only.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import itertools
import os
import tempfile
import threading
from contextlib import contextmanager
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path
from typing import TYPE_CHECKING

from falcoeks_fast.rules.code.emit import MODULE_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

ABI_VERSION = 1
"""FE_ABI_VERSION of engine/native/predicate.h."""

CAPSULE_NAME = b"falcoeks_fast.module"

_loaded: dict[bytes, object] = {}
_numbers = itertools.count(1)
_lock = threading.Lock()


class LoadError(Exception):
    """The shared object cannot be loaded here, or does not hold the rules that it should hold."""


class _Module(ctypes.Structure):
    """fe_module of engine/native/predicate.h."""

    _fields_ = (
        ("abi_version", ctypes.c_uint32),
        ("rule_count", ctypes.c_uint32),
        ("plan_digest", ctypes.c_ubyte * 32),
        ("rules", ctypes.c_void_p),
    )


def load_module(payload: bytes, plan_digest: bytes) -> object:
    """The capsule of a shared object. Raises LoadError if it does not load or holds another plan's rules."""
    key = hashlib.sha256(payload).digest()
    with _lock:
        capsule = _loaded.get(key)
        if capsule is None:
            capsule = _import(payload, next(_numbers))
            _loaded[key] = capsule
    _check(capsule, plan_digest)
    return capsule


def find_loaded(plan_digest: bytes) -> object | None:
    """The capsule of a plan whose code this process has loaded before, from wherever that was."""
    with _lock:
        capsules = list(_loaded.values())
    for capsule in capsules:
        try:
            _check(capsule, plan_digest)
        except LoadError:
            continue
        return capsule
    return None


def loaded_modules() -> int:
    """How many distinct modules are mapped."""
    with _lock:
        return len(_loaded)


def _check(capsule: object, plan_digest: bytes) -> None:
    get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
    get_pointer.restype = ctypes.c_void_p
    get_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    try:
        address = get_pointer(capsule, CAPSULE_NAME)
    except ValueError as error:
        raise LoadError(f"the compiled rules export no capsule {CAPSULE_NAME.decode()}") from error
    module = _Module.from_address(address)
    if module.abi_version != ABI_VERSION:
        raise LoadError(f"the compiled rules are of ABI {module.abi_version}, this program has {ABI_VERSION}")
    if bytes(module.plan_digest) != plan_digest:
        raise LoadError("the compiled rules are those of another plan than the given rules'")


def _import(payload: bytes, number: int) -> object:
    try:
        with _loadable(payload, number) as path:
            loader = ExtensionFileLoader(MODULE_NAME, path)
            module = module_from_spec(ModuleSpec(MODULE_NAME, loader, origin=path))
            loader.exec_module(module)
            return module.module
    except (ImportError, AttributeError, OSError) as error:
        raise LoadError(f"cannot load the compiled rules: {error}") from error


@contextmanager
def _loadable(payload: bytes, number: int) -> Iterator[str]:
    """A path under which the dynamic linker finds exactly `payload`."""
    try:
        descriptor = os.memfd_create("falcoeks-fast-rules", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    except (AttributeError, OSError):
        descriptor = -1
    if descriptor < 0 or not os.path.exists(f"/proc/self/fd/{descriptor}"):
        if descriptor >= 0:
            os.close(descriptor)
        with _private_file(payload) as path:
            yield path
        return
    try:
        _write(descriptor, payload)
        seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
        # The linker takes two libraries of one path for the same, and descriptors are used again: hence a spelling of
        # the path that no other module of this process has.
        spelling = "".join("./" if bit == "1" else "/" for bit in f"{number:b}")
        yield f"/proc/self/fd/{spelling}{descriptor}"
    finally:
        os.close(descriptor)


@contextmanager
def _private_file(payload: bytes) -> Iterator[str]:
    """For systems without memfd or /proc: a file in a new directory of mode 0700, gone after the load."""
    with tempfile.TemporaryDirectory(prefix="falcoeks-fast-") as directory:
        path = Path(directory) / f"{MODULE_NAME}.so"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o500)
        try:
            _write(descriptor, payload)
        finally:
            os.close(descriptor)
        yield str(path)


def _write(descriptor: int, payload: bytes) -> None:
    rest = memoryview(payload)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
