"""What this process and its host use: CPU, memory, processes, descriptors.

In: /proc (under HOST_ROOT for the host's part) and the cgroup's memory file. Out: `Resources`. Called for metrics. What
cannot be read is 0.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

_CGROUP_FILES = ("/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory/memory.usage_in_bytes")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Resources:
    """Memory in bytes, CPU as a share of one processor since the start (process) or boot (host)."""

    cpu_ratio: float
    rss: int
    vsz: int
    pss: int
    container_memory: int
    host_cpu_ratio: float
    host_memory: int
    host_processes_running: int
    host_open_files: int


def read_resources(started_s: float) -> Resources:
    """`started_s`: when the process began, in seconds of `time.monotonic()`."""
    times = os.times()
    elapsed = max(time.monotonic() - started_s, 0.001)
    sizes = [int(word) for word in _read("/proc/self/statm").split()[:2]] or [0, 0]
    memory = _table(_host("/proc/meminfo"))
    return Resources(
        cpu_ratio=(times.user + times.system) / elapsed,
        rss=sizes[1] * _PAGE_BYTES,
        vsz=sizes[0] * _PAGE_BYTES,
        pss=_table("/proc/self/smaps_rollup").get("Pss", 0) * 1024,
        container_memory=_container_memory(),
        host_cpu_ratio=_host_cpu(),
        host_memory=max(memory.get("MemTotal", 0) - memory.get("MemFree", 0), 0) * 1024,
        host_processes_running=_host_running(),
        host_open_files=int((_read(_host("/proc/sys/fs/file-nr")).split() or ["0"])[0]),
    )


def boot_time_ns() -> int:
    for line in _read(_host("/proc/stat")).splitlines():
        if line.startswith("btime "):
            return int(line.split()[1]) * 1_000_000_000
    return 0


def _host(path: str) -> str:
    return os.environ.get("HOST_ROOT", "").rstrip("/") + path


def _read(path: str) -> str:
    try:
        return Path(path).read_text("ascii", "replace")
    except OSError:
        return ""


def _table(path: str) -> dict[str, int]:
    """Lines `Name:   123 kB`."""
    values = {}
    for line in _read(path).splitlines():
        name, colon, rest = line.partition(":")
        words = rest.split()
        if colon and words and words[0].isdigit():
            values[name] = int(words[0])
    return values


def _container_memory() -> int:
    chosen = os.environ.get("FALCO_CGROUP_MEM_PATH", "")
    for path in (chosen,) if chosen else _CGROUP_FILES:
        text = _read(path).strip()
        if text.isdigit():
            return int(text)
    return 0


def _host_cpu() -> float:
    words = _read(_host("/proc/stat")).split("\n", 1)[0].split()[1:]
    ticks = [int(word) for word in words if word.isdigit()]
    if len(ticks) < 4 or not sum(ticks):
        return 0.0
    return 1.0 - (ticks[3] + (ticks[4] if len(ticks) > 4 else 0)) / sum(ticks)


def _host_running() -> int:
    for line in _read(_host("/proc/stat")).splitlines():
        if line.startswith("procs_running "):
            return int(line.split()[1])
    return 0
