"""The rows of the soak that run in real time: threads, boto3, HTTP, processes that are killed.

In: how many seconds of traffic. Out: rows. Called by `soak`. The settled pass follows sooner than by default, so that a
row does not take minutes.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from falcoeks_fast.poller.clock import SystemClock
from falcoeks_fast.poller.messages import Message
from falcoeks_fast.poller.page import Cluster
from falcoeks_fast.poller.settings import BudgetSettings, PollerSettings, TrailingPass
from falcoeks_fast.poller.source import CloudWatchSource

from .fake_cloudwatch.feeding import feeding, now_ms
from .fake_cloudwatch.server import FakeServer
from .fake_cloudwatch.service import FakeCloudWatch, Faults, Quota
from .fake_cloudwatch.store import LogStore
from .fake_cloudwatch.traffic import Traffic, messages
from .soak_rows import CEILING, WARM_UP_MS, Row, percentile
from .soak_sink import Noted, SoakSink

_SETTLED_S = 20.0
_INVENTED = {
    "AWS_ACCESS_KEY_ID": "AKIAINVENTED",
    "AWS_SECRET_ACCESS_KEY": "invented",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


def _scene(faults: Faults | None = None) -> tuple[FakeCloudWatch, LogStore, Cluster]:
    service = FakeCloudWatch(quota=Quota(CEILING), faults=faults)
    cluster = Cluster("soak", "eu-west-1", "123456789012")
    store = service.groups[cluster.log_group] = LogStore(messages())
    os.environ.pop("AWS_PROFILE", None)
    os.environ.update(_INVENTED)
    return service, store, cluster


def _conditions(service: FakeCloudWatch) -> str:
    fetched = f"{service.served.bytes / 1e6:.0f} MB"
    return f"real time, ceiling {CEILING:.0f}, {fetched}, passes early, settled ({_SETTLED_S:.0f} s)"


def _begin_ms() -> int:
    return now_ms() + 500


def real_time(events_per_s: int, seconds: int, goal_median_s: float, goal_high_s: float) -> Row:
    """One cluster, from visible to alert, warm-up left out."""
    service, store, plain = _scene()
    noted: list[Noted] = []
    begin = _begin_ms()
    traffic = Traffic(store, events_per_s, begin, begin + seconds * 1000)
    with FakeServer(service) as server, feeding(traffic):
        cluster = Cluster(plain.name, plain.region, plain.account, endpoint_url=server.url)
        settings = PollerSettings(
            (cluster,),
            budget=BudgetSettings(ceiling=CEILING),
            trailing=(TrailingPass("settled", int(_SETTLED_S * 1000)),),
        )
        heard: list[Message] = []
        source = CloudWatchSource(settings, SoakSink(SystemClock(), noted.extend), on_message=heard.append)
        cpu = time.process_time()
        source.start()
        time.sleep(seconds + _SETTLED_S + 10)
        limit = time.monotonic() + 60
        while len({one.serial for one in noted}) < traffic.count and time.monotonic() < limit:
            time.sleep(0.5)
        cpu = time.process_time() - cpu
        stopping = time.monotonic()
        source.stop()
        stopping = time.monotonic() - stopping
    counts = Counter(one.serial for one in noted)
    lost, repeated = traffic.count - len(counts), sum(counts.values()) - len(counts)
    warm = begin + WARM_UP_MS
    delays = [
        (one.at_ms - visible) / 1000.0
        for one in noted
        if one.pass_name == "early" and (visible := traffic.visible_ms[one.serial]) > warm
    ]
    median, high = percentile(delays, 0.5), percentile(delays, 0.99)
    throttled = sum(at > begin + 10_000 for at in service.served.throttle_times_ms)
    return Row(
        f"{events_per_s:,} events/s for {seconds} s, threads, boto3 and HTTP",
        f"0 lost, 0 repeated; p50 <= {goal_median_s} s, p99 <= {goal_high_s} s; stop within 2 s",
        f"{lost} lost, {repeated} repeated; p50 {median:.2f} s, p99 {high:.2f} s from second {WARM_UP_MS // 1000} on; "
        f"{throttled} throttled after 10 s; stopped in {stopping:.1f} s; {cpu:.0f} s of CPU, the stand-in's included",
        lost + repeated == 0 and median <= goal_median_s and high <= goal_high_s and stopping <= 2.5,
        _conditions(service),
    )


def kill_nine(seconds: int = 30) -> Row:
    """Processes killed by SIGKILL, in the middle of faults; the last one may finish."""
    faults = Faults(throttle=0.1, server_error=0.05, reset=0.02, empty_page=0.2, partial_page=0.3)
    service, store, _ = _scene(faults)
    begin = _begin_ms()
    traffic = Traffic(store, 300, begin, begin + seconds * 1000)
    with FakeServer(service) as server, feeding(traffic), tempfile.TemporaryDirectory() as folder:
        alerts = Path(folder) / "alerts"
        command = [sys.executable, "-m", "falcoeks_fast.bench.soak_child", "--url", server.url]
        command += ["--state", str(Path(folder) / "state"), "--alerts", str(alerts)]
        command += ["--ceiling", str(CEILING), "--settled-s", str(_SETTLED_S)]
        for _ in range(5):
            child = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            time.sleep(seconds / 6)
            child.send_signal(signal.SIGKILL)
            child.wait()
        child = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        limit = time.monotonic() + 120
        seen: dict[int, list[str]] = {}
        while time.monotonic() < limit:
            time.sleep(1.0)
            seen = {}
            for line in alerts.read_text().splitlines() if alerts.exists() else ():
                serial, alert_id = line.split()[:2]
                seen.setdefault(int(serial), []).append(alert_id)
            if time.time() * 1000 > traffic.end_ms + 5_000 and len(seen) >= traffic.count:
                break
        child.terminate()
        child.wait()
    lost = traffic.count - len(seen)
    repeated = sum(len(ids) - 1 for ids in seen.values())
    changed = sum(len(set(ids)) > 1 for ids in seen.values())
    return Row(
        f"kill -9 five times, faults as above, 300 events/s for {seconds} s",
        "0 lost; what repeats carries the same alert id",
        f"{lost} lost; {repeated} repeated, {changed} of them with another id",
        lost + changed == 0,
        _conditions(service),
    )
