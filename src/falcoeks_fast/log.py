"""The program's own log, in Falco's lines: to standard error, to syslog, or both.

In: `LogSettings` and log records. Out: lines `Mon Nov 23 02:46:02 2026: text`. Called by the command line, once the
configuration is read and after each reload. Every argument of a record is escaped, since it may come from an event, a
rule file or AWS; only the text of the program itself and `Lines` may hold line feeds.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Mapping

from falcoeks_fast.config.model import LogSettings
from falcoeks_fast.engine.escaping import escape_lines, escape_text
from falcoeks_fast.engine.outputs.settings import SyslogSettings
from falcoeks_fast.engine.outputs.syslog import SyslogSocket

NOTICE = 25
ALERT = 60
EMERGENCY = 70

_LEVELS = {
    "emergency": EMERGENCY,
    "alert": ALERT,
    "critical": logging.CRITICAL,
    "error": logging.ERROR,
    "warning": logging.WARNING,
    "notice": NOTICE,
    "info": logging.INFO,
    "debug": logging.DEBUG,
}
ROOT = logging.getLogger("falcoeks_fast")


class Lines(str):
    """A text of several lines that may stay so."""

    __slots__ = ()


def set_up_log(settings: LogSettings) -> None:
    """Send the log where the settings say; replaces what was set up before."""
    for level, number in _LEVELS.items():
        logging.addLevelName(number, level)
    handlers: list[logging.Handler] = []
    if settings.stderr:
        handlers.append(_StderrHandler(_JsonFormatter() if settings.json else _FalcoFormatter(settings.iso8601)))
    if settings.syslog:
        handlers.append(_SyslogHandler())
    former, ROOT.handlers = ROOT.handlers, handlers or [logging.NullHandler()]
    for handler in former:
        handler.close()
    ROOT.setLevel(_LEVELS[settings.level])
    ROOT.propagate = False


def escaped_message(record: logging.LogRecord) -> str:
    """The record's text with every argument escaped, and the exception in one line behind it."""
    args = record.args
    text = record.msg if isinstance(record.msg, str) else escape_text(str(record.msg))
    if isinstance(args, tuple) and args:
        text = text % tuple(_escape_argument(arg) for arg in args)
    elif isinstance(args, Mapping):
        text = text % {key: _escape_argument(arg) for key, arg in args.items()}
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        text += escape_text(f" ({type(error).__name__}: {error})")
    return text


def _escape_argument(argument: object) -> object:
    if isinstance(argument, int | float):
        return argument
    if isinstance(argument, Lines):
        return escape_lines(argument)
    return escape_text(str(argument))


class _FalcoFormatter(logging.Formatter):
    def __init__(self, iso8601: bool) -> None:
        super().__init__()
        self._iso8601 = iso8601

    def format(self, record: logging.LogRecord) -> str:
        if self._iso8601:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S+0000", time.gmtime(record.created))
        else:
            stamp = time.ctime(record.created)
        return f"{stamp}: {escaped_message(record)}"


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            "time": f"{stamp}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "message": escaped_message(record),
        }
        return json.dumps(line, ensure_ascii=False)


class _StderrHandler(logging.Handler):
    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        except (OSError, ValueError):
            return  # there is nowhere left to complain


class _SyslogHandler(logging.Handler):
    """Syslog numbers: 0 emergency to 7 debug. Without a daemon the lines are lost, as with syslog(3)."""

    _NUMBERS = ((EMERGENCY, 0), (ALERT, 1), (50, 2), (40, 3), (30, 4), (NOTICE, 5), (20, 6))

    def __init__(self) -> None:
        super().__init__()
        self._socket = SyslogSocket(SyslogSettings())

    def emit(self, record: logging.LogRecord) -> None:
        priority = next((number for level, number in self._NUMBERS if record.levelno >= level), 7)
        try:
            self._socket.send(priority, escaped_message(record).encode("utf-8", "replace"))
        except OSError:
            return

    def close(self) -> None:
        self._socket.close()
        super().close()
