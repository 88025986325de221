"""Alerts and log lines to the local syslog.

In: a priority and a text. Out: a datagram on /dev/log as glibc's syslog(3) writes it, facility user. Called by the
syslog output and by the program's own log. Not by way of syslog(3), which hides that nobody listens.
"""

from __future__ import annotations

import errno
import socket
import threading
import time

from .parcel import Parcel
from .settings import SyslogSettings
from .sink import Undelivered

_FACILITY_USER = 1 << 3
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SEND_TIMEOUT_S = 1.0
_LENGTH_FLOOR_BYTES = 1024
_NOBODY_LISTENS = (errno.ENOENT, errno.ENOTDIR, errno.ECONNREFUSED, errno.EACCES)


class SyslogSocket:
    """A connection to the syslog daemon that comes back by itself. Thread-safe."""

    def __init__(self, settings: SyslogSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    def send(self, priority: int, message: bytes) -> None:
        """Raises OSError if nobody listens. A message too long for the socket is cut."""
        with self._lock:
            packet = self._packet(priority, message)
            try:
                self._send(packet)
            except OSError as error:
                self.close()
                if error.errno == errno.EMSGSIZE:
                    self._send_cut(packet)
                else:
                    self._send(packet)  # the daemon may just have been restarted

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, packet: bytes) -> None:
        if self._socket is None:
            self._socket = self._connect()
        if self._socket.type == socket.SOCK_STREAM:
            self._socket.sendall(packet + b"\0")
        else:
            self._socket.send(packet)

    def _send_cut(self, packet: bytes) -> None:
        length = len(packet) // 2
        while True:
            try:
                self._send(packet[:length])
                return
            except OSError as error:
                if error.errno != errno.EMSGSIZE or length < _LENGTH_FLOOR_BYTES:
                    raise
            length //= 2

    def _connect(self) -> socket.socket:
        last: OSError | None = None
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            connection = socket.socket(socket.AF_UNIX, kind)
            connection.settimeout(_SEND_TIMEOUT_S)
            try:
                connection.connect(self._settings.socket_path)
                return connection
            except OSError as error:
                connection.close()
                last = error
                if error.errno != errno.EPROTOTYPE:
                    break
        assert last is not None
        raise last

    def _packet(self, priority: int, message: bytes) -> bytes:
        now = time.localtime()
        stamp = f"{_MONTHS[now.tm_mon - 1]} {now.tm_mday:2d} {now.tm_hour:02d}:{now.tm_min:02d}:{now.tm_sec:02d}"
        header = f"<{_FACILITY_USER | priority}>{stamp} {self._settings.ident}: "
        return header.encode() + message.replace(b"\0", b"\\u0000")


class SyslogSink:
    """One datagram for each alert, with the rule's priority as severity."""

    max_attempts = 0

    def __init__(self, settings: SyslogSettings) -> None:
        self._path = settings.socket_path
        self._socket = SyslogSocket(settings)

    def deliver(self, parcel: Parcel, start: int, abort: threading.Event) -> int:
        for done, alert in enumerate(parcel.alerts(start)):
            if abort.is_set():
                raise Undelivered("the program ends", "", done=done)
            try:
                self._socket.send(alert.priority, alert.body)
            except OSError as error:
                raise Undelivered(
                    f"no syslog daemon takes messages on {self._path}: {error.strerror or error}",
                    "start one, mount its socket, or set syslog_output.enabled: false",
                    done=done,
                    nobody_there=error.errno in _NOBODY_LISTENS,
                ) from error
        return 0

    def reopen(self) -> None:
        """Nothing to open."""

    def close(self) -> None:
        self._socket.close()
