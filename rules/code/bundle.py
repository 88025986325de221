"""Bundles: compiled rules in one file, made ahead of time or kept in the cache.

In: a plan, or a file. Out: a file, or the capsule of its module. Called by the `compile` command, by `run --compiled`
and by `cache`, whose entries are bundles.

A bundle is the line `falcoeks-fast bundle 1`, the length of the header (8 bytes, little endian), the header (a JSON
object, see `Header`), and the payload, a shared object. It is only ever read whole into memory, checked there and
loaded from there.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import secrets
import sys
import sysconfig
import threading
import time
from dataclasses import asdict, dataclass, fields
from importlib import metadata
from pathlib import Path

from falcoeks_fast.rules.code.build import SOMEBODY_WAITS, BuildLimits, Progress, build
from falcoeks_fast.rules.code.emit import EMITTER_VERSION, emit
from falcoeks_fast.rules.code.module import ABI_VERSION, LoadError, load_module
from falcoeks_fast.rules.code.trust import TrustError, read_any_file, read_own_file, sound_parent
from falcoeks_fast.rules.plan import Plan

LARGEST_BYTES = 256 << 20

_MAGIC = b"falcoeks-fast bundle 1\n"
_LENGTH_BYTES = 8
_LARGEST_HEADER_BYTES = 1 << 16
_REFERENCE = re.compile(r"(?P<path>.+)@sha256:(?P<digest>[0-9a-fA-F]{64})", re.DOTALL)


class BundleError(Exception):
    """A bundle cannot be used, or not be written. The text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a bundle says of itself. Digests are lower-case hex of SHA-256.

    `plan`: `Plan.predicate_digest()`. `soabi` and `machine`: for which Python and processor the payload is.
    """

    plan: str
    abi: int
    emitter: int
    soabi: str
    machine: str
    created_by: str
    payload_bytes: int
    payload_sha256: str


@dataclass(frozen=True, slots=True)
class Bundle:
    header: Header
    payload: bytes

    def why_unfit(self, plan_digest: bytes) -> str:
        """Why this bundle is not for these rules or not for this machine; empty if it is."""
        header = self.header
        if header.abi != ABI_VERSION:
            return f"it was made by {header.created_by} for ABI {header.abi}, this program has ABI {ABI_VERSION}"
        if (header.soabi, header.machine) != (python_abi(), platform.machine()):
            return f"it was made for {header.soabi} on {header.machine}, this is {python_abi()} on {platform.machine()}"
        if header.plan != plan_digest.hex():
            return "it was made from other rules, or with other settings, than those given here"
        return ""


@dataclass(frozen=True, slots=True)
class Written:
    """What `compile_bundle` made. `sha256`: hex digest of the file, for `BUNDLE@sha256:...`."""

    path: Path
    size_bytes: int
    sha256: str
    seconds: float


def python_abi() -> str:
    """The tag of extension modules of this Python, e.g. `cpython-311-x86_64-linux-gnu`."""
    return sysconfig.get_config_var("SOABI") or f"{sys.implementation.cache_tag}-{sys.platform}"


def pack(plan_digest: bytes, payload: bytes) -> bytes:
    """A bundle of a shared object that was built here and now."""
    header = Header(
        plan=plan_digest.hex(),
        abi=ABI_VERSION,
        emitter=EMITTER_VERSION,
        soabi=python_abi(),
        machine=platform.machine(),
        created_by=f"falcoeks-fast {_version()}",
        payload_bytes=len(payload),
        payload_sha256=hashlib.sha256(payload).hexdigest(),
    )
    text = json.dumps(asdict(header), sort_keys=True).encode()
    return b"".join([_MAGIC, len(text).to_bytes(_LENGTH_BYTES, "little"), text, payload])


def unpack(content: bytes) -> Bundle:
    """The bundle in a file's content. Raises BundleError if it is damaged or none."""
    start = len(_MAGIC) + _LENGTH_BYTES
    if not content.startswith(_MAGIC):
        raise BundleError("it is no bundle of this version of falcoeks-fast")
    length = int.from_bytes(content[len(_MAGIC) : start], "little")
    if len(content) < start or length > min(_LARGEST_HEADER_BYTES, len(content) - start):
        raise BundleError("it is cut off")
    header = _header(content[start : start + length])
    payload = content[start + length :]
    if len(payload) != header.payload_bytes:
        raise BundleError(f"it is damaged: {len(payload)} bytes of code instead of {header.payload_bytes}")
    if hashlib.sha256(payload).hexdigest() != header.payload_sha256:
        raise BundleError("it is damaged: its code does not have the digest that its header names")
    return Bundle(header, payload)


