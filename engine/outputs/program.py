"""Alerts to the standard input of a program, started by /bin/sh.

In: parcels. Out: lines on the program's standard input: one program for the whole run (`keep_alive`), or one for each
alert. Called by its channel. A program that died is started again and gets the parcel once more. Exit statuses do not
matter, but one that cannot be started, or dies of every try, counts as absent.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import threading
import time

from .parcel import Parcel
from .settings import ProgramSettings
from .sink import Undelivered

_TICK_S = 0.1
_GRACE_S = 1.0
_CANNOT_START = (126, 127)
_LIVES = 3


class ProgramSink:
    """The program runs in a process group of its own: Ctrl-C reaches it only after its alerts did."""

    max_attempts = 0

    def __init__(self, settings: ProgramSettings) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._deaths = 0  # while it was fed, in a row

    def deliver(self, parcel: Parcel, start: int, abort: threading.Event) -> int:
        if self._settings.keep_alive:
            self._deliver_kept(parcel, start, abort)
        else:
            for done, alert in enumerate(parcel.alerts(start)):
                self._run_once(alert.body + b"\n", done, abort)
        return 0

    def _deliver_kept(self, parcel: Parcel, start: int, abort: threading.Event) -> None:
        if self._process is not None and (status := self._process.poll()) is not None:
            lived_s = time.monotonic() - self._started
            self.reopen()
            if lived_s < _GRACE_S:
                raise self._ended(status)
        process = self._process
        if process is None:
            process = self._process = self._start()
            self._started = time.monotonic()
        assert process.stdin is not None
        data = parcel.text if start == 0 else b"".join(alert.body + b"\n" for alert in parcel.alerts(start))
        try:
            _feed(process.stdin.fileno(), data, abort)
        except OSError as error:
            self._process = None
            process.stdin.close()
            self._deaths += 1
            raise self._ended(_status(process)) from error
        self._deaths = 0

    def _run_once(self, line: bytes, done: int, abort: threading.Event) -> None:
        process = self._start(done)
        rest: bytes | None = line
        while True:
            try:
                process.communicate(rest, timeout=_TICK_S)
                break
            except subprocess.TimeoutExpired:
                rest = None
                if abort.is_set():
                    _kill(process)
                    raise Undelivered("the program ends", "", done=done) from None
        if process.returncode in _CANNOT_START:
            trouble = self._ended(process.returncode)
            trouble.done = done
            raise trouble

    def _start(self, done: int = 0) -> subprocess.Popen[bytes]:
        try:
            process = subprocess.Popen(
                ["/bin/sh", "-c", self._settings.command], stdin=subprocess.PIPE, bufsize=0, process_group=0
            )
        except OSError as error:
            raise Undelivered(
                f"Failed to open program output: {error.strerror}", "check limits of processes and memory", done=done
            ) from error
        if self._settings.keep_alive:
            assert process.stdin is not None
            os.set_blocking(process.stdin.fileno(), False)
        return process

    def _ended(self, status: int) -> Undelivered:
        how = f"signal {-status}" if status < 0 else f"status {status}"
        return Undelivered(
            f"the program of program_output ended with {how}",
            "run its command by hand with an alert on standard input; it is started again by itself",
            nobody_there=status in _CANNOT_START or self._deaths >= _LIVES,
        )

    def reopen(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            _kill(process)

    def close(self) -> None:
        self.reopen()


def _feed(descriptor: int, data: bytes, abort: threading.Event) -> None:
    """Write all of `data` to a non-blocking pipe. Raises OSError if the reader has gone, Undelivered on `abort`."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    rest = memoryview(data)
    while rest:
        if abort.is_set():
            raise Undelivered("the program ends", "")
        if poll.poll(_TICK_S * 1000):
            rest = rest[os.write(descriptor, rest) :]


def _status(process: subprocess.Popen[bytes]) -> int:
    """How a process ended that closed its standard input; it is ended if it still runs."""
    try:
        return process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        _kill(process)
        return process.returncode


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
