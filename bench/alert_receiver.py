"""A web hook that can be down: notes the alerts that reach it, in order.

In: a port. Out: serial number and id of each alert. Called by the soak of delivery. The alert's output has to end in
the event's serial number of 12 digits.
"""

from __future__ import annotations

import http.server
import json
import socket
import threading
from typing import NamedTuple


class Arrived(NamedTuple):
    serial: int
    alert_id: str
    body_id: str  # the id in `output_fields`


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    wbufsize = 1 << 16

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_POST(self) -> None:
        alert = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if alert["rule"].startswith("Falco internal"):
            self.server.internal.append(alert["output"])
        else:
            fields = alert["output_fields"]
            serial = int(alert["output"][-12:])
            noted = Arrived(serial, self.headers["Falcoeks-Alert-Id"], fields["falcoeks.alert_id"])
            self.server.arrived.append(noted)
        self.send_response_only(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    arrived: list[Arrived]
    internal: list[str]


class AlertReceiver:
    """Listens from its making on, until `close`. `internal`: alerts of the program about itself."""

    def __init__(self, port: int) -> None:
        """Raises OSError if the port is in use."""
        self.arrived: list[Arrived] = []
        self.internal: list[str] = []
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.arrived = self.arrived
        self._server.internal = self.internal
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
