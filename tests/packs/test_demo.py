"""The demonstration: its CloudWatch Logs answers as AWS does, and the fetcher catches the whole attack."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest

from falcoeks_fast.bench.demo.__main__ import main

if TYPE_CHECKING:
    from mypy_boto3_logs.client import CloudWatchLogsClient

GROUP = "/aws/eks/x/cluster"


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudWatchLogsClient]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIADEMONSTRATION000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "demonstration")
    command = [sys.executable, "-m", "falcoeks_fast.bench.demo.cloudwatch"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        yield boto3.client("logs", region_name="eu-central-1", endpoint_url=f"http://127.0.0.1:{port}")
        server.terminate()


def put(logs: CloudWatchLogsClient, stream: str, now_ms: int, messages: list[str]) -> None:
    logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
    events = [{"timestamp": now_ms + number, "message": message} for number, message in enumerate(messages)]
    logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=events)  # type: ignore[arg-type]


def test_filter_log_events_answers_as_aws_does(logs: CloudWatchLogsClient) -> None:
    now_ms = int(time.time() * 1000)
    logs.create_log_group(logGroupName=GROUP)
    put(logs, "kube-apiserver-audit-b", now_ms, ["b0", "b1", "x" * 600_000])
    put(logs, "kube-apiserver-audit-a", now_ms, ["a0", "a1", "y" * 600_000])
    put(logs, "authenticator-c", now_ms, ["not asked for"])
    found, pages, token = [], 0, None
    while True:
        more = {"nextToken": token} if token else {}
        answer = logs.filter_log_events(
            logGroupName=GROUP,
            logStreamNamePrefix="kube-apiserver-audit-",
            startTime=now_ms,
            endTime=now_ms + 2,
            **more,  # type: ignore[arg-type]
        )
        found += answer["events"]
        pages += 1
        token = answer.get("nextToken")
        if token is None:
            break
    assert pages == 2
    assert [event["message"][:2] for event in found] == ["b0", "a0", "b1", "a1", "xx", "yy"]
    assert len({event["eventId"] for event in found}) == 6
    assert all(len(event["eventId"]) == 56 for event in found)
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.filter_log_events(logGroupName="/aws/eks/none/cluster")


def test_the_whole_attack_alerts(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_LOGS", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    code = main(["--seconds", "6", "--rate", "30"])
    output = capsys.readouterr().out
    assert code == 0, output
    assert "From written to alert" in output
    assert "0 repeated" in output
