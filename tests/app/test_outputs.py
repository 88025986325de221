"""Outputs and receivers that misbehave: what is delivered, in which order, and what is said."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import ssl
import stat
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from falcoeks_fast.engine.outputs.dispatcher import Dispatcher, NotAcceptedError
from falcoeks_fast.engine.outputs.http import ALERT_ID_HEADER, retry_after_s
from falcoeks_fast.engine.outputs.http_client import proxy_for
from falcoeks_fast.engine.outputs.parcel import Alert, ListParcel
from falcoeks_fast.engine.outputs.program import ProgramSink
from falcoeks_fast.engine.outputs.settings import (
    FileSettings,
    HttpSettings,
    OutputsSettings,
    ProgramSettings,
    QueueSettings,
    SyslogSettings,
)
from falcoeks_fast.engine.outputs.syslog import SyslogSink

from .tools import PATIENCE_S, Receiver, receiver, until

QUEUE = QueueSettings(output_timeout_s=0.4, retry_delay_max_s=0.3)


def parcel(*numbers: int, size: int = 0) -> ListParcel:
    return ListParcel([Alert(f"alert {number}".encode() + b"." * size, 4, f"{number:032x}") for number in numbers])


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


@contextmanager
def dispatcher(tmp_path: Path, queue: QueueSettings = QUEUE, **outputs: object) -> Iterator[Dispatcher]:
    settings = OutputsSettings(dead_letter_dir=str(tmp_path / "dead"), queue=queue, **outputs)  # type: ignore[arg-type]
    running = Dispatcher(settings)
    running.start()
    try:
        yield running
    finally:
        running.stop()


def state(running: Dispatcher, name: str) -> dict[str, object]:
    return {
        field: getattr(entry, field)
        for entry in running.states()
        if entry.name == name
        for field in ("queued", "delivered", "retried", "refused", "dropped", "trouble")
    }


def accepted(future: Future[None]) -> None:
    future.result(PATIENCE_S)


# file


@pytest.mark.parametrize("keep_alive", [True, False])
def test_file_appends_in_order_and_is_opened_anew(tmp_path: Path, keep_alive: bool) -> None:
    path = tmp_path / "alerts.txt"
    path.write_text("before\n")
    with dispatcher(tmp_path, file=FileSettings(str(path), keep_alive)) as running:
        running.submit(parcel(1, 2))
        until(lambda: len(lines(path)) == 3, "two alerts in the file")
        path.rename(tmp_path / "rotated.txt")
        if keep_alive:
            running.submit(parcel(3))
            until(lambda: len(lines(tmp_path / "rotated.txt")) == 4, "an alert in the rotated file")
            running.reopen()
        running.submit(parcel(4))
        until(lambda: lines(path) == ["alert 4"], "an alert in the new file")
    assert lines(tmp_path / "rotated.txt")[:3] == ["before", "alert 1", "alert 2"]


def test_file_waits_for_its_directory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "missing" / "alerts.txt"
    with dispatcher(tmp_path, file=FileSettings(str(path))) as running, caplog.at_level(logging.WARNING):
        running.submit(parcel(1))
        running.submit(parcel(2))
        until(lambda: state(running, "file")["trouble"], "trouble with the file")
        until(lambda: int(str(state(running, "file")["retried"])) > 2, "several attempts")
        path.parent.mkdir()
        until(lambda: lines(path) == ["alert 1", "alert 2"], "both alerts")
        until(lambda: not state(running, "file")["trouble"], "the end of the trouble")
    said = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(said) == 1, "reported once"
    assert "What to do" in said[0].message
    assert state(running, "file")["dropped"] == 0


def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    """/dev/full fails every write as a full disk does."""
    with dispatcher(tmp_path, file=FileSettings("/dev/full")) as running:
        running.submit(parcel(1))
        trouble = until(lambda: state(running, "file")["trouble"], "trouble")
        assert "No space left" in str(trouble)
    assert state(running, "file")["dropped"] == 1


# queues


def test_a_dead_output_delays_no_other(tmp_path: Path) -> None:
    path = tmp_path / "alerts.txt"
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)  # nobody reads it: opening blocks for ever
    outputs = {"file": FileSettings(str(fifo)), "program": ProgramSettings(f"cat >> {path}", True)}
    with dispatcher(tmp_path, **outputs) as running:
        for number in range(50):
            running.submit(parcel(number))
        until(lambda: len(lines(path)) == 50, "all alerts at the other output")
        until(lambda: state(running, "file")["trouble"], "the dead output is noticed")
    assert lines(path) == [f"alert {number}" for number in range(50)]


def test_a_full_queue_drops_the_newest_counts_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "missing" / "alerts.txt"
    queue = QueueSettings(capacity=5, output_timeout_s=0.3, retry_delay_max_s=0.1)
    with dispatcher(tmp_path, queue, file=FileSettings(str(path))) as running:
        for number in range(20):
            accepted(running.submit(parcel(number)))
        assert state(running, "file")["dropped"] == 15
        path.parent.mkdir()
        until(lambda: len(lines(path)) == 5, "what was queued")
    assert lines(path) == [f"alert {number}" for number in range(5)]
    assert sum("Outputs queue out of memory" in record.message for record in caplog.records) == 1


def test_the_queue_is_bounded_in_bytes(tmp_path: Path) -> None:
    queue = QueueSettings(max_bytes=10_000, output_timeout_s=0.3)
    with dispatcher(tmp_path, queue, file=FileSettings(str(tmp_path / "no" / "file"))) as running:
        for number in range(100):
            running.submit(parcel(number, size=990))
        assert int(str(state(running, "file")["queued"])) <= 10
        assert int(str(state(running, "file")["dropped"])) >= 90


def test_a_patient_source_waits_instead_of_losing(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    slow = f'while read -r line; do sleep 0.002; echo "$line" >> {path}; done'
    queue = QueueSettings(capacity=3, output_timeout_s=5.0)
    with dispatcher(tmp_path, queue, program=ProgramSettings(slow, True)) as running:
        for number in range(60):
            running.submit(parcel(number), wait=True)
    assert state(running, "program")["dropped"] == 0
    assert lines(path) == [f"alert {number}" for number in range(60)]


def test_a_promising_output_refuses_what_it_cannot_hold(tmp_path: Path) -> None:
    queue = QueueSettings(capacity=2, output_timeout_s=0.2)
    path = tmp_path / "alerts.txt"
    with receiver(lambda number: (503, {})) as hook:
        outputs = {"http": HttpSettings(hook.url), "file": FileSettings(str(path))}
        with dispatcher(tmp_path, queue, **outputs) as running:
            first = running.submit(parcel(1, 2))
            until(lambda: len(lines(path)) == 2, "the file has the first alerts")
            second = running.submit(parcel(3))
            with pytest.raises(NotAcceptedError) as caught:
                second.result(PATIENCE_S)
            assert caught.value.refused == {"http"}
            assert caught.value.accepted == {"file"}
            assert not first.done()
        with pytest.raises(NotAcceptedError):
            first.result(PATIENCE_S)
    assert lines(path) == ["alert 1", "alert 2", "alert 3"]


# program


def test_program_once_for_each_alert(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    with dispatcher(tmp_path, program=ProgramSettings(f"(echo begin; cat) >> {path}")) as running:
        running.submit(parcel(1, 2))
        until(lambda: len(lines(path)) == 4, "two runs")
    assert lines(path) == ["begin", "alert 1", "begin", "alert 2"]


def test_a_program_that_dies_is_started_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, pid = tmp_path / "out.txt", tmp_path / "pid"
    with dispatcher(tmp_path, program=ProgramSettings(f"echo $$ > {pid}; exec cat >> {path}", True)) as running:
        for number in range(3):
            running.submit(parcel(number))
            until(lambda wanted=number: len(lines(path)) > wanted, f"alert {number}")
            os.kill(int(pid.read_text()), signal.SIGKILL)
            until(lambda: Path(f"/proc/{pid.read_text().strip()}/stat").read_text().split()[2] == "Z", "its end")
    assert lines(path) == [f"alert {number}" for number in range(3)]
    assert any("the program of program_output ended with signal 9" in record.message for record in caplog.records)


def test_a_program_that_does_not_read_is_ended_at_the_stop(tmp_path: Path) -> None:
    with dispatcher(tmp_path, program=ProgramSettings("exec sleep 600", True)) as running:
        running.submit(parcel(1, size=1 << 20))
        until(lambda: state(running, "program")["trouble"], "the stuck program is noticed")
        before = time.monotonic()
        left = running.stop()
    assert left == 1
    assert time.monotonic() - before < 10


def test_a_program_that_does_not_exist(tmp_path: Path) -> None:
    sink = ProgramSink(ProgramSettings("/no/such/program"))
    with pytest.raises(Exception, match="ended with status 127"):
        sink.deliver(parcel(1), 0, threading.Event())


# syslog


def test_syslog_packets_and_a_daemon_that_comes_back(tmp_path: Path) -> None:
    path = str(tmp_path / "log")
    sink = SyslogSink(SyslogSettings(socket_path=path))
    with pytest.raises(Exception, match="no syslog daemon"):
        sink.deliver(parcel(1), 0, threading.Event())
    for _ in range(2):
        daemon = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        daemon.bind(path)
        daemon.settimeout(PATIENCE_S)
        sink.deliver(parcel(1, 2), 0, threading.Event())
        packets = [daemon.recv(65_536).decode() for _ in range(2)]
        assert [packet[:4] for packet in packets] == ["<12>", "<12>"]
        assert packets[1].endswith(" falco: alert 2")
        daemon.close()
        os.unlink(path)


def test_syslog_cuts_what_is_too_long(tmp_path: Path) -> None:
    path = str(tmp_path / "log")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(path)
        daemon.settimeout(PATIENCE_S)
        SyslogSink(SyslogSettings(socket_path=path)).deliver(parcel(7, size=4 << 20), 0, threading.Event())
        assert b"alert 7..." in daemon.recv(8 << 20)


# http


def http(hook: Receiver, **more: object) -> HttpSettings:
    return HttpSettings(hook.url, timeout_s=1.0, **more)  # type: ignore[arg-type]


def test_http_posts_one_alert_at_a_time_over_one_connection(tmp_path: Path) -> None:
    with receiver() as hook, dispatcher(tmp_path, http=http(hook, json_output=True)) as running:
        accepted(running.submit(parcel(1, 2, 3)))
        assert hook.bodies == [b"alert 1", b"alert 2", b"alert 3"]
        assert hook.connections == 1
        headers = hook.headers[0]
        assert headers["content-type"] == "application/json"
        assert headers["user-agent"] == "falcosecurity/falco"
        assert headers[ALERT_ID_HEADER.lower()] == f"{1:032x}"
        assert "authorization" not in headers
    with receiver() as hook, dispatcher(tmp_path, http=http(hook)) as running:
        accepted(running.submit(parcel(1)))
        assert hook.headers[0]["content-type"] == "text/plain"


def test_http_repeats_after_5xx_and_429_and_keeps_order(tmp_path: Path) -> None:
    answers = {0: (500, {}), 1: (429, {"Retry-After": "0"}), 3: (503, {})}
    with receiver(lambda number: answers.get(number, (200, {}))) as hook:
        with dispatcher(tmp_path, http=http(hook)) as running:
            accepted(running.submit(parcel(1, 2)))
            assert state(running, "http")["retried"] == 3
            assert state(running, "http")["delivered"] == 2
        assert hook.bodies == [b"alert 1"] * 3 + [b"alert 2"] * 2


def test_http_waits_as_long_as_retry_after_says(tmp_path: Path) -> None:
    times: list[float] = []

    def answer(number: int) -> tuple[int, dict[str, str]]:
        times.append(time.monotonic())
        return (429, {"Retry-After": "1"}) if number == 0 else (200, {})

    with receiver(answer) as hook, dispatcher(tmp_path, http=http(hook)) as running:
        accepted(running.submit(parcel(1)))
    assert times[1] - times[0] >= 0.95


@pytest.mark.parametrize("status", [400, 404, 301])
def test_what_is_refused_goes_to_the_dead_letters(tmp_path: Path, status: int) -> None:
    with receiver(lambda number: (status, {"Location": "/elsewhere"}) if number == 0 else (200, {})) as hook:
        with dispatcher(tmp_path, http=http(hook)) as running:
            accepted(running.submit(parcel(1, 2)))
            assert state(running, "http")["refused"] == 1
            assert state(running, "http")["delivered"] == 1
        assert hook.bodies == [b"alert 1", b"alert 2"]
    path = tmp_path / "dead" / "http.jsonl"
    record = json.loads(path.read_text())
    assert (record["alert"], record["alert_id"]) == ("alert 1", f"{1:032x}")
    assert str(status) in record["reason"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_refusals_are_said_once_and_losses_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "dead").write_text("no directory")
    with receiver(lambda number: (400, {})) as hook, dispatcher(tmp_path, http=http(hook)) as running:
        accepted(running.submit(parcel(1, 2)))
        (tmp_path / "dead").unlink()
        accepted(running.submit(parcel(3, 4)))
        assert state(running, "http")["refused"] == 4
    said = [record.message for record in caplog.records if "was refused" in record.message]
    assert ["and lost" in message for message in said] == [True, False]
    assert len(lines(tmp_path / "dead" / "http.jsonl")) == 2


def test_a_receiver_that_never_answers_is_left_and_tried_again(tmp_path: Path) -> None:
    with receiver(lambda number: None if number == 0 else (200, {})) as hook:
        settings = HttpSettings(hook.url, timeout_s=0.3)
        with dispatcher(tmp_path, http=settings) as running:
            accepted(running.submit(parcel(1)))
        assert hook.bodies == [b"alert 1", b"alert 1"]


def test_without_a_promise_timeouts_are_repeated_a_few_times_only(tmp_path: Path) -> None:
    with receiver(lambda number: None) as hook:
        settings = HttpSettings(hook.url, timeout_s=0.1, max_consecutive_timeouts=2)
        with dispatcher(tmp_path, http=settings, at_least_once=frozenset()) as running:
            running.submit(parcel(1))
            until(lambda: state(running, "http")["dropped"] == 1, "the alert is given up")
        assert len(hook.bodies) == 3


def test_a_receiver_that_is_down_gets_everything_when_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = Receiver()
    port = first.port
    first.close()
    settings = HttpSettings(f"http://127.0.0.1:{port}/", timeout_s=1.0)
    with dispatcher(tmp_path, http=settings) as running:
        futures = [running.submit(parcel(number)) for number in range(10)]
        until(lambda: "no connection" in str(state(running, "http")["trouble"]), "trouble")
        hook = Receiver(port=port)
        try:
            for future in futures:
                accepted(future)
            assert hook.bodies == [f"alert {number}".encode() for number in range(10)]
        finally:
            hook.close()
    assert sum("no connection" in record.message for record in caplog.records) == 1


def test_echo_and_credentials(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with receiver() as hook:
        url = hook.url.replace("http://", "http://user:p%40ss@")
        with dispatcher(tmp_path, http=HttpSettings(url, echo=True)) as running:
            accepted(running.submit(parcel(1)))
        assert hook.headers[0]["authorization"] == "Basic dXNlcjpwQHNz"
    assert capfd.readouterr().out == "answer 0\n"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_context(authority: trustme.CA, *, client: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    if client:
        context.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(context)
    return context


def test_tls_with_own_ca_and_client_certificate(tmp_path: Path, authority: trustme.CA) -> None:
    ca = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    identity = authority.issue_cert("client@example.org")
    identity.private_key_pem.write_to_path(str(tmp_path / "client.key"))
    identity.cert_chain_pems[0].write_to_path(str(tmp_path / "client.crt"))
    with receiver(tls=server_context(authority, client=True)) as hook:
        settings = HttpSettings(
            f"https://127.0.0.1:{hook.port}/",
            ca_cert=str(ca),
            mtls=True,
            client_cert=str(tmp_path / "client.crt"),
            client_key=str(tmp_path / "client.key"),
            timeout_s=2.0,
        )
        with dispatcher(tmp_path, http=settings) as running:
            accepted(running.submit(parcel(1)))
        assert hook.bodies == [b"alert 1"]


def test_a_wrong_certificate_is_refused_and_mended_while_running(tmp_path: Path, authority: trustme.CA) -> None:
    ca = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(ca))
    with receiver(tls=server_context(authority)) as hook:
        settings = HttpSettings(f"https://127.0.0.1:{hook.port}/", ca_cert=str(ca), timeout_s=2.0)
        with dispatcher(tmp_path, http=settings) as running:
            future = running.submit(parcel(1))
            until(lambda: "TLS with" in str(state(running, "http")["trouble"]), "the certificate is refused")
            assert not hook.bodies
            authority.cert_pem.write_to_path(str(ca))
            accepted(future)
        assert hook.bodies == [b"alert 1"]


def test_insecure_takes_any_certificate(tmp_path: Path, authority: trustme.CA) -> None:
    with receiver(tls=server_context(authority)) as hook:
        settings = HttpSettings(f"https://127.0.0.1:{hook.port}/", insecure=True, timeout_s=2.0)
        with dispatcher(tmp_path, http=settings) as running:
            accepted(running.submit(parcel(1)))


def test_proxies_by_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "proxy:3128")
    monkeypatch.setenv("NO_PROXY", "inside.example,127.0.0.1")
    assert proxy_for("https://outside.example/x") == "http://proxy:3128"
    assert proxy_for("https://inside.example/x") == ""
    assert proxy_for("http://outside.example/x") == ""


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7.0), ("", 0.0), ("soon", 0.0), ("Thu, 01 Jan 1970 00:01:40 GMT", 60.0), ("99999999", 3600.0)],
)
def test_retry_after(value: str, seconds: float) -> None:
    assert retry_after_s(value, 40.0) == seconds
