"""The web server: TLS, clients that say nothing, and the exposition of metrics."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from falcoeks_fast.engine.metrics import Family, MetricKind, exposition, label_name
from falcoeks_fast.engine.resources import read_resources
from falcoeks_fast.engine.web import Answer, WebError, WebServer

ROUTES = {"/ok": lambda: Answer(200, "text/plain", b"fine")}


@contextmanager
def server(certificate: str = "", threads: int = 1) -> Iterator[WebServer]:
    running = WebServer("127.0.0.1", 0, ROUTES, threads=threads, certificate=certificate)
    running.start()
    try:
        yield running
    finally:
        running.stop()


def ask(
    port: int, path: str, method: str = "GET", context: ssl.SSLContext | None = None, body: bytes | None = None
) -> tuple[int, bytes]:
    if context is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    else:
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_paths_and_methods() -> None:
    with server() as web:
        assert ask(web.port, "/ok") == (200, b"fine")
        assert ask(web.port, "/ok?verbose=1") == (200, b"fine")
        assert ask(web.port, "/ok", "HEAD") == (200, b"")
        assert ask(web.port, "/")[0] == 404
        assert ask(web.port, "//ok") == (404, b"not found\n")
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            assert ask(web.port, "/ok", method, body=b"x" * 10_000) == (404, b"not found\n")


def test_silent_clients_hold_nobody_up() -> None:
    with server() as web:
        silent = [socket.create_connection(("127.0.0.1", web.port)) for _ in range(3)]
        assert ask(web.port, "/ok") == (200, b"fine")
        for connection in silent:
            connection.close()


def test_tls_and_a_new_certificate(tmp_path: Path) -> None:
    first, second = trustme.CA(), trustme.CA()
    pem = tmp_path / "falco.pem"
    first.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(pem))

    def context(authority: trustme.CA) -> ssl.SSLContext:
        made = ssl.create_default_context()
        authority.configure_trust(made)
        return made

    with server(str(pem)) as web:
        assert ask(web.port, "/ok", context=context(first)) == (200, b"fine")
        second.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(pem))
        web.reload_certificate()
        assert ask(web.port, "/ok", context=context(second)) == (200, b"fine")
        pem.write_text("nonsense")
        with pytest.raises(WebError, match="certificate and key cannot be read"):
            web.reload_certificate()
        assert ask(web.port, "/ok", context=context(second)) == (200, b"fine")


def test_what_keeps_it_from_starting(tmp_path: Path) -> None:
    with server() as web, pytest.raises(WebError, match=f"port {web.port}"):
        WebServer("127.0.0.1", web.port, ROUTES, threads=1).start()
    with pytest.raises(WebError, match="invalid webserver configuration"):
        WebServer("127.0.0.1", 0, ROUTES, threads=1, certificate=str(tmp_path / "none.pem")).start()


@given(st.text(), st.integers(min_value=0, max_value=2**53))
def test_any_label_value_survives_the_parser(value: str, count: int) -> None:
    family = Family("falcoeks_x_total", MetricKind.COUNTER, "Help").add(count, {"rule": value}).add(0.5, {"rule": ""})
    text = exposition([family, Family("falcoeks_empty", MetricKind.GAUGE, "Help")]).decode()
    parsed = list(text_string_to_metric_families(text.replace("\r", "")))
    assert [entry.name for entry in parsed] == ["falcoeks_x"]
    assert parsed[0].samples[0].value == count


@pytest.mark.parametrize(("tag", "name"), [("tag_k8s", "tag_k8s"), ("tag_a-b.c", "tag_a_b_c"), ("tag___x", "tag_x")])
def test_label_names(tag: str, name: str) -> None:
    assert label_name(tag) == name


def test_resources_of_this_process() -> None:
    found = read_resources(0.0)
    assert found.rss > 1 << 20
    assert found.vsz > found.rss
    assert found.host_memory > 0
