"""The cache of compiled rules: a directory of bundles named by what they were made from.

In: a plan. Out: the capsule of its compiled module, from the cache or freshly compiled. Called by `background` and by
whoever wants compiled rules at once. Several processes may share the directory: entries appear whole by a rename, and
one process at a time compiles or tidies, under a lock.

Where the directory is not ours alone (see `trust`), nothing is read from it or written to it; compiling still works.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import platform
import secrets
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from falcoeks_fast.rules.code.build import (
    BESIDE_THE_ENGINE,
    BuildCancelled,
    BuildError,
    BuildImpossible,
    BuildLimits,
    Progress,
    build,
    predicate_header,
)
from falcoeks_fast.rules.code.bundle import LARGEST_BYTES, BundleError, pack, python_abi, unpack
from falcoeks_fast.rules.code.emit import EMITTER_VERSION, EmitError, emit
from falcoeks_fast.rules.code.module import ABI_VERSION, LoadError, find_loaded, load_module
from falcoeks_fast.rules.code.trust import TrustError, own_directory, read_own_file
from falcoeks_fast.rules.plan import Plan, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = logging.getLogger(__name__)

DEFAULT_LIMIT_BYTES = 64 << 20

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_SUFFIX = ".bundle"
_DAMAGED = ".damaged"
_TEMPORARY = ".tmp"
_LOCK = "lock"
_POLL_SECONDS = 0.05
_STALE_SECONDS = 3600.0


def default_directory() -> Path:
    """`$XDG_CACHE_HOME/falcoeks-fast`, else `~/.cache/falcoeks-fast` for users, `/var/cache/falcoeks-fast` for root."""
    wanted = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(wanted):
        return Path(wanted) / "falcoeks-fast"
    home = os.environ.get("HOME", "")
    if os.geteuid() != 0 and os.path.isabs(home):
        return Path(home) / ".cache" / "falcoeks-fast"
    return Path("/var/cache/falcoeks-fast")


class CompiledCache:
    """Compiled rules on disk. Thread-safe: it keeps no state but the directory's name."""

    def __init__(
        self,
        directory: Path | None = None,
        *,
        limit_bytes: int = DEFAULT_LIMIT_BYTES,
        warn: Callable[[str], None] = _log.warning,
    ) -> None:
        """`limit_bytes`: beyond this the entries used least recently go. `warn` takes messages for the user."""
        self.directory = Path(os.path.abspath(directory or default_directory()))
        self._limit_bytes = limit_bytes
        self._warn = warn

    def key(self, plan: Plan) -> str:
        """The name of a plan's entry: a hash of everything that its code depends on. Raises BuildImpossible."""
        return self._key(plan.predicate_digest())

    def load(self, plan: Plan) -> object | None:
        """The capsule of the plan's entry, or None if there is none that can be used."""
        digest = plan.predicate_digest()
        try:
            with own_directory(self.directory, create=True) as directory:
                return self._load(directory, digest)
        except (TrustError, BuildImpossible) as error:
            self._warn(f"the cache of compiled rules is not used: {error}")
            return None

    def compile(
        self,
        plan: Plan,
        *,
        limits: BuildLimits = BESIDE_THE_ENGINE,
        progress: Progress = lambda stage: None,
        cancelled: Event | None = None,
    ) -> object:
        """The capsule of a plan, from the cache if it is there. Raises BuildError, BuildCancelled."""
        cancelled = cancelled or Event()
        digest = plan.predicate_digest()

        def made() -> tuple[bytes, object]:
            try:
                payload = build(emit(plan), limits=limits, progress=progress, cancelled=cancelled)
                return payload, load_module(payload, digest)
            except (EmitError, LoadError) as error:
                raise BuildError(f"the rules cannot be compiled: {error}") from error

        try:
            with own_directory(self.directory, create=True) as directory:
                capsule = self._load(directory, digest)
                if capsule is not None:
                    return capsule
                with _locked(directory, self.directory, cancelled):
                    capsule = self._load(directory, digest)
                    if capsule is None:
                        payload, capsule = made()
                        self._publish(directory, self._key(digest) + _SUFFIX, pack(digest, payload))
                    return capsule
        except TrustError as error:
            self._warn(f"the cache of compiled rules is not used: {error}")
        return find_loaded(digest) or made()[1]

    def _key(self, digest: bytes) -> str:
        machine = f"{python_abi()} {platform.machine()}".encode()
        return hashlib.sha256(encode([digest, ABI_VERSION, EMITTER_VERSION, predicate_header(), machine])).hexdigest()

    def _load(self, directory: int, digest: bytes) -> object | None:
        name = self._key(digest) + _SUFFIX
        path = self.directory / name
        try:
            content = read_own_file(directory, name, path, limit_bytes=LARGEST_BYTES)
            bundle = unpack(content)
            if why := bundle.why_unfit(digest):
                raise BundleError(why)
            capsule = load_module(bundle.payload, digest)
        except FileNotFoundError:
            return None
        except TrustError as error:
            self._warn(f"a cached module is not used: {error}")
            return None
        except (BundleError, LoadError) as error:
            self._set_aside(directory, name, f"{path}: {error}")
            return None
        _mark_used(directory, name)
        return capsule

    def _set_aside(self, directory: int, name: str, why: str) -> None:
        try:
            os.replace(name, name + _DAMAGED, src_dir_fd=directory, dst_dir_fd=directory)
        except FileNotFoundError:
            return  # another process was first
        except OSError as error:
            self._warn(f"a cached module is not used: {why}; it cannot be set aside: {error.strerror}")
            return
        self._warn(f"a cached module is not used: {why}; it was set aside as {name}{_DAMAGED}")

    def _publish(self, directory: int, name: str, content: bytes) -> None:
        temporary = f"{name}.{secrets.token_hex(8)}{_TEMPORARY}"
        try:
            descriptor = os.open(
                temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=directory
            )
            try:
                with open(descriptor, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(descriptor)
                os.replace(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
            except BaseException:
                os.unlink(temporary, dir_fd=directory)
                raise
            self._tidy(directory, name)
        except OSError as error:
            self._warn(f"the compiled rules are not kept in {self.directory}: {error.strerror or error}")

    def _tidy(self, directory: int, keep: str) -> None:
        """Remove damaged entries, then those used least recently, until the rest fits; and what a crash left behind."""
        found = []
        now = time.time()
        for name in os.listdir(directory):
            if not name.endswith((_SUFFIX, _DAMAGED, _TEMPORARY)):
                continue
            try:
                status = os.lstat(name, dir_fd=directory)
            except FileNotFoundError:
                continue
            if name.endswith(_TEMPORARY) and now - status.st_mtime > _STALE_SECONDS:
                _remove(directory, name)
            elif name != keep:
                found.append((not name.endswith(_DAMAGED), status.st_mtime_ns, name, status.st_size))
        room = self._limit_bytes - os.lstat(keep, dir_fd=directory).st_size
        for _, _, name, size in sorted(found, reverse=True):
            room -= size
            if room < 0:
                _remove(directory, name)


@contextmanager
def _locked(directory: int, shown: Path, cancelled: Event) -> Iterator[None]:
    """Only one process and thread at a time; the lock goes with its holder. Raises TrustError, BuildCancelled."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(_LOCK, flags, 0o600, dir_fd=directory)
    except OSError as error:
        raise TrustError(f"cannot lock {shown / _LOCK}: {error.strerror}") from error
    try:
        while not _try_lock(descriptor, shown):
            if cancelled.wait(_POLL_SECONDS):
                raise BuildCancelled("compiling was cancelled")
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int, shown: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise TrustError(f"cannot lock {shown / _LOCK}: {error.strerror}") from error
    return True


def _mark_used(directory: int, name: str) -> None:
    """The time of last use is the time of modification, since many mounts keep no time of access."""
    try:
        os.utime(name, dir_fd=directory, follow_symlinks=False)
    except OSError:
        return  # a read-only cache is not tidied either


def _remove(directory: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        return
