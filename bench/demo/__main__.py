"""`make run`: watch falcoeks-fast catch an attack on a simulated EKS cluster, or watch a cluster of your own.

In: the command line. Out: alerts and a summary on the terminal; exit code 0 if every step of the attack alerted.

    python -m falcoeks_fast.bench.demo [--seconds 45] [--rate 60]
    python -m falcoeks_fast.bench.demo --cluster NAME --region REGION
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from rich.console import Console

from falcoeks_fast.bench.demo.fetcher import CLUSTER, COMMAND, PACK, REGION, Fetcher, demo_environment, write_config
from falcoeks_fast.bench.demo.summary import Summary
from falcoeks_fast.bench.demo.writer import Writer

SETTLE_SECONDS = 15.0


def main(arguments: list[str] | None = None) -> int:
    """Run the demonstration, or become the real thing."""
    parser = argparse.ArgumentParser(prog="make run", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=45.0, help="how long the simulated cluster writes")
    parser.add_argument("--rate", type=float, default=60.0, help="audit events per second")
    parser.add_argument("--rules", type=Path, default=PACK, help="a rules file (default: the EKS pack)")
    parser.add_argument("--cluster", help="watch this EKS cluster with your AWS credentials instead")
    parser.add_argument("--region", help="its region")
    options = parser.parse_args(arguments)
    if options.cluster:
        return watch_cluster(options.cluster, options.region or os.environ.get("AWS_REGION", ""), options.rules)
    if options.seconds <= 0 or options.rate <= 0:
        parser.error("--seconds and --rate must be above zero")
    with tempfile.TemporaryDirectory(prefix="falcoeks-demo-") as folder:
        return demonstrate(Path(folder), options.rules, options.seconds, options.rate)


def watch_cluster(cluster: str, region: str, rules: Path) -> int:
    """`falcoeks-fast run` on a real cluster; its exit code."""
    if not region:
        print("Error: --cluster needs --region (or AWS_REGION in the environment)", file=sys.stderr)
        return 1
    folder = Path(tempfile.mkdtemp(prefix="falcoeks-"))
    config = write_config(folder, cluster, region, rules.resolve(), demo=False)
    print(f"Watching EKS cluster {cluster} in {region}; configuration: {config}", file=sys.stderr)
    try:
        return subprocess.call([*COMMAND, "-c", str(config)])
    except KeyboardInterrupt:
        return 130


def demonstrate(folder: Path, rules: Path, seconds: float, rate: float) -> int:
    """The whole demonstration; the exit code."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    server = subprocess.Popen(
        [sys.executable, "-m", "falcoeks_fast.bench.demo.cloudwatch"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        if not port:
            console.print("Error: the embedded CloudWatch Logs did not start; is moto installed? (the extra 'demo')")
            return 1
        return _play(console, f"http://127.0.0.1:{port}", folder, rules, seconds, rate)
    finally:
        server.terminate()
        server.wait()


def _play(console: Console, endpoint: str, folder: Path, rules: Path, seconds: float, rate: float) -> int:
    environment = demo_environment(endpoint, folder)
    writer = Writer(endpoint, REGION, f"/aws/eks/{CLUSTER}/cluster", rate, seconds)
    writer.prepare()
    log = folder / "falcoeks-fast.log"
    fetcher = Fetcher(write_config(folder, CLUSTER, REGION, rules.resolve(), demo=True), environment, log)
    console.print(
        f"A simulated EKS cluster writes {rate:.0f} audit events a second to CloudWatch Logs (embedded, {endpoint}).\n"
        f"falcoeks-fast (pid {fetcher.process.pid}) reads them with {rules.name}. Ctrl-C ends it.\n"
    )
    summary = Summary(console, writer.written)
    reader = threading.Thread(target=_print_alerts, args=(fetcher, summary, console), daemon=True)
    reader.start()
    writer.start()
    try:
        _wait(writer, fetcher, summary, reader)
    except KeyboardInterrupt:
        console.print("Stopped.")
    writer.stop.set()
    fetcher.stop()
    code = fetcher.close()
    reader.join(timeout=5)
    summary.show()
    if code in (0, 130, -2) and not summary.missing():
        return 0
    console.print(f"falcoeks-fast ended with exit code {code}. The end of its log:", style="bold red")
    console.print(log.read_text(errors="replace")[-3000:], markup=False)
    return 1


def _wait(writer: Writer, fetcher: Fetcher, summary: Summary, reader: threading.Thread) -> None:
    """Until the cluster has written everything and the last step alerted, or the fetcher is gone."""
    while writer.is_alive() and reader.is_alive():
        writer.join(timeout=0.2)
    end = time.monotonic() + SETTLE_SECONDS
    while reader.is_alive() and summary.missing() and time.monotonic() < end:
        time.sleep(0.1)
    if fetcher.process.poll() is None:
        time.sleep(0.5)


def _print_alerts(fetcher: Fetcher, summary: Summary, console: Console) -> None:
    for line in fetcher.lines():
        if isinstance(line, dict):
            summary.alert(line, time.monotonic())
        elif line:
            console.print(line, style="dim", markup=False)


if __name__ == "__main__":
    sys.exit(main())
