"""The file of `--pidfile`."""

from __future__ import annotations

import os
from pathlib import Path


class PidFileError(Exception):
    """It cannot be written; the program then ends with exit code 255, as Falco's."""


def write_pid_file(path: str) -> None:
    """Digits only, no line end. Raises PidFileError."""
    try:
        Path(path).write_text(str(os.getpid()), encoding="ascii")
    except OSError as error:
        raise PidFileError(f"Could not write pid to pidfile {path}. Exiting. ({error.strerror})") from error
