"""The directory of the checkpoints, and the lock that lets one instance at a time use it.

In: the configured path. Out: `StateLock`. Called by the source. The kernel drops the lock when its holder dies, however
it dies.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class StateDirError(Exception):
    """The directory cannot be used; the text says why and what to do."""


class StateLock:
    """An exclusive `flock` on `<state_dir>/lock`."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "lock"
        self._descriptor = -1

    def prepare(self) -> None:
        """Make the directory (0700) and open the lock file. Raises StateDirError."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self._descriptor = os.open(self._path, flags, 0o600)
        except OSError as error:
            advice = "name a directory of its own that this user may write to (state_dir)"
            raise StateDirError(f"state directory {self._path.parent}: {error.strerror}; {advice}") from error

    def acquire(self) -> bool:
        """Try once. False: another instance holds it."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)
        return True

    def holder(self) -> str:
        """The process id that the holder wrote, as text; empty where unknown."""
        try:
            return os.pread(self._descriptor, 32, 0).decode("ascii", "replace").strip()
        except OSError:
            return ""

    def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
