"""CloudWatch Logs reduced to its bytes: recorded pages over TLS on the loopback interface.

In: a folder with `server.pem` and `page-*.json`. Out: the port, on standard output; then pages, by the number in the
token. The log group /aws/eks/first-N/cluster has N pages: after the last one they begin anew, with other event ids.
Called by `transport_rows`, as a process of its own, so that its CPU is not counted.
"""

from __future__ import annotations

import http.server
import json
import re
import socket
import ssl
import sys
from pathlib import Path

FIRST_GROUP = "/aws/eks/first-%d/cluster"
_GROUP = re.compile(r"/aws/eks/first-(\d+)/cluster")


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    pages: list[bytes]


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        found = _GROUP.fullmatch(request["logGroupName"])
        count = int(found.group(1)) if found else len(self.server.pages)
        number = int(request.get("nextToken", "0"))
        turn, place = divmod(number, len(self.server.pages))
        body = self.server.pages[place]
        if turn:
            body = body.replace(b'{"eventId":"', b'{"eventId":"%d.' % turn)
        token = b'"nextToken":"%d",' % (number + 1) if number + 1 < count else b""
        body += token + b'"searchedLogStreams":[]}'
        self.send_response_only(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


def open_ended(page: bytes) -> bytes:
    """A page up to the end of its events, where the server goes on with a token of its own."""
    return page[: page.rindex(b"],") + 2]


def main(folder: Path) -> None:
    server = _Server(("127.0.0.1", 0), _Handler)
    server.pages = [open_ended(path.read_bytes()) for path in sorted(folder.glob("page-*.json"))]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
