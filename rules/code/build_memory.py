"""How much memory a compile could take here.

In: /proc and the control groups. Out: bytes. Called by `build`.

By the kernel's documentation, version 2 has `memory.max` and `memory.current` in each group, version 1
`memory.limit_in_bytes` and `memory.usage_in_bytes`. Inactive file pages count as available, as in `MemAvailable`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_UNLIMITED = 1 << 62


def available_bytes(proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> int:
    """The least of what the machine and each control group around this process leave; 2^62 if nothing tells."""
    return min(_machine(proc), *_groups(proc, groups), _UNLIMITED)


def _machine(proc: Path) -> int:
    for line in _text(proc / "meminfo").splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) * 1024
    return _UNLIMITED


def _groups(proc: Path, groups: Path) -> Iterator[int]:
    for line in _text(proc / "self" / "cgroup").splitlines():
        _, controllers, name = line.split(":", 2)
        if not controllers:
            yield from _up(groups, name, "memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            root = groups / "memory"
            yield from _up(root, name, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    yield _UNLIMITED


def _up(root: Path, name: str, limit: str, usage: str, cached: str) -> Iterator[int]:
    """From the process's group to the root. In a container the named group may not be visible, its root is."""
    group = root / name.strip("/")
    while True:
        most, used = _text(group / limit).strip(), _text(group / usage).strip()
        if most.isdigit() and used.isdigit():
            yield max(0, int(most) - int(used) + _statistic(group, cached))
        if group == root or root not in group.parents:
            return
        group = group.parent


def _statistic(group: Path, name: str) -> int:
    for line in _text(group / "memory.stat").splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return 0


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii", "replace")
    except OSError:
        return ""
