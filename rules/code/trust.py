"""Which directories and files may hold native code for this process.

In: paths. Out: descriptors that were checked, and the bytes read from them. Called by `cache`, `bundle` and `build`
before anything becomes part of the process. Everything goes through descriptors, one path component at a time and
never along a link, so what was checked is what is used.

The rule for a directory of our own: it is ours and mode 0700, and nobody but root and us can replace any directory on
the way to it. A directory on the way may be writable by others only if it is sticky, as /tmp is: there others can
add names but not rename or remove ours, and a name that they add belongs to them and is refused at the next step.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PASS_DIRECTORY = (getattr(os, "O_PATH", os.O_RDONLY)) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CHUNK_BYTES = 1 << 20


class TrustError(Exception):
    """A path is not ours alone, or not what it should be. The text says what is wrong and how to put it right."""


@contextmanager
def own_directory(path: Path, *, create: bool = False) -> Iterator[int]:
    """A descriptor of a directory of our own (see the module's text); closed at the end.

    `create`: make missing components, mode 0700. Raises TrustError, also where the directory is missing.
    """
    parts = _components(path)
    descriptor = _walk(parts[:-1], path, create=create)
    try:
        last = _step(descriptor, parts[-1], path, _OPEN_DIRECTORY, create=create)
    finally:
        os.close(descriptor)
    try:
        status = os.fstat(last)
        if status.st_uid != os.geteuid():
            raise TrustError(
                f"{path} belongs to {_owner(status.st_uid)}, not to this user; name a directory of your own"
            )
        if stat.S_IMODE(status.st_mode) & 0o077:
            raise TrustError(
                f"{path} is open to other users (mode {_mode(status)}); name another directory, or chmod 0700 this one"
            )
        yield last
    finally:
        os.close(last)


@contextmanager
def sound_parent(path: Path) -> Iterator[int]:
    """A descriptor of the directory that holds `path`, which nobody but root and us can replace. Raises TrustError.

    The directory itself may be sticky; its files must be checked by owner.
    """
    descriptor = _walk(_components(path)[:-1], path.parent, create=False)
    try:
        readable = os.open(".", _OPEN_DIRECTORY, dir_fd=descriptor)
    except OSError as error:
        raise TrustError(f"cannot read {path.parent}: {error.strerror}") from error
    finally:
        os.close(descriptor)
    try:
        yield readable
    finally:
        os.close(readable)


def read_own_file(directory: int, name: str, shown: object, *, limit_bytes: int, root_too: bool = False) -> bytes:
    """The content of a regular file of ours in an open directory.

    `shown`: how messages call the file. `root_too`: it may be root's. Raises TrustError if it is another's, writable by
    others, a link, hard-linked elsewhere or longer than `limit_bytes`; FileNotFoundError if it is missing.
    """
    descriptor = _open_file(directory, name, shown)
    try:
        status = os.fstat(descriptor)
        owners = {os.geteuid(), 0} if root_too else {os.geteuid()}
        if status.st_uid not in owners:
            raise TrustError(f"{shown} belongs to {_owner(status.st_uid)}, not to {'root or ' * root_too}this user")
        if status.st_mode & _OTHERS_WRITE:
            raise TrustError(f"{shown} is writable by other users (mode {_mode(status)}); chmod go-w it")
        if status.st_nlink != 1:
            raise TrustError(f"{shown} has {status.st_nlink} names (hard links); copy it")
        return _read(descriptor, shown, limit_bytes)
    finally:
        os.close(descriptor)


def read_any_file(path: Path, *, limit_bytes: int) -> bytes:
    """The content of a regular file, whoever owns it, for callers who check its digest. Raises TrustError."""
    try:
        descriptor = os.open(path, _OPEN_FILE & ~os.O_NOFOLLOW)
    except OSError as error:
        raise TrustError(f"cannot open {path}: {error.strerror}") from error
    try:
        return _read(descriptor, path, limit_bytes)
    finally:
        os.close(descriptor)


def _open_file(directory: int, name: str, shown: object) -> int:
    try:
        return os.open(name, _OPEN_FILE, dir_fd=directory)
    except FileNotFoundError:
        raise
    except OSError as error:
        why = "it is a link; name the file itself" if _is_link(directory, name) else error.strerror
        raise TrustError(f"cannot open {shown}: {why}") from error


def _read(descriptor: int, shown: object, limit_bytes: int) -> bytes:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise TrustError(f"{shown} is no regular file")
    if status.st_size > limit_bytes:
        raise TrustError(f"{shown} is larger than {limit_bytes} bytes")
    content = bytearray()
    try:
        while len(content) <= limit_bytes and (chunk := os.read(descriptor, _CHUNK_BYTES)):
            content += chunk
    except OSError as error:
        raise TrustError(f"cannot read {shown}: {error.strerror}") from error
    if len(content) > limit_bytes:
        raise TrustError(f"{shown} is larger than {limit_bytes} bytes")
    return bytes(content)


def _components(path: Path) -> tuple[str, ...]:
    """The names from the root to `path`, without `..`, which would leave the way that is checked."""
    parts = Path(os.path.abspath(path)).parts[1:]
    if not parts:
        raise TrustError(f"{path} is no place for compiled rules")
    return parts


def _walk(parts: tuple[str, ...], shown: Path, *, create: bool) -> int:
    descriptor = os.open("/", _PASS_DIRECTORY)
    way = Path("/")
    try:
        _check_on_the_way(descriptor, way, shown)
        for part in parts:
            way /= part
            following = _step(descriptor, part, way, _PASS_DIRECTORY, create=create)
            os.close(descriptor)
            descriptor = following
            _check_on_the_way(descriptor, way, shown)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _step(directory: int, name: str, shown: Path, flags: int, *, create: bool) -> int:
    try:
        if create:
            with suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=directory)
        return os.open(name, flags, dir_fd=directory)
    except OSError as error:
        if _is_link(directory, name):
            raise TrustError(f"{shown} is a link, and links are not followed here; name what it leads to") from error
        raise TrustError(f"cannot {'make or ' * create}open {shown}: {error.strerror}") from error


def _is_link(directory: int, name: str) -> bool:
    try:
        return stat.S_ISLNK(os.lstat(name, dir_fd=directory).st_mode)
    except OSError:
        return False


def _check_on_the_way(descriptor: int, way: Path, shown: Path) -> None:
    status = os.fstat(descriptor)
    on_the_way = "" if way == shown else f", on the way to {shown},"
    if status.st_uid not in (0, os.geteuid()):
        raise TrustError(f"{way}{on_the_way} belongs to {_owner(status.st_uid)}, who could replace what is in it")
    if status.st_mode & _OTHERS_WRITE and not status.st_mode & stat.S_ISVTX:
        raise TrustError(
            f"{way}{on_the_way} is writable by other users (mode {_mode(status)}), who could replace what is in it; "
            "chmod go-w it, or name another directory"
        )


def _owner(uid: int) -> str:
    return "root" if uid == 0 else f"user {uid}"


def _mode(status: os.stat_result) -> str:
    return f"{stat.S_IMODE(status.st_mode):04o}"
