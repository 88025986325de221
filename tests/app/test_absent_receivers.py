"""Outputs whose receiver does not exist: without a promise their alerts are lost at once, and nobody waits."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from falcoeks_fast.engine.outputs.channel import ChannelState
from falcoeks_fast.engine.outputs.dispatcher import Dispatcher
from falcoeks_fast.engine.outputs.parcel import Alert, ListParcel
from falcoeks_fast.engine.outputs.settings import OutputsSettings, ProgramSettings, QueueSettings, SyslogSettings

from .tools import RULE, events_file, run, until, write

NOTHING_THERE = ProgramSettings("exec 2>&-; /no/such/program")
QUEUE = QueueSettings(output_timeout_s=0.4, retry_delay_max_s=0.3)


def parcel(count: int, size: int = 0) -> ListParcel:
    return ListParcel([Alert(f"alert {number}".encode() + b"." * size, 4, f"{number:032x}") for number in range(count)])


def settings(at_least_once: frozenset[str] = frozenset(), **outputs: object) -> OutputsSettings:
    return OutputsSettings(queue=QUEUE, at_least_once=at_least_once, **outputs)  # type: ignore[arg-type]


def state(running: Dispatcher) -> ChannelState:
    return running.states()[0]


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        (
            {"syslog": SyslogSettings(socket_path="/no/such/socket")},
            "no syslog daemon takes messages on /no/such/socket",
        ),
        ({"program": NOTHING_THERE}, "the program of program_output ended with status 127"),
    ],
)
def test_alerts_are_dropped_and_counted_and_it_is_said_once(
    outputs: dict[str, object], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    running = Dispatcher(settings(**outputs))
    with caplog.at_level(logging.WARNING):
        running.start()
        running.submit(parcel(5))
        running.submit(parcel(2)).result(20)
        until(lambda: state(running).dropped == 7, "all alerts dropped")
        assert running.stop() == 0, "nothing is left to wait for"
    assert (state(running).delivered, state(running).queued) == (0, 0)
    assert said in state(running).trouble
    assert [record.levelname.lower() for record in caplog.records] == ["warning"]
    text = caplog.records[0].getMessage()
    assert said in text
    assert "until that changes alerts are dropped, and counted. What to do: " in text


@pytest.mark.parametrize("promised", ["syslog", "program"])
def test_with_a_promise_they_are_kept(promised: str) -> None:
    outputs = {
        "syslog": {"syslog": SyslogSettings(socket_path="/no/such/socket")},
        "program": {"program": NOTHING_THERE},
    }
    running = Dispatcher(settings(frozenset({promised}), **outputs[promised]))
    running.start()
    accepted = running.submit(parcel(3))
    until(lambda: state(running).retried > 1, "several attempts")
    assert (state(running).dropped, state(running).queued) == (0, 3)
    assert running.stop() == 3
    assert accepted.exception(20) is not None


def test_a_program_that_dies_of_every_try_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    running = Dispatcher(settings(program=ProgramSettings("exit 3", keep_alive=True)))
    with caplog.at_level(logging.WARNING):
        running.start()
        running.submit(parcel(3, size=1 << 20))  # more than a pipe holds
        until(lambda: state(running).dropped == 3, "all alerts dropped")
        assert running.stop() == 0
    assert any("ended with status 3; until that changes" in record.getMessage() for record in caplog.records)


def test_an_exit_status_is_no_failure(tmp_path: Path) -> None:
    running = Dispatcher(settings(program=ProgramSettings(f"cat >> {tmp_path}/alerts; exit 1")))
    running.start()
    running.submit(parcel(2))
    until(lambda: state(running).delivered == 2, "both alerts")
    assert running.stop() == 0


def test_what_is_thrown_away_at_the_end_is_a_notice(caplog: pytest.LogCaptureFixture) -> None:
    running = Dispatcher(settings(program=ProgramSettings("exec sleep 600", keep_alive=True)))
    running.start()
    running.submit(parcel(1, size=1 << 20))
    until(lambda: state(running).trouble, "the stuck program is noticed")
    with caplog.at_level(logging.INFO):
        assert running.stop() == 1
    levels = [record.levelno for record in caplog.records if "output channels still blocked" in record.getMessage()]
    assert levels == [25]


def test_a_run_over_a_file_ends_well(tmp_path: Path) -> None:
    rules = write(tmp_path / "rules.yaml", RULE)
    events = events_file(tmp_path / "events.jsonl", 2)
    target = ("-o", "program_output.enabled=true", "-o", "program_output.program=/no/such/program")
    done = run("run", "-r", rules, "--events", events, *target, "-o", "falcoeks.compile=off")
    assert done.returncode == 0
    assert done.stdout.startswith("Events detected: 2\n")
    assert "alerts are dropped, and counted" in done.stderr
