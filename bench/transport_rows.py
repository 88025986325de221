"""The rows of the table on a page's way through the whole program: TLS, client, scanner, outputs.

In: rules, a folder to work in. Out: rows. Called by `table`. The receiving is measured within this process, against a
bare `recv_into` of the same bytes over TLS; the whole is `falcoeks-fast run --since`, once over many pages and once
over few, so that start, connections and end cancel out.
"""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import ssl
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from falcoeks_fast.bench.measure import Case, Samples, cost_ratio, interleave
from falcoeks_fast.bench.mix import START_MS, Mix
from falcoeks_fast.bench.program import ProgramError, watch
from falcoeks_fast.bench.program_rows import rule_options
from falcoeks_fast.bench.rows import Measured, Row, ratio_row
from falcoeks_fast.bench.tls_server import FIRST_GROUP
from falcoeks_fast.bench.workload import PADDING, Pages, Rules, scan_case
from falcoeks_fast.poller.client import LogsClient
from falcoeks_fast.poller.page import Cluster
from falcoeks_fast.poller.page_buffer import PageBuffer
from falcoeks_fast.poller.session import AwsAccess
from falcoeks_fast.poller.settings import STREAM_PREFIX
from falcoeks_fast.poller.signed_request import SignedRequests
from falcoeks_fast.poller.wire import Answer
from falcoeks_fast.poller.wires import Wires
from falcoeks_fast.rules import RuleFile

EVENTS = 45_000
EVENTS_PER_S = 4_500.0  # so that all of them lie within one window of the poller
FEW_PAGES = 16  # enough that every thread has its connection
TURNS = 6  # over all pages, so that what an event costs stands out from what a start costs
RUNS = 3
RECEIVE_OVER_BARE = 2.0
REGION = "eu-central-1"
BUFFER_BYTES = 4 << 20
_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIABENCHMARK0000000", "AWS_SECRET_ACCESS_KEY": "benchmark"}
_CALLS = ("-o", "falcoeks.ceiling_calls_per_second=1000")


@dataclass(frozen=True, slots=True)
class TlsServer:
    """Where the pages are served, and what its clients need."""

    port: int
    authority: Path
    pages: Pages

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return {
            **_CREDENTIALS,
            "AWS_CA_BUNDLE": str(self.authority),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_REGION": REGION,
        }


def transport_rows(rules: Rules, files: Sequence[RuleFile], folder: Path, rounds: int) -> Measured:
    """Receive, scan, deliver; and the whole."""
    if importlib.util.find_spec("trustme") is None:
        why = "trustme is not installed (pip install 'falcoeks-fast[dev]')"
        return [Row("receive", "receiving over TLS against a bare recv_into", "x", None, 2.0, False, note=why)], {}
    with local_service(folder) as server:
        call_parts = CallParts()
        with call_parts.measured():
            samples = interleave(
                [
                    bare_case(server),
                    client_case(server),
                    scan_case("scan", server.pages, rules.rule_set(), prefilter=True),
                ],
                rounds,
            )
        receive = ratio_row(
            "receive",
            "a page by the poller's client over TLS against a bare recv_into",
            "x CPU",
            cost_ratio(samples["receive"], samples["bare recv_into over TLS"]),
            RECEIVE_OVER_BARE,
            at_least=False,
            note=call_parts.note(samples["receive"]),
        )
        speeds = {name: sample.events_per_cpu_s for name, sample in samples.items()}
        parts = [("receive", samples["receive"].ns_per_event), ("scan", samples["scan"].ns_per_event)]
        try:
            whole = run_ns_per_event(server, rule_options(files, folder), folder)
        except ProgramError as error:
            return [receive, Row("page", "a page through the whole run", "ns per event", None, note=str(error))], speeds
    rest = whole - sum(ns for _, ns in parts)
    note = ", ".join(f"{name} {ns:,.0f}" for name, ns in (*parts, ("deliver and all the rest", rest)))
    return [receive, Row("page", "a page through the whole run", "ns per event", whole, note=note)], speeds


def run_ns_per_event(server: TlsServer, options: Sequence[str], folder: Path) -> float:
    """CPU of `falcoeks-fast run` for each event more. Raises ProgramError."""
    count = TURNS * len(server.pages.padded)
    since, until = START_MS - 1000, START_MS + int(EVENTS / EVENTS_PER_S * 1000) + 2000
    arguments = ["run", "--region", REGION, "--endpoint-url", server.url, *options, *_CALLS]
    arguments += ["--since", _moment(since), "--until", _moment(until), "-o", "json_output=true"]
    few_events = sum(len(json.loads(bytes(body))["events"]) for body in server.pages.bodies[:FEW_PAGES])
    environment = {**server.environment, "XDG_CACHE_HOME": str(folder / "cache")}
    taken = []
    for number in range(RUNS + 1):
        cpu_s = []
        for pages in (FEW_PAGES, count) if number else (FEW_PAGES,):  # the first run compiles the rules
            place = folder / f"run-{number}-{pages}"
            place.mkdir()
            cluster = FIRST_GROUP.removeprefix("/aws/eks/").removesuffix("/cluster") % pages
            cpu_s.append(watch([*arguments, "--cluster", cluster], place, more=environment).cpu_s)
        if number:
            taken.append((cpu_s[-1] - cpu_s[0]) / (TURNS * server.pages.events - few_events))
    return statistics.median(taken) * 1e9