def compile_bundle(
    plan: Plan,
    out: Path,
    *,
    limits: BuildLimits = SOMEBODY_WAITS,
    progress: Progress = lambda stage: None,
    cancelled: threading.Event | None = None,
) -> Written:
    """Compile a plan into the file `out`, which is replaced as a whole. Raises BuildError, BundleError."""
    began = time.monotonic()
    source = emit(plan)
    content = pack(source.digest, build(source, limits=limits, progress=progress, cancelled=cancelled))
    try:
        replace_file(out, content)
    except OSError as error:
        raise BundleError(f"cannot write the bundle {out}: {error.strerror or error}") from error
    return Written(out, len(content), hashlib.sha256(content).hexdigest(), time.monotonic() - began)


def load_bundle(reference: str | Path, plan: Plan, digest: str | None = None) -> object:
    """The capsule of a bundle for `plan`.

    `reference`: a path, or `PATH@sha256:HEX`. A bundle without a digest must belong to root or to this user, and stand
    where nobody else can replace it; one with a digest may stand anywhere. `digest`: the same hex digest apart.
    Raises BundleError; the caller then runs the interpreter and warns.
    """
    path, named = parse_reference(reference)
    digest = digest or named
    plan_digest = plan.predicate_digest()
    try:
        content = _read_named(path, digest) if digest else _read_ours(path)
        bundle = unpack(content)
        if why := bundle.why_unfit(plan_digest):
            raise BundleError(f"{why}; compile it again with: falcoeks-fast compile -r RULES -o {path}")
        return load_module(bundle.payload, plan_digest)
    except (BundleError, LoadError, TrustError) as error:
        raise BundleError(f"the bundle {path} is not used: {error}") from error


def parse_reference(reference: str | Path) -> tuple[Path, str | None]:
    """Path and hex digest of `PATH@sha256:HEX`; without a digest, the path alone."""
    if match := _REFERENCE.fullmatch(str(reference)):
        return Path(match["path"]), match["digest"].lower()
    return Path(reference), None


def replace_file(path: Path, content: bytes) -> None:
    """Write a file that others see either whole or not at all. Raises OSError."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _read_ours(path: Path) -> bytes:
    try:
        with sound_parent(path) as directory:
            return read_own_file(directory, path.name, path, limit_bytes=LARGEST_BYTES, root_too=True)
    except FileNotFoundError as error:
        raise BundleError("there is no such file") from error
    except TrustError as error:
        raise BundleError(f"{error}; or name its digest: {path}@sha256:HEX (sha256sum prints it)") from error


def _read_named(path: Path, digest: str) -> bytes:
    content = read_any_file(path, limit_bytes=LARGEST_BYTES)
    found = hashlib.sha256(content).hexdigest()
    if found != digest.lower():
        raise BundleError(f"its digest is sha256:{found}, not the sha256:{digest} that was asked for")
    return content


def _header(text: bytes) -> Header:
    try:
        values = json.loads(text)
        header = Header(**{field.name: values[field.name] for field in fields(Header)})
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BundleError(f"its header is damaged: {error}") from error
    for name, kind in Header.__annotations__.items():
        if type(getattr(header, name)).__name__ != kind:
            raise BundleError(f"its header is damaged: {name} is not of type {kind}")
        if kind == "str" and not (getattr(header, name).isascii() and getattr(header, name).isprintable()):
            raise BundleError(f"its header is damaged: {name} holds strange characters")
    return header


def _version() -> str:
    try:
        return metadata.version("falcoeks-fast")
    except metadata.PackageNotFoundError:
        return "unknown"
