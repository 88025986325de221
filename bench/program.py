"""The program itself as a child process, watched from outside.

In: arguments of `falcoeks-fast`. Out: what it took: seconds, CPU, memory. Called by the table and by `falcoeks-fast
bench`. Memory is read from /proc while the child runs: what the kernel reports at its end would count the parent's too.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

COMMAND = (sys.executable, "-m", "falcoeks_fast")
_SAMPLE_S = 0.02
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_SIZES = re.compile(r"^(VmHWM|VmRSS):\s+(\d+) kB", re.MULTILINE)


class ProgramError(Exception):
    """The child ended with an error. The text is its own."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Memory now, and how many of the input's files the child has opened."""

    rss_bytes: int
    files_opened: int


@dataclass(slots=True)
class Watched:
    """`cpu_s` includes children that the child waited for. `samples` in order."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_rss_bytes: int = 0
    samples: list[Sample] = field(default_factory=list)
    log: str = ""


def environment(folder: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The child's environment: caches and state in a folder that goes away, nothing of the caller's AWS settings."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "FALCO"))}
    return {**kept, "XDG_CACHE_HOME": str(folder / "cache"), "XDG_STATE_HOME": str(folder / "state"), **(more or {})}


def watch(
    arguments: Sequence[str], folder: Path, *, inputs: Path | None = None, more: Mapping[str, str] | None = None
) -> Watched:
    """Run `falcoeks-fast ARGUMENTS` to its end, alerts thrown away. Raises ProgramError.

    `inputs`: a folder of input files; which of them the child reads is noted with each sample.
    """
    watched = Watched()
    opened: set[str] = set()
    log = folder / "log"
    before = os.times()
    start_s = time.perf_counter()
    with log.open("wb") as errors:
        child = subprocess.Popen(
            [*COMMAND, *arguments], stdout=subprocess.DEVNULL, stderr=errors, env=environment(folder, more)
        )
        while child.poll() is None:
            sizes = _sizes(child.pid)
            if inputs is not None:
                opened |= _open_below(child.pid, inputs)
            if "VmRSS" in sizes:
                watched.samples.append(Sample(sizes["VmRSS"], len(opened)))
                watched.peak_rss_bytes = max(watched.peak_rss_bytes, sizes.get("VmHWM", 0))
            time.sleep(_SAMPLE_S)
    watched.wall_s = time.perf_counter() - start_s
    after = os.times()
    watched.cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    watched.log = log.read_text("utf-8", "replace")
    if child.returncode:
        raise ProgramError(f"falcoeks-fast {' '.join(arguments)}: exit code {child.returncode}: {watched.log[-500:]}")
    return watched


def first_line(arguments: Sequence[str], folder: Path) -> tuple[float, float]:
    """Seconds from the start of `falcoeks-fast ARGUMENTS` to its first line of output, and CPU seconds until then.

    From the seconds is taken what its main thread was ready but waited for a processor. Raises ProgramError.
    """
    start_s = time.perf_counter()
    child = subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(folder)
    )
    assert child.stdout is not None
    assert child.stderr is not None
    line = child.stdout.readline()
    seconds = time.perf_counter() - start_s
    waited_s = _waited_s(child.pid)
    cpu_s = _cpu_s(child.pid)
    _, errors = child.communicate()
    if not line or child.returncode:
        raise ProgramError(f"falcoeks-fast {' '.join(arguments)}: {errors.decode('utf-8', 'replace')[-500:]}")
    return seconds - waited_s, cpu_s


def _sizes(pid: int) -> dict[str, int]:
    return {name: int(size) * 1024 for name, size in _SIZES.findall(_read(f"/proc/{pid}/status"))}


def _waited_s(pid: int) -> float:
    words = _read(f"/proc/{pid}/schedstat").split()
    return int(words[1]) / 1e9 if len(words) > 1 else 0.0


def _cpu_s(pid: int) -> float:
    words = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / _TICKS_PER_S if len(words) > 12 else 0.0


def _open_below(pid: int, folder: Path) -> set[str]:
    found = set()
    try:
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            target = os.readlink(f"/proc/{pid}/fd/{descriptor}")
            if target.startswith(f"{folder}/"):
                found.add(target)
    except OSError:
        return found  # the child has just ended, or closed what was listed
    return found


def _read(path: str) -> str:
    try:
        return Path(path).read_text("utf-8", "replace")
    except OSError:
        return ""
