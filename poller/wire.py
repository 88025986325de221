"""One kept-alive HTTP/1.1 connection that reads each response straight into a page buffer.

In: a request as bytes, a buffer. Out: an `Answer` whose body stands in that buffer. Called by `wires`. An answer with a
Content-Length, as CloudWatch Logs sends them, is read by `recv_into`; any other (chunked, HTTP/1.0) is left to
`http.client`. Errors are botocore's own, as its HTTP session would raise them, so that they are classified alike.
"""

from __future__ import annotations

import http.client
import io
import select
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
    SSLError,
)

from .page_buffer import PageBuffer

_HEAD_END = b"\r\n\r\n"
_LONGEST_HEAD_BYTES = 64 * 1024
# A page of FilterLogEvents holds 1 MB of messages, six times as much if every character is escaped.
_LARGEST_BODY_BYTES = 64 << 20


class IncompleteBody(Exception):
    """The connection ended before the announced length."""


class StaleConnection(Exception):
    """A connection that was used before ended before it gave any answer: the server had closed it meanwhile."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to connect, and how patiently. `tls` is None for plain HTTP."""

    url: str
    tls: ssl.SSLContext | None
    connect_timeout_s: float
    read_timeout_s: float


@dataclass(frozen=True, slots=True)
class Answer:
    """A response. Names of headers are in lower case; `body` is valid until the buffer is used again."""

    status: int
    headers: Mapping[str, str]
    body: memoryview | bytes
    keeps_alive: bool


class Wire:
    """A connection. For one thread at a time. Once a method has raised, only `close` makes sense."""

    def __init__(self, address: Address) -> None:
        """Connects. Raises botocore's EndpointConnectionError, ConnectTimeoutError or SSLError."""
        self._url = address.url
        self._used = False
        self._socket = _connected(address)
        self._socket.settimeout(address.read_timeout_s)
        self._readable = select.poll()
        self._readable.register(self._socket, select.POLLIN)

    def exchange(self, request: bytes, buffer: PageBuffer) -> Answer:
        """Send `request`, read the response.

        Raises StaleConnection, IncompleteBody, or botocore's ReadTimeoutError, SSLError, ConnectionClosedError
        or HTTPClientError.
        """
        try:
            view, filled = self._ask(request, buffer)
            answer = self._read(view, filled, buffer)
        except TimeoutError as error:
            raise ReadTimeoutError(endpoint_url=self._url, error=error) from error
        except ssl.SSLError as error:
            raise SSLError(endpoint_url=self._url, error=error) from error
        except OSError as error:
            raise ConnectionClosedError(endpoint_url=self._url, error=error) from error
        except http.client.IncompleteRead as error:
            raise IncompleteBody(f"the connection ended after {len(error.partial)} bytes of the response") from error
        except http.client.HTTPException as error:
            raise HTTPClientError(error=f"no HTTP response came from {self._url}: {error!r}") from error
        self._used = True
        return answer

    def _ask(self, request: bytes, buffer: PageBuffer) -> tuple[memoryview, int]:
        """Send the request and wait for the first bytes of the response."""
        view = buffer.begin()
        try:
            self._socket.sendall(request)
            filled = self._socket.recv_into(view)
        except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
            if self._used:
                raise StaleConnection from error
            raise
        if filled:
            return view, filled
        if self._used:
            raise StaleConnection
        raise ConnectionClosedError(endpoint_url=self._url)

    def _read(self, view: memoryview, filled: int, buffer: PageBuffer) -> Answer:
        head_end = bytes(view[:filled]).find(_HEAD_END)
        while head_end < 0:
            if filled > _LONGEST_HEAD_BYTES:
                raise HTTPClientError(error=f"the head of a response of {self._url} does not end")
            count = self._socket.recv_into(view[filled:])
            if not count:
                raise IncompleteBody("the connection ended in the head of the response")
            filled += count
            head_end = bytes(view[:filled]).find(_HEAD_END)
        version, status, headers = _parsed_head(bytes(view[:head_end]))
        length = _plain_length(version, status, headers)
        if length < 0:
            return self._read_slowly(bytes(view[:filled]))
        begin = head_end + len(_HEAD_END)
        end = begin + length
        if length > _LARGEST_BODY_BYTES or filled > end:
            raise HTTPClientError(
                error=f"{self._url} answers with {max(length, filled - begin):,} bytes where a page was expected"
            )
        if end > len(view):
            view = buffer.grow(end, filled)
        while filled < end:
            count = self._socket.recv_into(view[filled:end])
            if not count:
                raise IncompleteBody(
                    f"the connection ended after {filled - begin:,} of {length:,} bytes of the response"
                )
            filled += count
        return Answer(status, headers, view[begin:end], "close" not in headers.get("connection", "").lower())

    def _read_slowly(self, begun: bytes) -> Answer:
        """A response that is framed in another way, by the standard library. The connection is not used again."""
        response = http.client.HTTPResponse(_Resumed(begun, self._socket), method="POST")  # type: ignore[arg-type]
        response.begin()
        body = response.read(_LARGEST_BODY_BYTES + 1)
        if len(body) > _LARGEST_BODY_BYTES:
            raise HTTPClientError(error=f"{self._url} answers with over {_LARGEST_BODY_BYTES:,} bytes")
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, body, keeps_alive=False)

    @property
    def has_ended(self) -> bool:
        """Of an idle connection: whether there is something to read. Nothing was asked, so it can only be its end."""
        pending = isinstance(self._socket, ssl.SSLSocket) and self._socket.pending()
        return bool(pending or self._readable.poll(0))

    def close(self) -> None:
        self._socket.close()


