"""Helpers for the app's tests: configuration files, running the program, receivers that misbehave."""

from __future__ import annotations

import http.server
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from falcoeks_fast.cli import registry
from falcoeks_fast.log import ROOT as ROOT_LOG

ROOT = Path(__file__).resolve().parents[2]
CONFORMANCE = ROOT.parent / "shared" / "conformance"
PATIENCE_S = 20.0


def conformance() -> Path:
    """The folder of Falco's real answers, or a skip."""
    if not CONFORMANCE.is_dir():
        pytest.skip(f"the conformance material is not at {CONFORMANCE}")
    return CONFORMANCE


def until(condition: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """Wait for a true value; fails with `what` if it never comes."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"never happened: {what}")


def environment(**more: str) -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "FALCO_"))}
    env |= {"TZ": "UTC", "FALCO_HOSTNAME": "oracle", "PYTHONPATH": str(ROOT / "src")}
    return env | more


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "falcoeks_fast", *arguments]


def run(*arguments: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the program to its end."""
    return subprocess.run(
        command(*arguments), cwd=cwd, env=environment(**env), capture_output=True, text=True, timeout=60, check=False
    )


def run_inside(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *arguments: str, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command that reads no events in this process, which is quicker."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "FALCO_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FALCO_HOSTNAME", "oracle")
    if cwd is not None:
        monkeypatch.chdir(cwd)
    before = ROOT_LOG.handlers, ROOT_LOG.level, ROOT_LOG.propagate
    capfd.readouterr()
    try:
        code = registry.load(arguments[0]).run(arguments[1:])
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        ROOT_LOG.handlers, ROOT_LOG.level, ROOT_LOG.propagate = before[0], before[1], before[2]
    out, err = capfd.readouterr()
    return subprocess.CompletedProcess(arguments, code, out, err)


class Started:
    """The program in the background; its output collected as it comes."""

    def __init__(self, arguments: Sequence[str], cwd: Path, **env: str) -> None:
        self.process = subprocess.Popen(
            command(*arguments), cwd=cwd, env=environment(**env), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.web = 0  # the port of its web server, where a test has chosen one
        self._out: list[bytes] = []
        self._err: list[bytes] = []
        self._threads = [
            threading.Thread(target=_collect, args=(self.process.stdout, self._out), daemon=True),
            threading.Thread(target=_collect, args=(self.process.stderr, self._err), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def out(self) -> str:
        return b"".join(self._out).decode()

    @property
    def err(self) -> str:
        return b"".join(self._err).decode()

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def logs(self, text: str) -> None:
        """Wait until the log says `text`."""
        until(lambda: text in self.err or self.process.poll() is not None, f"log line {text!r}; log: {self.err}")
        assert text in self.err, f"ended with {self.process.poll()} without saying {text!r}: {self.err}"

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.send(number)
        code = self.process.wait(PATIENCE_S)
        for thread in self._threads:
            thread.join(PATIENCE_S)
        return code


def _collect(stream: Any, into: list[bytes]) -> None:
    for line in stream:
        into.append(line)


@contextmanager
def started(*arguments: str, cwd: Path, **env: str) -> Iterator[Started]:
    program = Started(arguments, cwd, **env)
    try:
        yield program
    finally:
        if program.process.poll() is None:
            program.process.kill()
        program.process.wait()


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def event(number: int = 0, verb: str = "get", user: str = "alice", **more: Any) -> dict[str, Any]:
    """An audit event as the API server writes it."""
    return {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": f"00000000-0000-0000-0000-{number:012d}",
        "stage": "ResponseComplete",
        "requestURI": "/api/v1/namespaces/default/configmaps/x",
        "verb": verb,
        "user": {"username": user, "groups": ["system:authenticated"]},
        "sourceIPs": ["10.0.0.1"],
        "objectRef": {"resource": "configmaps", "namespace": "default", "name": "x", "apiVersion": "v1"},
        "responseStatus": {"metadata": {}, "code": 200},
        "requestReceivedTimestamp": "2026-01-02T03:04:05.000001Z",
        "stageTimestamp": "2026-01-02T03:04:05.123456Z",
        "annotations": {"authorization.k8s.io/decision": "allow"},
    } | more


def events_file(path: Path, count: int, **more: Any) -> str:
    lines = [json.dumps(event(number, **more)) for number in range(count)]
    return write(path, "".join(line + "\n" for line in lines))


RULE = """\
- rule: Every get
  desc: Somebody reads something
  condition: ka.verb = get
  output: got user=%ka.user.name id=%ka.auditid
  priority: WARNING
  source: k8s_audit
  tags: [k8s, demo]
"""


class Receiver:
    """A web hook. `answer` decides on status and headers by the number of the request; None: never answer."""

    def __init__(
        self,
        answer: Callable[[int], tuple[int, dict[str, str]] | None] | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        port: int = 0,
    ) -> None:
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.connections = 0
        self._answer = answer or (lambda number: (200, {}))
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 1 << 16  # one packet for head and body: else Nagle's algorithm makes 40 ms of each answer

            def setup(self) -> None:
                receiver.connections += 1
                super().setup()

            def do_POST(self) -> None:
                size_bytes = int(self.headers["Content-Length"])
                body = self.rfile.read(size_bytes)
                if len(body) < size_bytes:  # the sender was killed on the way: no receiver would take that for an alert
                    self.close_connection = True
                    return
                number = len(receiver.bodies)
                receiver.bodies.append(body)
                receiver.headers.append({name.lower(): value for name, value in self.headers.items()})
                outcome = receiver._answer(number)
                if outcome is None:
                    receiver.released.wait(PATIENCE_S)
                    return
                status, headers = outcome
                text = f"answer {number}".encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *args: object) -> None:
                pass

        self.released = threading.Event()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def receiver(
    answer: Callable[[int], tuple[int, dict[str, str]] | None] | None = None, *, tls: ssl.SSLContext | None = None
) -> Iterator[Receiver]:
    server = Receiver(answer, tls=tls)
    try:
        yield server
    finally:
        server.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
