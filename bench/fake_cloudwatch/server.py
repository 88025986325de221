"""The stand-in as an HTTP server on the loopback interface: boto3 talks to it like to AWS.

In: a `FakeCloudWatch`. Out: `url`, to be used as `endpoint_url`. Called by tests and `bench/soak.py`.
"""

from __future__ import annotations

import http.server
import json
import socket
import struct
import threading
import time
import zlib
from email.utils import formatdate
from typing import Any

from .service import FakeCloudWatch

_TARGET = "Logs_20140328.FilterLogEvents"


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    service: FakeCloudWatch

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nothing to tell."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    wbufsize = 1 << 16

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_POST(self) -> None:
        begun = time.monotonic()
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.headers.get("X-Amz-Target") != _TARGET:
            self._send(400, b'{"__type":"UnknownOperationException"}', None)
            return
        answer = self.server.service.filter_log_events(json.loads(body), time.time_ns() // 1_000_000)
        time.sleep(max(0.0, answer.latency_s - (time.monotonic() - begun)))
        self._send(answer.status, answer.body, answer.reset_after)

    def _send(self, status: int, body: bytes, reset_after: int | None) -> None:
        self.send_response_only(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-amz-crc32", str(zlib.crc32(body)))
        self.send_header("Date", formatdate(usegmt=True))
        self.end_headers()
        if reset_after is None:
            self.wfile.write(body)
            return
        self.wfile.write(body[:reset_after])
        self.wfile.flush()
        if reset_after % 2:
            # Half of them by RST, the others by an orderly end in the middle.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


class FakeServer:
    """`with FakeServer(service) as server:` listens on a free port of 127.0.0.1."""

    def __init__(self, service: FakeCloudWatch) -> None:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.service = service
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> FakeServer:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
