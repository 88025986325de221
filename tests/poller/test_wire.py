"""Connections of our own against servers that answer in every way HTTP allows, and in some that it does not."""

from __future__ import annotations

import itertools
import ssl
from collections.abc import Sequence

import pytest
import trustme
from botocore.exceptions import (
    ConnectionClosedError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
    SSLError,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from falcoeks_fast.poller.page_buffer import PageBuffer
from falcoeks_fast.poller.wire import Address, IncompleteBody, StaleConnection, Wire
from falcoeks_fast.poller.wires import Wires

from .scripted_server import Piece, ScriptedServer, response

REQUEST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"


def address(server: ScriptedServer, tls: ssl.SSLContext | None = None, read_timeout_s: float = 5.0) -> Address:
    return Address(server.url, tls, 2.0, read_timeout_s)


def only_answer(pieces: Sequence[Piece], read_timeout_s: float = 5.0) -> tuple[int, bytes, bool]:
    """Status, body and whether the connection goes on."""
    with ScriptedServer([pieces]) as server:
        wire = Wire(address(server, read_timeout_s=read_timeout_s))
        try:
            answer = wire.exchange(REQUEST, PageBuffer())
            assert server.requests == [REQUEST]
            return answer.status, bytes(answer.body), answer.keeps_alive
        finally:
            wire.close()


def cut(data: bytes, *places: int) -> list[bytes]:
    ends = [0, *places, len(data)]
    return [data[a:b] for a, b in itertools.pairwise(ends)]


@given(st.binary(max_size=2_000), st.lists(st.integers(0, 2_200), max_size=6).map(sorted))
@settings(max_examples=60, deadline=None)
def test_a_response_is_the_same_in_whatever_pieces_it_comes(body: bytes, places: list[int]) -> None:
    assert only_answer(cut(response(body), *places)) == (200, body, True)


def test_a_large_body_makes_the_buffer_grow_and_a_small_one_lets_it_shrink() -> None:
    large, small = bytes(range(256)) * 40_000, b"{}"
    with ScriptedServer([[response(large)], [response(small)]]) as server:
        wire, buffer = Wire(address(server)), PageBuffer()
        first_bytes = len(buffer)
        assert bytes(wire.exchange(REQUEST, buffer).body) == large
        assert len(buffer) > len(large)
        assert bytes(wire.exchange(REQUEST, buffer).body) == small
        assert len(buffer) == first_bytes
        wire.close()


def test_a_page_of_the_usual_size_is_read_into_the_same_memory_again() -> None:
    body = b"x" * 1_000_000
    with ScriptedServer([[response(body)], [response(body)]]) as server:
        wire, buffer = Wire(address(server)), PageBuffer()
        wire.exchange(REQUEST, buffer)
        size_bytes = len(buffer)
        again = wire.exchange(REQUEST, buffer).body
        assert isinstance(again, memoryview)
        assert again.obj is buffer.begin().obj
        assert len(buffer) == size_bytes
        wire.close()


CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{"a"\r\n3\r\n:1}\r\n0\r\n\r\n'


@pytest.mark.parametrize(
    ("pieces", "status", "body"),
    [
        ([CHUNKED], 200, b'{"a":1}'),
        (cut(CHUNKED, 20, 50, 54, 60), 200, b'{"a":1}'),
        ([b"HTTP/1.1 200 OK\r\n\r\nuntil the end", None], 200, b"until the end"),
        ([b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", None], 200, b"{}"),
        ([b"HTTP/1.1 100 Continue\r\n\r\n", response(b"{}")], 200, b"{}"),
        ([b"HTTP/1.1 100 Continue\r\n\r\n" + response(b"{}")], 200, b"{}"),
        ([b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n"], 304, b""),
    ],
)
def test_other_framings_are_read_too_and_end_the_connection(pieces: list[Piece], status: int, body: bytes) -> None:
    assert only_answer(pieces) == (status, body, False)


def test_a_server_that_closes_says_so() -> None:
    assert only_answer([response(b"{}", head="Connection: close\r\n")]) == (200, b"{}", False)
    assert only_answer([response(b"no", status="503 Slow Down")]) == (503, b"no", True)


@pytest.mark.parametrize("at", [1, 20, 45, 46, 60])
def test_a_response_that_breaks_off_is_never_taken_for_a_whole_one(at: int) -> None:
    with pytest.raises(IncompleteBody):
        only_answer([response(b"x" * 100)[:at], None])


@pytest.mark.parametrize("at", [47, 52, 60])
def test_chunks_that_break_off_neither(at: int) -> None:
    with pytest.raises((IncompleteBody, HTTPClientError)):
        only_answer([CHUNKED[:at], None])


@pytest.mark.parametrize(
    "text",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 2xx OK\r\nContent-Length: 2\r\n\r\n{}",
        b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{} and more than was announced",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-Padding: y\r\n" * 10_000,
    ],
)
def test_what_is_no_response_is_refused(text: bytes) -> None:
    with pytest.raises(HTTPClientError):
        only_answer([text, None])


PIECES = [
    b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 204 X\r\n",
    b"HTTP/1.1 ",
    b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"Content-Length: 5, 5\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n", b": \r\n", b"\r\n", b"\n", b"\r", b"hello", b"5\r\n", b"0\r\n\r\n", b"zz\r\n", b"\x00",
    b"\xff",
]  # fmt: skip


@given(st.binary(max_size=300) | st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join))
@settings(max_examples=300, deadline=None)
def test_no_bytes_at_all_end_in_anything_but_an_answer_or_a_known_error(text: bytes) -> None:
    try:
        only_answer([text, None])
    except (IncompleteBody, HTTPClientError):  # ConnectionClosedError and its kind are HTTPClientErrors
        return


def test_contradicting_lengths_are_not_believed() -> None:
    with pytest.raises((IncompleteBody, HTTPClientError)):
        only_answer([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", None])


def test_a_silent_server_is_given_up() -> None:
    with pytest.raises(ReadTimeoutError):
        only_answer([b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"], read_timeout_s=0.2)


def test_nobody_there() -> None:
    with ScriptedServer([]) as server:
        there = address(server)
    with pytest.raises(EndpointConnectionError):
        Wire(there)
    with pytest.raises(EndpointConnectionError):
        Wire(Address("http://name.invalid/", None, 2.0, 2.0))


def test_connections_are_used_again_the_last_one_first() -> None:
    with ScriptedServer([[response(b"1")], [response(b"2")]]) as server:
        wires = Wires(address(server), most_idle=4)
        assert [bytes(wires.exchange(REQUEST, PageBuffer()).body) for _ in range(2)] == [b"1", b"2"]
        wires.close()
        assert server.connections == 1


def test_a_connection_that_the_server_has_closed_costs_no_call() -> None:
    with ScriptedServer([[response(b"1"), None], [response(b"2")]]) as server:
        wires = Wires(address(server), most_idle=4)
        assert [bytes(wires.exchange(REQUEST, PageBuffer()).body) for _ in range(2)] == [b"1", b"2"]
        wires.close()
        assert server.connections == 2


def test_closed_while_the_request_is_under_way_the_call_is_made_anew() -> None:
    with ScriptedServer([[response(b"1")], [None], [response(b"2")]]) as server:
        wires = Wires(address(server), most_idle=4)
        assert [bytes(wires.exchange(REQUEST, PageBuffer()).body) for _ in range(2)] == [b"1", b"2"]
        assert server.requests == [REQUEST] * 3
        wires.close()


def test_closed_without_an_answer_a_new_connection_has_failed() -> None:
    with ScriptedServer([[None]]) as server, pytest.raises(ConnectionClosedError):
        Wires(address(server), most_idle=4).exchange(REQUEST, PageBuffer())
    with ScriptedServer([[response(b"1")], [None]]) as server:
        wire = Wire(address(server))
        wire.exchange(REQUEST, PageBuffer())
        with pytest.raises(StaleConnection):
            wire.exchange(REQUEST, PageBuffer())
        wire.close()


def test_after_close_no_connection_is_kept() -> None:
    with ScriptedServer([[response(b"1")], [response(b"2")]]) as server:
        wires = Wires(address(server), most_idle=4)
        wires.exchange(REQUEST, PageBuffer())
        wires.close()
        assert bytes(wires.exchange(REQUEST, PageBuffer()).body) == b"2"
        assert server.connections == 2
        assert not wires._idle


def tls_pair() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    authority = trustme.CA()
    serving, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    authority.configure_trust(trusting)
    return serving, trusting


def test_tls() -> None:
    serving, trusting = tls_pair()
    bodies = [b"z" * 300_000, b"{}", b"y" * 17_000]
    with ScriptedServer([[response(body)] for body in bodies], tls=serving) as server:
        wires, buffer = Wires(address(server, trusting), most_idle=1), PageBuffer()
        assert [bytes(wires.exchange(REQUEST, buffer).body) for _ in bodies] == bodies
        assert server.connections == 1
        wires.close()


def test_an_unknown_authority_and_another_name_are_not_trusted() -> None:
    serving, trusting = tls_pair()
    with ScriptedServer([], tls=serving) as server:
        with pytest.raises(SSLError, match="CERTIFICATE_VERIFY_FAILED"):
            Wire(address(server, ssl.create_default_context()))
        elsewhere = server.url.replace("127.0.0.1", "localhost")
        with pytest.raises(SSLError, match="CERTIFICATE_VERIFY_FAILED"):
            Wire(Address(elsewhere, trusting, 2.0, 2.0))
