"""The simulated cluster: writes ordinary audit events all the time, and the attack in between, to CloudWatch Logs.

In: an endpoint, a rate, the length of the run. Out: log events by PutLogEvents, and `Written`: when each audit id was
written, for the delays. Started as a thread by `demo.__main__`. A few events are written seconds late and out of order,
as EKS does.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import boto3

from falcoeks_fast.bench.demo.attack import Step, steps
from falcoeks_fast.bench.demo.fetcher import CREDENTIALS
from falcoeks_fast.bench.mix import Mix
from falcoeks_fast.bench.mix_event import Template, template

if TYPE_CHECKING:
    from mypy_boto3_logs.client import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import InputLogEventTypeDef

TICK_SECONDS = 0.25
LATE_SHARE = 0.02
LATE_SECONDS = 6.0


@dataclass(slots=True)
class Written:
    """What was written so far. Filled by the writer's thread, read by the printer's."""

    at: dict[str, float] = field(default_factory=dict)  # audit id -> time.monotonic() of the write
    step_of: dict[str, Step] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    events: int = 0


class Writer(threading.Thread):
    """Writes until the attack is over and the time is up, or `stop` is set."""

    def __init__(self, endpoint: str, region: str, log_group: str, rate: float, seconds: float) -> None:
        super().__init__(name="simulated cluster", daemon=True)
        self.written = Written()
        self.stop = threading.Event()
        self._client: CloudWatchLogsClient = boto3.client(
            "logs",
            region_name=region,
            endpoint_url=endpoint,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )
        self._log_group = log_group
        self._mix = Mix(seed=7)
        self._draw = self._mix.draw()
        self._attack = steps(self._mix.cluster)
        self._rate = rate
        self._seconds = seconds
        self._late: list[tuple[float, str, InputLogEventTypeDef]] = []

    def prepare(self) -> None:
        """Create the log group and its streams."""
        self._client.create_log_group(logGroupName=self._log_group)
        for stream in [*self._mix.streams, "kube-apiserver-0", "authenticator-0"]:
            self._client.create_log_stream(logGroupName=self._log_group, logStreamName=stream)

    def run(self) -> None:
        start = time.monotonic()
        gap = self._seconds * 0.8 / len(self._attack)
        next_step = 0
        owed = 0.0
        while not self.stop.wait(TICK_SECONDS) and time.monotonic() - start < self._seconds:
            owed += self._rate * TICK_SECONDS
            batch = [(next(self._draw), None) for _ in range(int(owed))]
            owed -= len(batch)
            rows: list[tuple[Template, Step | None]] = list(batch)
            if next_step < len(self._attack) and time.monotonic() - start >= gap * (next_step + 0.5):
                step = self._attack[next_step]
                self.written.steps.append(step)
                rows += [(template(event, 20_000), step) for event in step.events]
                next_step += 1
            self._write(rows)

    def _write(self, rows: list[tuple[Template, Step | None]]) -> None:
        now = time.time()
        streams: dict[str, list[InputLogEventTypeDef]] = {}
        for number, (row, step) in enumerate(rows):
            hidden = step.late_seconds if step is not None else 0.0
            stage_us = int((now - hidden - TICK_SECONDS * (1 - number / len(rows))) * 1e6)
            message = self._mix.render(row, stage_us).decode()
            event: InputLogEventTypeDef = {"timestamp": stage_us // 1000, "message": message}
            stream = self._mix.streams[number % len(self._mix.streams)]
            audit_id = message.split('"auditID":"', 1)[1][:36]
            if step is not None:
                self.written.step_of[audit_id] = step
            elif number % int(1 / LATE_SHARE) == 0:
                self._late.append((now + LATE_SECONDS, stream, event))
                continue
            self.written.at[audit_id] = time.monotonic()
            streams.setdefault(stream, []).append(event)
        self._add_late(now, streams)
        for stream, events in streams.items():
            events.sort(key=lambda event: event["timestamp"])
            self._client.put_log_events(logGroupName=self._log_group, logStreamName=stream, logEvents=events)
            self.written.events += len(events)

    def _add_late(self, now: float, streams: dict[str, list[InputLogEventTypeDef]]) -> None:
        due = [entry for entry in self._late if entry[0] <= now]
        self._late = [entry for entry in self._late if entry[0] > now]
        for _, stream, event in due:
            self.written.at[event["message"].split('"auditID":"', 1)[1][:36]] = time.monotonic()
            streams.setdefault(stream, []).append(event)
