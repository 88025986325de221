"""The audit webhook of an API server: payloads posted over HTTP or HTTPS.

In: `http://host:port/path` or `https://host:port/path` (`open_params` of the plugin k8saudit). Out: each body to a
`LineSink`. Called by the app. Answers as the plugin does: 405 unless POST, 400 unless the content type names
`application/json`, 400 for a body above the limit; a body that is no JSON gets 200, and is counted by the sink.
"""

from __future__ import annotations

import http.server
import socket
import ssl
import threading
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .lines import LineSink
from .messages import Message, MessageCallback

MAX_BODY_BYTES = 12 << 20
_MAX_CONNECTIONS = 64
_IDLE_S = 60.0


class WebhookError(Exception):
    """It cannot listen; the text says why and what to do."""


class _BadRequest(Exception):
    pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], family: int, source: WebhookSource, context: ssl.SSLContext | None
    ) -> None:
        self.address_family = family
        self.source = source
        self._context = context
        self._free = threading.BoundedSemaphore(_MAX_CONNECTIONS)
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            if self._context is not None:
                # Here, not when listening: a client that does not shake hands must not hold up the others.
                request.settimeout(_IDLE_S)
                request = self._context.wrap_socket(request, server_side=True)
            super().process_request_thread(request, client_address)
        except (OSError, ssl.SSLError):
            self.shutdown_request(request)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        self.source.connection_broke(str(client_address[0]))


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "falcoeks-fast"
    sys_version = ""
    timeout = _IDLE_S
    server: _Server

    def do_POST(self) -> None:
        source = self.server.source
        try:
            if not source.serves(urlsplit(self.path).path):
                self._refuse(HTTPStatus.NOT_FOUND, "not found")
                return
            if "application/json" not in self.headers.get("Content-Type", ""):
                self._refuse(HTTPStatus.BAD_REQUEST, "wrong Content Type")
                return
            body = self._body(source.max_body_bytes)
        except _BadRequest as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))
            return
        source.accept(body)
        self._answer(HTTPStatus.OK, b"")

    def _other(self) -> None:
        self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, f"{self.command} method not allowed")

    do_GET = do_HEAD = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _other

    def _body(self, limit: int) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._chunks(limit)
        try:
            length = int(self.headers["Content-Length"])
        except (TypeError, ValueError):
            raise _BadRequest("bad Content-Length") from None
        if not 0 <= length <= limit:
            raise _BadRequest("bad request: body too large")
        body = self.rfile.read(length)
        if len(body) < length:
            raise _BadRequest("bad request: body is cut")
        return body

    def _chunks(self, limit: int) -> bytes:
        parts: list[bytes] = []
        total = 0
        while True:
            line = self.rfile.readline(1024)
            try:
                size = int(line.split(b";")[0].strip(), 16)
            except ValueError:
                raise _BadRequest("bad request: chunk size") from None
            if size == 0:
                while self.rfile.readline(1024) not in (b"\r\n", b"\n", b""):
                    pass
                return b"".join(parts)
            total += size
            if size < 0 or total > limit:
                raise _BadRequest("bad request: body too large")
            parts.append(self.rfile.read(size))
            self.rfile.readline(1024)

    def _refuse(self, status: HTTPStatus, text: str) -> None:
        # What is left of the body was not read: this connection cannot go on.
        self.close_connection = True
        self.server.source.refused += 1
        self._answer(status, text.encode())

    def _answer(self, status: HTTPStatus, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: requests are counted."""


class WebhookSource:
    """Listens until it is stopped. `certificate`: one PEM file with the certificate and its key, for https."""

    def __init__(
        self,
        url: str,
        sink: LineSink,
        *,
        on_message: MessageCallback,
        certificate: str = "/etc/falco/falco.pem",
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        self._url = url
        self._sink = sink
        self._on_message = on_message
        self._certificate = certificate
        self.max_body_bytes = max_body_bytes
        self._path = urlsplit(url).path or "/"
        self._server: _Server | None = None
        self._ended = threading.Event()
        self.accepted = 0
        self.refused = 0
        self.error = ""

    def start(self) -> None:
        """Listen. Raises WebhookError."""
        parts = urlsplit(self._url)
        try:
            port = parts.port if parts.port is not None else (443 if parts.scheme == "https" else 80)
        except ValueError as error:
            raise WebhookError(f"{self._url}: {error}; write http://host:port/path") from error
        if parts.scheme not in ("http", "https"):
            raise WebhookError(f"{self._url}: write http://host:port/path or https://host:port/path")
        context = self._context() if parts.scheme == "https" else None
        host = parts.hostname or ""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._server = _Server((host, port), family, self, context)
        except OSError as error:
            text = f"{self._url}: cannot listen on {host or '0.0.0.0'} port {port}: {error.strerror or error}"
            raise WebhookError(f"{text}; choose another port in open_params, or stop what uses it") from error
        threading.Thread(target=self._serve, args=(self._server,), name="webhook", daemon=True).start()
        self._on_message(Message("info", "webhook", f"listening for audit events at {self.address}"))

    @property
    def address(self) -> str:
        """Where it listens, with the port that was given for port 0."""
        if self._server is None:
            return self._url
        host, port = self._server.server_address[:2]
        name = f"[{host!s}]" if ":" in str(host) else str(host)
        return f"{urlsplit(self._url).scheme}://{name}:{port}{self._path}"

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        self._ended.set()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for `stop`."""
        return self._ended.wait(timeout_s)

    def serves(self, path: str) -> bool:
        return path == self._path or (self._path.endswith("/") and path.startswith(self._path))

    def accept(self, body: bytes) -> None:
        self._sink.accept_payload(body)
        self.accepted += 1

    def connection_broke(self, address: str) -> None:
        self._on_message(Message("info", "webhook", f"a connection from {address} broke off"))

    def _serve(self, server: _Server) -> None:
        server.serve_forever(poll_interval=0.2)
        self._ended.set()

    def _context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(Path(self._certificate))
        except (OSError, ssl.SSLError) as error:
            advice = "set sslCertificate in init_config to a PEM file with certificate and key"
            raise WebhookError(
                f"{self._url}: certificate {self._certificate} cannot be used: {error}; {advice}"
            ) from error
        return context
