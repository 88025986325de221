"""A process that sends numbered alerts through a spooled http output, for tests that kill it.

Arguments: directory of the spool, URL, first number, count. Prints `taken N` when alert N was accepted and `done` when
all were. Goes on until its standard input ends.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from falcoeks_fast.engine.outputs.dead_letters import DeadLetters
from falcoeks_fast.engine.outputs.http import HttpSink
from falcoeks_fast.engine.outputs.parcel import Alert, ListParcel
from falcoeks_fast.engine.outputs.settings import HttpSettings, QueueSettings
from falcoeks_fast.engine.outputs.spool import Spool
from falcoeks_fast.engine.outputs.spool_channel import SpoolChannel


def say(line: str) -> None:
    """In one write: two threads have something to say."""
    os.write(1, f"{line}\n".encode())


def main() -> None:
    directory, url, first, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    sink = HttpSink(HttpSettings(url, timeout_s=2.0), DeadLetters(f"{directory}/dead", "http"), promised=True)
    queue = QueueSettings(output_timeout_s=2.0, retry_delay_max_s=0.2)
    channel = SpoolChannel("http", sink, queue, Spool(Path(directory) / "http", 1 << 20))
    channel.start()
    for number in range(first, first + count):
        alert = Alert(b"%d" % number, number % 8, f"{number:032x}")

        def accepted(yes: bool, number: int = number) -> None:
            if yes:
                say(f"taken {number}")

        channel.offer(ListParcel([alert]), accepted, wait=True)
        time.sleep(0.002)
    say("done")
    sys.stdin.read()
    channel.begin_stop()
    channel.give_up()


if __name__ == "__main__":
    main()
