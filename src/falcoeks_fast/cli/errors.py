"""From errors to messages and exit codes, the same for all commands."""

from __future__ import annotations

import sys
from collections.abc import Callable

from falcoeks_fast.engine.escaping import escape_lines

from .options import OptionError


def guarded(action: Callable[[], int], *, code: int = 1) -> int:
    """Run `action`; what a user can mend becomes `Error: ...` on standard error and exit code `code`, PID file 255."""
    from falcoeks_fast.app.pidfile import PidFileError
    from falcoeks_fast.config import ConfigError

    try:
        return action()
    except (OptionError, ConfigError) as error:
        fail(str(error))
        return code
    except PidFileError as error:
        fail(str(error))
        return 255


def fail(message: str) -> int:
    print(f"Error: {escape_lines(message)}", file=sys.stderr)
    return 1