def bare_case(server: TlsServer) -> Case:
    """The least that receiving can cost: requests written beforehand, one connection, one buffer."""
    context = ssl.create_default_context(cafile=str(server.authority))
    raw = socket.create_connection(("127.0.0.1", server.port))
    connection = context.wrap_socket(raw, server_hostname="127.0.0.1")
    buffer = memoryview(bytearray(BUFFER_BYTES))
    events = _events_of(server.pages)

    def work(numbers: Sequence[int]) -> int:
        for number in numbers:
            body = b'{"logGroupName":"bench","nextToken":"%d"}' % number
            connection.sendall(b"POST / HTTP/1.1\r\nHost: bench\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            _receive(connection, buffer)
        return sum(events[number] for number in numbers)

    return Case.over("bare recv_into over TLS", range(len(server.pages.padded)), work)


def _receive(connection: ssl.SSLSocket, buffer: memoryview) -> None:
    filled, needed = 0, 0
    while not needed or filled < needed:
        filled += connection.recv_into(buffer[filled:])
        if not needed:
            head, blank_line, _ = bytes(buffer[: min(filled, 4096)]).partition(b"\r\n\r\n")
            if blank_line:
                length = head.lower().partition(b"content-length:")[2].split()[0]
                needed = len(head) + len(blank_line) + int(length)


class CallParts:
    """Where the CPU of a call goes."""

    def __init__(self) -> None:
        self.signing_s = 0.0
        self.wire_s = 0.0

    @contextmanager
    def measured(self) -> Iterator[None]:
        """While it lasts, clients of this process count what they do."""
        make, exchange = SignedRequests.make, Wires.exchange

        def timed_make(*arguments: Any) -> bytes:
            begun_s = time.thread_time()
            made = make(*arguments)
            self.signing_s += time.thread_time() - begun_s
            return made

        def timed_exchange(*arguments: Any) -> Answer:
            begun_s = time.thread_time()
            answer = exchange(*arguments)
            self.wire_s += time.thread_time() - begun_s
            return answer

        with patch.object(SignedRequests, "make", timed_make), patch.object(Wires, "exchange", timed_exchange):
            yield

    def note(self, receive: Samples) -> str:
        """Shares of the CPU of all rounds, the one to warm up included."""
        total_s = statistics.median(receive.cpu_s) * (len(receive.cpu_s) + 1)
        signing, wire = self.signing_s / total_s, self.wire_s / total_s
        return f"writing and signing the call {signing:.0%}, sending it and reading the answer {wire:.0%}"


def client_case(server: TlsServer) -> Case:
    """The poller's own client, as its threads call it."""
    cluster = Cluster(name="bench", region=REGION, endpoint_url=server.url)
    client = LogsClient(cluster, AwsAccess(cluster), stream_prefix=STREAM_PREFIX)
    buffer = PageBuffer()
    events = _events_of(server.pages)

    def work(numbers: Sequence[int]) -> int:
        for number in numbers:
            client.fetch(START_MS, START_MS + 1000, str(number), buffer)
        return sum(events[number] for number in numbers)

    return Case.over("receive", range(len(server.pages.padded)), work)


@contextmanager
def local_service(folder: Path) -> Iterator[TlsServer]:
    """A server with a certificate, and this process's environment such that botocore trusts it."""
    import trustme

    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    with serving(folder) as server, _environment(server.environment):
        yield server


@contextmanager
def serving(folder: Path) -> Iterator[TlsServer]:
    """Pages served by a process of its own until the block ends."""
    bodies = list(Mix(1, start_ms=START_MS, events_per_second=EVENTS_PER_S).pages(EVENTS))
    for number, body in enumerate(bodies):
        (folder / f"page-{number:05d}.json").write_bytes(body)
    command = [sys.executable, "-m", "falcoeks_fast.bench.tls_server", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            port = int(child.stdout.readline())
            yield TlsServer(port, folder / "authority.pem", Pages([body + PADDING for body in bodies], EVENTS))
        finally:
            child.terminate()


@contextmanager
def _environment(more: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(more)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _events_of(pages: Pages) -> list[int]:
    return [len(json.loads(bytes(body))["events"]) for body in pages.bodies]


def _moment(ms: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ms / 1000, UTC).isoformat()
