"""Notices changed files.

In: paths of files and directories. Out: True when something about them changed. Called by the reloader now and then.
By looking, not by inotify: it sees ConfigMap symlink swaps, files that are replaced, and works on any file system.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

Signature = tuple[tuple[str, int, int, int, int], ...]


class Watch:
    """Compares files and the entries of directories, by what the names finally lead to."""

    def __init__(self, paths: Sequence[str], *, into_directories: Iterable[str] = ()) -> None:
        """`into_directories`: those of which the files' contents matter too, not only their names."""
        self._paths = tuple(paths)
        self._into = frozenset(into_directories)
        self._signature = self._look()

    def changed(self) -> bool:
        """Whether anything changed since the last call."""
        before, self._signature = self._signature, self._look()
        return before != self._signature

    def _look(self) -> Signature:
        found = []
        for path in self._paths:
            found.append(_stamp(path))
            if not os.path.isdir(path):
                continue
            for name in _names(path):
                full = os.path.join(path, name)
                found.append(_stamp(full) if path in self._into else (full, 0, 0, 0, 0))
        return tuple(found)


def _stamp(path: str) -> tuple[str, int, int, int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return path, 0, 0, 0, 0
    if os.path.isdir(path):
        return path, status.st_dev, status.st_ino, 0, 0
    return path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _names(path: str) -> list[str]:
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []
