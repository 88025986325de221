"""The webhook: who is answered what, and what reaches the sink."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

from falcoeks_fast.poller.messages import Message
from falcoeks_fast.poller.webhook_source import WebhookError, WebhookSource

JSON = {"Content-Type": "application/json; charset=utf-8"}


class Bodies:
    """A `LineSink` that keeps what it gets."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def accept_lines(self, chunk: bytes, last: bool) -> int:
        raise AssertionError("a webhook has payloads")

    def accept_payload(self, body: bytes) -> None:
        self.bodies.append(body)


@pytest.fixture
def sink() -> Bodies:
    return Bodies()


@pytest.fixture
def hook(sink: Bodies) -> Iterator[WebhookSource]:
    messages: list[Message] = []
    source = WebhookSource("http://127.0.0.1:0/k8s-audit", sink, on_message=messages.append, max_body_bytes=1_000)
    source.start()
    yield source
    source.stop()
    assert source.join(0)


def connect(source: WebhookSource) -> http.client.HTTPConnection:
    parts = urlsplit(source.address)
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)


def ask(source: WebhookSource, method: str, path: str, body: bytes = b"", headers: dict[str, str] = JSON) -> int:
    connection = connect(source)
    connection.request(method, path, body, headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_payload_reaches_the_sink(hook: WebhookSource, sink: Bodies) -> None:
    assert ask(hook, "POST", "/k8s-audit?timeout=30s", b'{"kind":"EventList"}') == 200
    assert sink.bodies == [b'{"kind":"EventList"}']
    assert hook.accepted == 1


def test_a_body_that_is_no_json_is_the_sinks_business(hook: WebhookSource, sink: Bodies) -> None:
    assert ask(hook, "POST", "/k8s-audit", b"no json") == 200
    assert sink.bodies == [b"no json"]


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status"),
    [
        ("GET", "/k8s-audit", JSON, b"", 405),
        ("PUT", "/k8s-audit", JSON, b"{}", 405),
        ("DELETE", "/k8s-audit", {}, b"", 405),
        ("POST", "/other", JSON, b"{}", 404),
        ("POST", "/k8s-audit", {"Content-Type": "text/plain"}, b"{}", 400),
        ("POST", "/k8s-audit", {}, b"{}", 400),
        ("POST", "/k8s-audit", JSON, b"x" * 1_001, 400),
        ("POST", "/k8s-audit", {**JSON, "Content-Length": "x"}, b"", 400),
    ],
)
def test_what_is_refused(
    hook: WebhookSource, sink: Bodies, method: str, path: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    assert ask(hook, method, path, body, headers) == status
    assert sink.bodies == []
    assert hook.refused == 1
    assert ask(hook, "POST", "/k8s-audit", b"{}") == 200


def test_a_connection_is_used_again_and_chunks_are_understood(hook: WebhookSource, sink: Bodies) -> None:
    connection = connect(hook)
    for _ in range(3):
        connection.request("POST", "/k8s-audit", iter([b"[1,", b"2]"]), JSON, encode_chunked=True)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"")
    connection.close()
    assert sink.bodies == [b"[1,2]"] * 3
    connection = connect(hook)
    connection.request("POST", "/k8s-audit", iter([b"x" * 600, b"x" * 600]), JSON, encode_chunked=True)
    assert connection.getresponse().status == 400
    connection.close()


def test_a_body_that_breaks_off_is_not_taken(hook: WebhookSource, sink: Bodies) -> None:
    parts = urlsplit(hook.address)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as raw:
        raw.sendall(b"POST /k8s-audit HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{}")
        raw.shutdown(socket.SHUT_WR)
        assert b" 400 " in raw.recv(1_000)
    assert sink.bodies == []


def test_https_with_one_pem_file(sink: Bodies, tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = tmp_path / "falco.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
    url = "https://127.0.0.1:0/k8s-audit"
    source = WebhookSource(url, sink, on_message=lambda _: None, certificate=str(certificate))
    source.start()
    context = ssl.create_default_context()
    authority.configure_trust(context)
    parts = urlsplit(source.address)
    # Somebody who connects and says nothing holds up nobody.
    with socket.create_connection((parts.hostname, parts.port), timeout=20):
        connection = http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=20, context=context)
        connection.request("POST", "/k8s-audit", b"{}", JSON)
        assert connection.getresponse().status == 200
        connection.close()
    source.stop()
    assert sink.bodies == [b"{}"]


def test_what_cannot_listen(hook: WebhookSource, sink: Bodies, tmp_path: Path) -> None:
    with pytest.raises(WebhookError, match="cannot listen"):
        WebhookSource(hook.address, sink, on_message=lambda _: None).start()
    absent = str(tmp_path / "absent.pem")
    with pytest.raises(WebhookError, match="sslCertificate"):
        WebhookSource("https://127.0.0.1:0/", sink, on_message=lambda _: None, certificate=absent).start()
    with pytest.raises(WebhookError, match="http://host:port/path"):
        WebhookSource("ftp://127.0.0.1:0/", sink, on_message=lambda _: None).start()
