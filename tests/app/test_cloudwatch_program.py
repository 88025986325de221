"""The whole program over a simulated CloudWatch Logs: late events, restarts, kills, receivers that are down."""

from __future__ import annotations

import json
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from falcoeks_fast.bench.fake_cloudwatch.server import FakeServer
from falcoeks_fast.bench.fake_cloudwatch.service import FakeCloudWatch
from falcoeks_fast.bench.fake_cloudwatch.store import LogStore

from .tools import RULE, Receiver, Started, event, free_port, receiver, run, started, until, write

CONFIG = """
plugins:
  - name: k8saudit-eks
    library_path: libk8saudit-eks.so
    init_config: {{region: eu-west-1, shift: 60, polling_interval: 1, account: "123456789012", endpoint_url: "{aws}"}}
    open_params: prod
  - {{name: json, library_path: libjson.so, init_config: ""}}
load_plugins: [k8saudit-eks, json]
rules_files: [{folder}/rules.yaml]
json_output: true
stdout_output: {{enabled: true}}
http_output: {{enabled: {http}, url: "{hook}"}}
webserver: {{enabled: true, listen_port: {web}, listen_address: 127.0.0.1}}
falcoeks: {{state_dir: {folder}/state, compile: "off", alert_id: true, passes: [{{name: settled, lag: 5s}}]}}
"""
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_EC2_METADATA_DISABLED": "true"}


class Cloud:
    """The log group of one cluster."""

    def __init__(self, service: FakeCloudWatch, url: str) -> None:
        self.service = service
        self.url = url
        self.store = service.groups["/aws/eks/prod/cluster"] = LogStore([])
        self.written = 0

    def put(self, *, age_ms: int = 0, **more: Any) -> int:
        """One event, that old, visible now; its number."""
        self.written += 1
        now_ms = time.time_ns() // 1_000_000
        text = json.dumps(event(self.written, **more))
        self.store.put_text(now_ms - age_ms, text, visible_ms=now_ms)
        return self.written


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    service = FakeCloudWatch(call_s=0.01)
    with FakeServer(service) as server:
        yield Cloud(service, server.url)


@contextmanager
def program(folder: Path, cloud: Cloud, hook: str = "") -> Iterator[Started]:
    write(folder / "rules.yaml", RULE)
    web = free_port()
    http = "true" if hook else "false"
    text = CONFIG.format(folder=folder, aws=cloud.url, http=http, hook=hook or "http://x", web=web)
    config = write(folder / "falco.yaml", text)
    with started("run", "-c", config, cwd=folder, **CREDENTIALS) as process:
        process.web = web
        yield process


def readiness(process: Started) -> tuple[int, dict[str, Any]]:
    url = f"http://127.0.0.1:{process.web}/readyz"
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def numbers(process: Started) -> list[int]:
    """Numbers of the events whose alerts came, in that order."""
    alerts = [json.loads(line) for line in process.out.splitlines() if line.startswith("{")]
    return [int(alert["output"].rpartition("-")[2]) for alert in alerts]


def test_late_events_are_found_and_nothing_comes_twice(tmp_path: Path, cloud: Cloud) -> None:
    cloud.put(age_ms=30_000)
    with program(tmp_path, cloud) as process:
        until(lambda: numbers(process) == [1], "the first alert")
        cloud.put()
        until(lambda: numbers(process) == [1, 2], "the second alert")
        cloud.put(age_ms=2_000)  # appears behind what was read
        until(lambda: 3 in numbers(process), "the late one")
        assert process.stop() == 0
    assert sorted(numbers(process)) == [1, 2, 3]
    assert "Events detected: 3" in process.out


def test_a_restart_repeats_nothing_and_misses_nothing(tmp_path: Path, cloud: Cloud) -> None:
    cloud.put(age_ms=2_000)
    with program(tmp_path, cloud) as process:
        until(lambda: numbers(process) == [1], "the first alert")
        assert process.stop() == 0
    cloud.put()
    with program(tmp_path, cloud) as process:
        until(lambda: numbers(process), "the alert of what happened meanwhile")
        cloud.put()
        until(lambda: 3 in numbers(process), "a new alert")
        process.stop()
    assert numbers(process) == [2, 3]


def test_after_a_kill_nothing_is_missing(tmp_path: Path, cloud: Cloud) -> None:
    with receiver() as hook:
        with program(tmp_path, cloud, hook.url) as process:
            cloud.put()
            until(lambda: len(hook.bodies) == 1, "the first alert")
            process.stop(signal.SIGKILL)
        cloud.put()
        with program(tmp_path, cloud, hook.url) as process:
            until(lambda: any(b"0000002" in body for body in hook.bodies), "the second alert")
            process.stop()
    by_event = {}
    for body, headers in zip(hook.bodies, hook.headers, strict=True):
        alert = json.loads(body)
        assert headers["falcoeks-alert-id"] == alert["output_fields"]["falcoeks.alert_id"]
        by_event.setdefault(alert["output"][-4:], set()).add(headers["falcoeks-alert-id"])
    assert sorted(by_event) == ["0001", "0002"]
    assert all(len(ids) == 1 for ids in by_event.values()), "a repeated alert carries the same id"


def test_alerts_wait_for_a_receiver_that_is_down_over_a_restart(tmp_path: Path, cloud: Cloud) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    with program(tmp_path, cloud, url) as process:
        for _ in range(3):
            cloud.put()
        until(lambda: numbers(process) == [1, 2, 3], "the alerts at the other output")
        process.logs("no connection to")
        assert process.stop() == 0
    hook = Receiver(port=port)
    try:
        with program(tmp_path, cloud, url) as process:
            until(lambda: len(hook.bodies) >= 3, "the alerts after the restart")
            process.stop()
    finally:
        hook.close()
    assert {json.loads(body)["output"][-1] for body in hook.bodies} == {"1", "2", "3"}


def test_a_missing_group_is_said_once_and_makes_not_ready(tmp_path: Path, cloud: Cloud) -> None:
    cloud.service.faults.missing = True
    with program(tmp_path, cloud) as process:
        process.logs("cluster prod: ")
        _, body = until(lambda: (found := readiness(process))[0] == 503 and found, "not ready")
        assert (body["status"], body["problems"][0]["part"]) == ("not ready", "cluster prod")
        cloud.service.faults.missing = False
        cloud.put()
        until(lambda: numbers(process), "the alert once the group is there")
        until(lambda: readiness(process) == (200, {"status": "ok"}), "ready")
        assert process.stop() == 0
    assert process.err.count("audit log") == 1


def test_a_time_range_is_read_and_ends(tmp_path: Path, cloud: Cloud) -> None:
    for age_ms in (50_000, 40_000, 1_000):
        cloud.put(age_ms=age_ms)
    rules = write(tmp_path / "rules.yaml", RULE)
    outcome = run(
        *("run", "-r", rules, "--cluster", "prod", "--region", "eu-west-1", "--endpoint-url", cloud.url),
        *("--since", "1m", "--until", "30s ago", "-o", f"falcoeks.state_dir={tmp_path}/state"),
        **CREDENTIALS,
    )
    assert outcome.returncode == 0, outcome.stderr
    assert "Events detected: 2\n" in outcome.stdout
