"""A process of the poller that is made to be killed.

In: `--url` of the stand-in, `--state` directory, `--alerts` file, `--ceiling`. Out: a line for each alert, written
before the alert counts as delivered. Called by the kill row of the soak.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from falcoeks_fast.poller.clock import SystemClock
from falcoeks_fast.poller.messages import Message
from falcoeks_fast.poller.page import Cluster
from falcoeks_fast.poller.settings import BudgetSettings, PollerSettings, TrailingPass
from falcoeks_fast.poller.source import CloudWatchSource

from .soak_sink import Noted, SoakSink


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--alerts", type=Path, required=True)
    parser.add_argument("--ceiling", type=float, required=True)
    parser.add_argument("--settled-s", type=float, required=True)
    chosen = parser.parse_args()
    output = os.open(chosen.alerts, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def deliver(noted: list[Noted]) -> None:
        text = "".join(f"{one.serial} {one.alert_id} {one.at_ms} {one.pass_name}\n" for one in noted)
        os.write(output, text.encode())

    cluster = Cluster("soak", "eu-west-1", "123456789012", endpoint_url=chosen.url)
    settings = PollerSettings(
        (cluster,),
        budget=BudgetSettings(ceiling=chosen.ceiling),
        trailing=(TrailingPass("settled", int(chosen.settled_s * 1000)),),
        state_dir=chosen.state,
        checkpoint_every_s=1.0,
    )

    def say(message: Message) -> None:
        print(f"{message.level}: {message.text}", file=sys.stderr)

    source = CloudWatchSource(settings, SoakSink(SystemClock(), deliver), on_message=say)
    signal.signal(signal.SIGTERM, lambda *_: source.stop())
    source.start()
    while not source.join(0.5):
        pass
    return 1 if source.error else 0


if __name__ == "__main__":
    sys.exit(main())
