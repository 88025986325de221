"""From errors to messages and exit codes, the same for all commands."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

from falcoeks_fast.config.model import LogSettings
from falcoeks_fast.engine.escaping import escape_lines
from falcoeks_fast.log import Lines

from .options import OptionError

_log = logging.getLogger("falcoeks_fast")


def guarded(action: Callable[[], int], *, code: int = 1) -> int:
    """Run `action`; what a user can mend becomes `Error: ...` on standard error and exit code `code`."""
    from falcoeks_fast.config import ConfigError

    try:
        return action()
    except (OptionError, ConfigError) as error:
        fail(str(error))
        return code


def fail(message: str) -> int:
    print(f"Error: {escape_lines(message)}", file=sys.stderr)
    return 1


def fail_at_run_time(message: str, log: LogSettings) -> int:
    """What Falco does with errors of its engine and of plugins: they are logged, and on standard error in any case."""
    say_error(f"Runtime error: {message}. Exiting.", log)
    return 1


def say_error(text: str, log: LogSettings) -> None:
    """A line of the log, and on standard error in any case."""
    _log.error("%s", Lines(text))
    if not (log.stderr and _log.isEnabledFor(logging.ERROR)):
        print(escape_lines(text), file=sys.stderr)
