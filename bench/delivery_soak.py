"""`make soak`, second part: the whole program with receivers that are down, a full disk, and many reloads.

In: `--only` for some rows. Out: a table on stdout, goal beside measured, exit code 1 if a goal was missed. The program
runs as a process of its own with its threads, boto3 and HTTP; CloudWatch Logs is *simulated*.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .alert_receiver import AlertReceiver, Arrived, free_port
from .fake_cloudwatch.feeding import feeding, now_ms
from .fake_cloudwatch.server import FakeServer
from .fake_cloudwatch.service import FakeCloudWatch, Quota
from .fake_cloudwatch.store import LogStore
from .fake_cloudwatch.traffic import Traffic, messages
from .running_program import RunningProgram, SoakError
from .soak_rows import CEILING, Row

_GROUP = "/aws/eks/soak/cluster"
_DISK_BYTES = 4 << 20
_FILE_LIMIT_BYTES = 256 << 10
_PATIENCE_S = 180.0
_GROWTH_BYTES = 8 << 20
_RELOADS = 50
_WARM_UP_S = 50.0
"""Until the set of event ids is as large as it gets."""


@dataclass(slots=True)
class _Scene:
    """A log group with traffic, and where alerts go."""

    url: str
    traffic: Traffic
    port: int
    folder: Path


@contextmanager
def _scene(events_per_s: int, seconds: float) -> Iterator[_Scene]:
    service = FakeCloudWatch(quota=Quota(CEILING))
    store = service.groups[_GROUP] = LogStore(messages())
    begin = now_ms() + 3_000
    traffic = Traffic(store, events_per_s, begin, begin + int(seconds * 1000), lateness=lambda _: 0.0)
    with FakeServer(service) as server, feeding(traffic), tempfile.TemporaryDirectory() as folder:
        yield _Scene(server.url, traffic, free_port(), Path(folder))


@dataclass(frozen=True, slots=True)
class Outcome:
    """`disordered`: alerts that came for the first time after one of a later event."""

    lost: int
    repeated: int
    disordered: int
    wrong_ids: int

    def text(self) -> str:
        return f"{self.lost} lost, {self.repeated} repeated, {self.disordered} out of order, {self.wrong_ids} wrong ids"


def outcome_of(arrived: Sequence[Arrived], count: int) -> Outcome:
    counts = Counter(alert.serial for alert in arrived)
    ids: dict[int, set[str]] = {}
    disordered, newest = 0, -1
    for alert in arrived:
        if alert.serial not in ids:
            disordered += alert.serial < newest
            newest = max(newest, alert.serial)
        ids.setdefault(alert.serial, set()).update((alert.alert_id, alert.body_id))
    several = sum(len(some) != 1 for some in ids.values())
    shared = len(ids) - len({identity for some in ids.values() for identity in some})
    return Outcome(count - len(counts), len(arrived) - len(counts), disordered, several + max(0, shared))


def _all_arrived(program: RunningProgram, receiver: AlertReceiver, traffic: Traffic) -> None:
    """Wait until the traffic is over and every event's alert is here; then for what may still repeat."""

    def complete() -> bool:
        if now_ms() < traffic.end_ms + 1_000 or len(receiver.arrived) < traffic.count:
            return False
        return len({alert.serial for alert in receiver.arrived}) >= traffic.count

    program.wait(complete, "all alerts", (traffic.end_ms - now_ms()) / 1000 + _PATIENCE_S)
    time.sleep(15.0)  # the settled pass has read everything again by then


def _megabytes(size: float) -> str:
    return f"{size / 1e6:.1f} MB"


def receiver_down() -> Row:
    """Two minutes without a receiver, killed after 20 and after 40 seconds."""
    with _scene(200, 125) as scene:
        lives = []
        for _ in range(2):
            lives.append(RunningProgram(scene.folder, scene.url, scene.port))
            time.sleep(20.0)
            lives[-1].kill()
        program = RunningProgram(scene.folder, scene.url, scene.port)
        try:
            time.sleep(20.0)
            sizes = []
            down_until = scene.traffic.begin_ms + 120_000
            while now_ms() < down_until:
                sizes.append(program.resident_bytes)
                time.sleep(0.5)
            spooled = sum(path.stat().st_size for path in (scene.folder / "state/spool/http").glob("*.spool"))
            receiver = AlertReceiver(scene.port)
            _all_arrived(program, receiver, scene.traffic)
            sizes.append(program.resident_bytes)
        finally:
            program.stop()
        receiver.close()
        outcome = outcome_of(receiver.arrived, scene.traffic.count)
        third = len(sizes) // 3
        grown = max(sizes[-third:]) - max(sizes[:third])
        return Row(
            "receiver down for two minutes under 200 alerts/s, kill -9 twice meanwhile",
            f"0 lost, in order, each with its id; at most 2 repeated (what was under way); memory grows by at most "
            f"{_megabytes(_GROWTH_BYTES)}",
            f"{scene.traffic.count} alerts: {outcome.text()}; {_megabytes(spooled)} in the spool when the receiver "
            f"came back; memory at most {_megabytes(max(sizes))}, last third {_megabytes(grown)} above the first",
            outcome.lost + outcome.disordered + outcome.wrong_ids == 0
            and outcome.repeated <= 2
            and grown <= _GROWTH_BYTES,
            _conditions(),
        )


