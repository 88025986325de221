"""The whole program, its receiver down, killed twice: every alert arrives once, in order, with its id."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

from .test_cloudwatch_program import Cloud, cloud, program  # noqa: F401
from .tools import Receiver, free_port, until

RATE = 200
START_BYTES = 40_000


def spooled_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in (folder / "state" / "spool" / "http").glob("*.spool"))


def test_receiver_down_and_killed_twice(tmp_path: Path, cloud: Cloud) -> None:  # noqa: F811
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    ended = threading.Event()

    def feed() -> None:
        began = time.monotonic()
        while not ended.wait(0.02):
            while cloud.written < (time.monotonic() - began) * RATE:
                cloud.put()

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        for phase in (1, 2):
            with program(tmp_path, cloud, url) as process:
                until(lambda phase=phase: spooled_bytes(tmp_path) > phase * START_BYTES, "alerts in the spool")
                process.process.kill()
        with program(tmp_path, cloud, url) as process:
            process.logs("alerts of before are in the spool")
            hook = Receiver(port=port)
            ended.set()
            feeder.join()
            until(lambda: len(hook.bodies) >= cloud.written, "all alerts")
            assert process.stop() == 0
            hook.close()
    finally:
        ended.set()
        feeder.join()
    arrived = [json.loads(body) for body in hook.bodies]
    numbers = [int(alert["output"][-12:]) for alert in arrived]
    assert numbers == list(range(1, cloud.written + 1)), "each once, in order"
    ids = [alert["output_fields"]["falcoeks.alert_id"] for alert in arrived]
    assert [headers["falcoeks-alert-id"] for headers in hook.headers] == ids
    assert len(set(ids)) == len(ids)
