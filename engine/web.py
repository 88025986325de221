"""A small web server for health, versions and metrics.

In: an address and one function for each path. Out: answers to GET and HEAD; other methods get 404, as from Falco.
Called by the app. A fixed number of threads, a time limit for each connection, one request for each connection: a
client that says nothing cannot hold it up for long.
"""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

_CLIENT_TIMEOUT_S = 5.0
_THREADS_FLOOR = 4
_WAITING_LIMIT = 64
_BODY_BYTES = 1 << 16
_LENGTH_DIGITS = 12
_log = logging.getLogger("falcoeks_fast.web")


class WebError(Exception):
    """The server cannot start. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content_type: str
    body: bytes


Route = Callable[[], Answer]
_NOT_FOUND = Answer(404, "text/plain", b"not found\n")


class WebServer:
    """Serves `routes` by exact path; anything else is 404. `certificate`: a PEM file with certificate and key."""

    def __init__(
        self, address: str, port: int, routes: Mapping[str, Route], *, threads: int, certificate: str = ""
    ) -> None:
        self._address = address
        self._port = port
        self._routes = dict(routes)
        self._threads = max(threads, _THREADS_FLOOR)
        self._certificate = certificate
        self._context: ssl.SSLContext | None = None
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port that is listened on; the one that was found where 0 was asked for."""
        return self._server.server_address[1] if self._server is not None else self._port

    def start(self) -> None:
        """Raises WebError."""
        if self._certificate:
            self._context = self._load_certificate()
        try:
            self._server = _Server(self._address, self._port, self._routes, self._threads, self._context)
        except OSError as error:
            raise WebError(
                f"an error occurred while starting webserver: cannot listen on {self._address} port {self._port}: "
                f"{error.strerror}; stop whoever uses the port, or set webserver.listen_port"
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.2,), name="web", daemon=True)
        self._thread.start()

    def reload_certificate(self) -> None:
        """Read the certificate again. Raises WebError; then the old one stays."""
        if self._context is not None:
            self._load_certificate()
            self._context.load_cert_chain(self._certificate)

    def _load_certificate(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self._certificate)
        except (OSError, ssl.SSLError) as error:
            raise WebError(
                f"invalid webserver configuration: certificate and key cannot be read from {self._certificate}: "
                f"{error}; the file must hold both, in PEM"
            ) from error
        return context

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        if self._thread is not None:
            self._thread.join(2.0)


class _Server(HTTPServer):
    """Accepts in one thread, answers in a pool; connections beyond what can wait are closed."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(
        self, address: str, port: int, routes: Mapping[str, Route], threads: int, context: ssl.SSLContext | None
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.routes = routes
        self._context = context
        self._pool = ThreadPoolExecutor(threads, "web")
        self._room = threading.BoundedSemaphore(threads + _WAITING_LIMIT)
        super().__init__((address, port), _Handler)

    def server_bind(self) -> None:
        """Without the reverse name lookup of `HTTPServer`, which can take long."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        self._pool.submit(self._serve, request, client_address)

    def _serve(self, request: socket.socket, client_address: Any) -> None:
        connection: socket.socket = request
        try:
            request.settimeout(_CLIENT_TIMEOUT_S)
            if self._context is not None:
                connection = self._context.wrap_socket(request, server_side=True)
            self.finish_request(connection, client_address)
        except OSError as error:  # also TLS errors and time limits
            _log.debug("webserver: connection from %s ended: %s", client_address[0], error)
        finally:
            self.shutdown_request(connection)
            self._room.release()

    def server_close(self) -> None:
        super().server_close()
        self._pool.shutdown(wait=False, cancel_futures=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "falcoeks-fast"
    sys_version = ""

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_POST(self) -> None:
        """A body is read: what lies unread when the connection is closed would take the answer with it."""
        length = self.headers.get("Content-Length", "")[:_LENGTH_DIGITS]
        self.rfile.read(min(int(length), _BODY_BYTES) if length.isdecimal() else 0)
        self._send(_NOT_FOUND, with_body=True)

    do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = do_CONNECT = do_POST

    def _answer(self, *, with_body: bool) -> None:
        assert isinstance(self.server, _Server)
        target = self.requestline.split()[1]  # `path` is the same with double slashes made one
        route = self.server.routes.get(target.partition("?")[0])
        self._send(route() if route is not None else _NOT_FOUND, with_body=with_body)

    def _send(self, answer: Answer, *, with_body: bool) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        if with_body:
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:
        _log.debug("webserver: %s", format % args)