class _SmallDisk:
    """Room for a spool that runs out: a small tmpfs where we may mount one, else a limit on the size of files."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, mode=0o700)
        self._directory = directory
        self._mounted = self._mount(f"size={_DISK_BYTES},mode=700")

    def _mount(self, options: str) -> bool:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self._directory)]
        try:
            return subprocess.run(command, capture_output=True, check=False).returncode == 0
        except FileNotFoundError:
            return False

    @property
    def description(self) -> str:
        return f"tmpfs of {_megabytes(_DISK_BYTES)}" if self._mounted else "RLIMIT_FSIZE, as a tmpfs cannot be mounted"

    def narrow(self, program: RunningProgram) -> None:
        if not self._mounted:
            resource.prlimit(program.pid, resource.RLIMIT_FSIZE, (_FILE_LIMIT_BYTES, resource.RLIM_INFINITY))

    def widen(self, program: RunningProgram) -> None:
        if self._mounted:
            self._mount(f"remount,size={64 * _DISK_BYTES},mode=700")
        else:
            resource.prlimit(program.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def close(self) -> None:
        if self._mounted:
            subprocess.run(["umount", str(self._directory)], check=True)


def disk_full() -> Row:
    """The spool's disk fills while the receiver is down; later there is room again, then a receiver."""
    with _scene(200, 75) as scene:
        disk = _SmallDisk(scene.folder / "state" / "spool" / "http")
        program = RunningProgram(scene.folder, scene.url, scene.port, queue_bytes=4 << 20)
        try:
            disk.narrow(program)
            program.wait(lambda: "cannot be put on disk" in program.log, "the message on the full disk", 60.0)
            full_s = time.monotonic()
            time.sleep(30.0)  # its memory is full by now, too
            largest = program.resident_bytes
            disk.widen(program)
            program.wait(lambda: "alerts are put there again" in program.log, "the message that it works again", 60.0)
            full_s = time.monotonic() - full_s
            receiver = AlertReceiver(scene.port)
            _all_arrived(program, receiver, scene.traffic)
        finally:
            program.stop()
            disk.close()
        receiver.close()
        outcome = outcome_of(receiver.arrived, scene.traffic.count)
        said = program.log.count("cannot be put on disk")
        return Row(
            f"the disk of the spool fills ({disk.description}), receiver down, 200 alerts/s; room again after 30 s",
            "goes on, says so once, recovers by itself; 0 lost, 0 repeated",
            f"went on; said {said} time{'s' * (said != 1)}, worked again after {full_s:.0f} s; {scene.traffic.count} "
            f"alerts: {outcome.text()}; memory {_megabytes(largest)} while full; own alerts: {len(receiver.internal)}",
            said == 1 and outcome.lost + outcome.repeated + outcome.wrong_ids == 0,
            _conditions(),
        )


def many_reloads() -> Row:
    """Fifty times SIGHUP with changed rules, each as soon as the one before is in force."""
    with _scene(500, 130) as scene:
        receiver = AlertReceiver(scene.port)
        program = RunningProgram(scene.folder, scene.url, scene.port)
        try:
            program.wait(lambda: receiver.arrived, "the first alert", 60.0)
            time.sleep(_WARM_UP_S)
            sizes, descriptors = [], []
            begun = time.monotonic()
            for number in range(1, _RELOADS + 1):
                program.write_rule("Everything" if number % 2 == 0 else "Everything, renamed")
                program.reload()
                time.sleep(1.0)
                sizes.append(program.resident_bytes)
                descriptors.append(program.descriptors)
            took_s = time.monotonic() - begun
            _all_arrived(program, receiver, scene.traffic)
        finally:
            program.stop()
        receiver.close()
        lost, repeated = _by_event(receiver.arrived, scene.traffic.count)
        part = _RELOADS // 5
        early, late = max(sizes[:part]), max(sizes[-part:])
        few, many = max(descriptors[:part]), max(descriptors[-part:])
        return Row(
            f"{_RELOADS} reloads under 500 events/s",
            f"no event lost or repeated; no more descriptors; memory grows by at most {_megabytes(_GROWTH_BYTES)}",
            f"{scene.traffic.count} events: {lost} lost, {repeated} repeated; descriptors {few} in the first ten, "
            f"{many} in the last; memory {_megabytes(early)} and {_megabytes(late)}; "
            f"{took_s:.0f} s for all reloads",
            lost + repeated == 0 and many <= few and late - early <= _GROWTH_BYTES,
            _conditions(),
        )


def _by_event(arrived: Sequence[Arrived], count: int) -> tuple[int, int]:
    """Lost and repeated. The rule's name is part of an alert's id, so that only serial numbers count here."""
    counts = Counter(alert.serial for alert in arrived)
    return count - len(counts), sum(counts.values()) - len(counts)


def _conditions() -> str:
    return f"real time, the whole program, alerts of about 2 kB, ceiling {CEILING:.0f}, passes early, settled (10 s)"


ROWS: dict[str, Callable[[], Row]] = {"receiver-down": receiver_down, "disk-full": disk_full, "reloads": many_reloads}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="delivery_soak", description=__doc__)
    parser.add_argument("--only", default="", help="names of rows, by commas")
    chosen = parser.parse_args(arguments)
    names = [name for name in chosen.only.split(",") if name] or list(ROWS)
    if unknown := [name for name in names if name not in ROWS]:
        parser.error(f"unknown row {unknown[0]}; known are {', '.join(ROWS)}")
    print("The whole program between a simulated CloudWatch and a receiver. All figures are *simulated*.\n", flush=True)
    missed = 0
    for name in names:
        begun = time.monotonic()
        try:
            row = ROWS[name]()
        except SoakError as error:
            missed += 1
            print(f"MISSED {name}: {error}\n", flush=True)
            continue
        missed += not row.reached
        print(f"{'ok    ' if row.reached else 'MISSED'} {name}: {row.situation}")
        print(f"       goal      {row.goal}")
        print(f"       measured  {row.measured}")
        print(f"       with      {row.conditions}; took {time.monotonic() - begun:.0f} s\n", flush=True)
    print(f"{len(names) - missed} of {len(names)} goals reached")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