def _connected(address: Address) -> socket.socket:
    """A connection to the host of the URL, TLS included."""
    parts = urlsplit(address.url)
    host = parts.hostname or ""
    port = parts.port or (443 if address.tls is not None else 80)
    try:
        plain = socket.create_connection((host, port), timeout=address.connect_timeout_s)
    except TimeoutError as error:
        raise ConnectTimeoutError(endpoint_url=address.url, error=error) from error
    except OSError as error:
        raise EndpointConnectionError(endpoint_url=address.url, error=error) from error
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return plain if address.tls is None else address.tls.wrap_socket(plain, server_hostname=host)
    except TimeoutError as error:
        plain.close()
        raise ConnectTimeoutError(endpoint_url=address.url, error=error) from error
    except ssl.SSLError as error:
        plain.close()
        raise SSLError(endpoint_url=address.url, error=error) from error
    except OSError as error:
        plain.close()
        raise EndpointConnectionError(endpoint_url=address.url, error=error) from error


def _parsed_head(head: bytes) -> tuple[bytes, int, dict[str, str]]:
    """Version, status and headers; status 0 if this is no head of HTTP."""
    first, *lines = head.split(b"\r\n")
    version, _, rest = first.partition(b" ")
    code = rest[:3]
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.decode("latin-1").partition(":")
        name, value = name.strip().lower(), value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return version, int(code) if code.isdigit() else 0, headers


def _plain_length(version: bytes, status: int, headers: Mapping[str, str]) -> int:
    """The length of the body where it is announced and nothing speaks against it, else -1.

    Raises HTTPException for a length that is no number, or several.
    """
    announced = headers.get("content-length")
    plain = version == b"HTTP/1.1" and status >= 200 and status not in (204, 304) and "transfer-encoding" not in headers
    if not plain or announced is None:
        return -1
    if not (announced.isascii() and announced.isdigit()):
        raise http.client.HTTPException(f"Content-Length: {announced}")
    return int(announced)


class _Resumed(io.RawIOBase):
    """A socket from which some bytes have been read already, as `http.client` wants it."""

    def __init__(self, begun: bytes, rest: socket.socket) -> None:
        super().__init__()
        self._begun = memoryview(begun)
        self._rest = rest

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, room: memoryview) -> int:  # type: ignore[override]
        if not self._begun:
            return self._rest.recv_into(room)
        count = min(len(room), len(self._begun))
        room[:count] = self._begun[:count]
        self._begun = self._begun[count:]
        return count
