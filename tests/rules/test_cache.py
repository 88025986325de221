"""The cache gives back what was compiled, survives damage, races and full disks, and trusts only its own directory."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import falcoeks_fast
from falcoeks_fast.rules.code import cache as cache_module
from falcoeks_fast.rules.code.build import BuildCancelled, BuildError, BuildImpossible
from falcoeks_fast.rules.code.cache import CompiledCache, default_directory
from falcoeks_fast.rules.code.module import load_module


class Builds:
    """Stands in for the builder: counts, and gives what was compiled before."""

    def __init__(self) -> None:
        self.count = 0
        self.payload = b""
        self.error: BuildError | None = None
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, source, *, limits, progress, cancelled):
        self.count += 1
        self.gate.wait(60)
        if self.error is not None:
            raise self.error
        return self.payload


@pytest.fixture
def builds(monkeypatch, small):
    stand_in = Builds()
    stand_in.payload = small.payload
    monkeypatch.setattr(cache_module, "build", stand_in)
    return stand_in


@pytest.fixture
def said():
    return []


@pytest.fixture
def cache(tmp_path, said):
    return CompiledCache(tmp_path / "cache", warn=said.append)


def entries(cache: CompiledCache) -> list[str]:
    return sorted(set(os.listdir(cache.directory)) - {"lock"})


def test_what_was_compiled_is_given_back(cache, builds, small, said):
    assert cache.load(small.plan) is None
    capsule = cache.compile(small.plan)
    assert cache.compile(small.plan) is capsule
    assert cache.load(small.plan) is capsule
    assert CompiledCache(cache.directory).load(small.plan) is capsule
    assert builds.count == 1
    assert entries(cache) == [f"{cache.key(small.plan)}.bundle"]
    assert said == []


def test_the_key_depends_on_all_that_code_depends_on(cache, small, other, monkeypatch):
    keys = {cache.key(small.plan), cache.key(other.plan)}
    for name, value in {
        "ABI_VERSION": 77,
        "EMITTER_VERSION": 78,
        "predicate_header": lambda: b"/* changed */",
        "python_abi": lambda: "cpython-399",
    }.items():
        with monkeypatch.context() as patch:
            patch.setattr(cache_module, name, value)
            keys.add(cache.key(small.plan))
    monkeypatch.setattr("platform.machine", lambda: "pdp11")
    keys.add(cache.key(small.plan))
    assert len(keys) == 7


@pytest.mark.parametrize("place", [0, 30, -1])
def test_a_damaged_entry_is_set_aside_and_compiled_again(cache, builds, small, said, place):
    cache.compile(small.plan)
    entry = cache.directory / entries(cache)[0]
    content = bytearray(entry.read_bytes())
    content[place] ^= 1
    entry.write_bytes(content)
    assert cache.load(small.plan) is None
    assert entries(cache) == [f"{entry.name}.damaged"]
    assert len(said) == 1
    assert str(entry) in said[0]
    assert "set aside as" in said[0]
    assert cache.compile(small.plan) is load_module(small.payload, small.plan.predicate_digest())
    assert entries(cache) == [entry.name, f"{entry.name}.damaged"]


def test_an_entry_of_other_rules_is_set_aside(cache, builds, small, other, said):
    cache.compile(small.plan)
    wrong = cache.directory / f"{cache.key(other.plan)}.bundle"
    os.rename(cache.directory / entries(cache)[0], wrong)
    assert cache.load(other.plan) is None
    assert "other rules" in said[0]


def test_an_entry_that_others_can_write_is_not_used(cache, builds, small, said):
    cache.compile(small.plan)
    (cache.directory / entries(cache)[0]).chmod(0o666)
    assert cache.load(small.plan) is None
    assert "writable by other users" in said[0]


def test_a_directory_that_is_not_ours_alone_is_not_touched(cache, builds, small, said):
    cache.directory.mkdir(mode=0o755)
    assert cache.load(small.plan) is None
    assert cache.compile(small.plan) is load_module(small.payload, small.plan.predicate_digest())
    assert os.listdir(cache.directory) == []
    assert len(said) == 2
    assert all("the cache of compiled rules is not used" in text and "chmod 0700" in text for text in said)


def test_without_a_cache_the_same_rules_are_not_compiled_twice(cache, builds, small, monkeypatch):
    monkeypatch.setattr("falcoeks_fast.rules.code.module._loaded", {})
    cache.directory.mkdir(mode=0o755)
    capsule = cache.compile(small.plan)
    assert cache.compile(small.plan) is capsule
    assert builds.count == 1


def test_a_directory_without_locks_only_costs_the_cache(cache, builds, small, said, monkeypatch):
    def refuse(descriptor, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    assert cache.compile(small.plan)
    assert "cannot lock" in said[0]


def test_a_directory_that_cannot_be_made_only_costs_the_cache(tmp_path, builds, small, said):
    (tmp_path / "file").touch()
    cache = CompiledCache(tmp_path / "file" / "cache", warn=said.append)
    assert cache.compile(small.plan) is load_module(small.payload, small.plan.predicate_digest())
    assert "Not a directory" in said[0]


def test_a_failed_compile_leaves_nothing_behind(cache, builds, small):
    builds.error = BuildImpossible("no compiler")
    with pytest.raises(BuildImpossible, match="no compiler"):
        cache.compile(small.plan)
    assert entries(cache) == []
    builds.error = None
    assert cache.compile(small.plan)


def test_code_of_other_rules_is_not_kept(cache, builds, other):
    with pytest.raises(BuildError, match="another plan"):
        cache.compile(other.plan)
    assert entries(cache) == []


def test_a_full_disk_only_costs_the_cache(cache, builds, small, said, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert cache.compile(small.plan)
    assert entries(cache) == []
    assert "No space left on device" in said[0]


def test_threads_wait_for_the_one_that_compiles(cache, builds, small):
    builds.gate.clear()
    found = []
    threads = [threading.Thread(target=lambda: found.append(cache.compile(small.plan))) for _ in range(4)]
    for thread in threads:
        thread.start()
    builds.gate.set()
    for thread in threads:
        thread.join()
    assert builds.count == 1
    assert len(found) == 4
    assert len(set(map(id, found))) == 1


def test_waiting_for_another_compile_can_be_cancelled(cache, builds, small, other):
    builds.gate.clear()
    first = threading.Thread(target=cache.compile, args=[small.plan])
    first.start()
    while builds.count == 0:
        pass
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(BuildCancelled):
        cache.compile(other.plan, cancelled=cancelled)
    builds.gate.set()
    first.join()


def test_processes_compile_a_plan_once(cache, tmp_path):
    """Two processes at once over the same directory and rules; neither knows of the other."""
    program = (
        "import sys; from pathlib import Path; from falcoeks_fast.rules.code.cache import CompiledCache;"
        "from falcoeks_fast.rules.plan import Plan;"
        f"cache = CompiledCache(Path({str(cache.directory)!r}), warn=print);"
        "cache.compile(Plan(), progress=print); print('done')"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(falcoeks_fast.__file__).parent.parent)}
    children = [
        subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = sorted(child.communicate(timeout=120)[0].split() for child in children)
    assert outputs == [["cython", "c", "done"], ["done"]]


def test_the_entries_used_least_recently_go(tmp_path, builds, small, other, said, monkeypatch):
    monkeypatch.setattr(cache_module, "load_module", lambda payload, digest: (payload, digest))
    size = len(cache_module.pack(bytes(32), small.payload))
    cache = CompiledCache(tmp_path / "cache", limit_bytes=size * 5 // 2, warn=said.append)
    cache.compile(small.plan)
    cache.compile(other.plan)
    first, second = (cache.directory / f"{cache.key(found.plan)}.bundle" for found in (small, other))
    os.utime(first, (1000, 1000))
    os.utime(second, (2000, 2000))
    assert cache.load(small.plan)
    damaged, stale, fresh = (cache.directory / name for name in ("x.bundle.damaged", "x.tmp", "y.tmp"))
    for path in (damaged, stale, fresh):
        path.write_bytes(b"x" * 10)
    os.utime(stale, (1000, 1000))
    foreign = cache.directory / "somebody's notes"
    foreign.touch()
    third = cache_module.Plan(memo_cells=3)
    cache.compile(third)
    assert entries(cache) == sorted([first.name, f"{cache.key(third)}.bundle", fresh.name, foreign.name])
    assert said == []


def test_an_entry_larger_than_the_bound_is_kept_alone(tmp_path, builds, small, other, monkeypatch):
    monkeypatch.setattr(cache_module, "load_module", lambda payload, digest: (payload, digest))
    cache = CompiledCache(tmp_path / "cache", limit_bytes=1)
    cache.compile(small.plan)
    cache.compile(other.plan)
    assert entries(cache) == [f"{cache.key(other.plan)}.bundle"]


@pytest.mark.parametrize(
    ("environment", "user", "expected"),
    [
        ({"XDG_CACHE_HOME": "/x"}, 0, "/x/falcoeks-fast"),
        ({"XDG_CACHE_HOME": "relative"}, 0, "/var/cache/falcoeks-fast"),
        ({"HOME": "/root"}, 0, "/var/cache/falcoeks-fast"),
        ({"HOME": "/home/me"}, 1000, "/home/me/.cache/falcoeks-fast"),
        ({}, 1000, "/var/cache/falcoeks-fast"),
    ],
)
def test_the_default_directory(monkeypatch, environment, user, expected):
    for name in ("XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert str(default_directory()) == expected
