"""The child that compiles is limited, knows no secret, can be stopped, and its failures are told."""

from __future__ import annotations

import os
import shlex
import sysconfig
import threading
import time
from pathlib import Path

import pytest

from falcoeks_fast.rules.code import build as build_module
from falcoeks_fast.rules.code.build import (
    BuildCancelled,
    BuildError,
    BuildImpossible,
    BuildLimits,
    build,
    compiler_command,
    why_impossible,
)
from falcoeks_fast.rules.code.build_memory import available_bytes
from falcoeks_fast.rules.code.emit import Generated, emit
from falcoeks_fast.rules.plan import Plan

MIB = 1 << 20
needs_compiler = pytest.mark.skipif(bool(why_impossible()), reason=f"nothing can be compiled here: {why_impossible()}")


@pytest.fixture
def compiler_script(tmp_path, monkeypatch):
    """Makes `CC` a shell script of the given text."""

    def make(text: str) -> None:
        script = tmp_path / "compiler with a blank"
        script.write_text(f"#!/bin/sh\n{text}\n")
        script.chmod(0o755)
        monkeypatch.setenv("CC", f"{shlex.quote(str(script))} -some-flag")

    return make


@needs_compiler
def test_the_child_is_limited_and_knows_no_secret(compiler_script, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("LD_LIBRARY_PATH", "/nowhere")
    report = tmp_path / "report"
    compiler_script(
        f"exec >{report} 2>&1; env; echo args=$*; echo nice=$(nice); echo memory=$(ulimit -v); echo core=$(ulimit -c);"
        "echo mask=$(umask); echo files=$(ls); exit 1"
    )
    stages = []
    with pytest.raises(BuildError, match="compiling failed"):
        build(emit(Plan()), limits=BuildLimits(memory_bytes=1024 * MIB, niceness=7), progress=stages.append)
    assert stages == ["cython", "c"]
    facts = dict(line.split("=", 1) for line in report.read_text().splitlines())
    assert "hush" not in report.read_text()
    assert set(facts) - {"PWD", "SHLVL", "_", "OLDPWD"} == {
        *("PATH", "LANG", "TMPDIR", "args", "nice", "memory", "core", "mask", "files")
    }
    assert int(facts["nice"]) >= min(19, os.nice(0) + 7)
    assert facts["memory"] == str(1024 * MIB // 1024)
    assert facts["core"] == "0"
    assert facts["mask"] == "0077"
    assert facts["args"].startswith("-some-flag -shared")
    assert "predicate.h" in facts["files"]
    assert not Path(facts["TMPDIR"]).exists()


@needs_compiler
def test_what_the_compiler_said_is_told(compiler_script):
    compiler_script("echo 'unknown option -fstrange' >&2; exit 4")
    with pytest.raises(BuildError, match="the compiler said:\nunknown option -fstrange"):
        build(emit(Plan()))


@needs_compiler
def test_what_cython_said_is_told():
    with pytest.raises(BuildError, match="undeclared_thing"):
        build(Generated("cdef int x = undeclared_thing\n", bytes(32), 0))


@needs_compiler
def test_a_killed_compiler_is_told(compiler_script):
    compiler_script("kill -9 $PPID")
    with pytest.raises(BuildError, match="ended by SIGKILL, perhaps for lack of memory"):
        build(emit(Plan()))


@needs_compiler
def test_the_memory_limit_ends_it():
    with pytest.raises(BuildError, match="memory limit of 48 MiB"):
        build(emit(Plan()), limits=BuildLimits(memory_bytes=48 * MIB))


def is_gone(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
    except FileNotFoundError:
        return True


@needs_compiler
@pytest.mark.parametrize("reason", ["cancelled", "time"])
def test_stopping_leaves_no_process(compiler_script, tmp_path, reason):
    report = tmp_path / "report"
    compiler_script(f"sleep 100 & echo $$ $! >{report}; wait")
    cancelled = threading.Event()

    def cancel_when_it_runs() -> None:
        while not (report.exists() and report.read_text().endswith("\n")):
            time.sleep(0.01)
        cancelled.set()

    if reason == "cancelled":
        threading.Thread(target=cancel_when_it_runs, daemon=True).start()
        with pytest.raises(BuildCancelled):
            build(emit(Plan()), cancelled=cancelled)
    else:
        with pytest.raises(BuildError, match="took longer than 3 s"):
            build(emit(Plan()), limits=BuildLimits(seconds=3))
    processes = [int(word) for word in report.read_text().split()]
    assert len(processes) == 2
    for process in processes:
        while not is_gone(process):
            time.sleep(0.01)


@needs_compiler
def test_no_file_and_no_descriptor_is_left(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = os.listdir("/proc/self/fd")
    build(emit(Plan()))
    with pytest.raises(BuildError):
        build(Generated("(", bytes(32), 0))
    assert list(tmp_path.iterdir()) == []
    assert os.listdir("/proc/self/fd") == before


@needs_compiler
def test_the_same_rules_give_the_same_bytes(small):
    assert build(emit(small.plan)) == small.payload


def test_a_named_compiler_that_is_missing_is_told(monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler -O2")
    with pytest.raises(BuildImpossible, match=r"named by CC \(no-such-compiler -O2\) is not there"):
        build(emit(Plan()))


def test_a_machine_without_compiler_is_told(monkeypatch, tmp_path):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: None)
    with pytest.raises(BuildImpossible, match="no C compiler on this machine"):
        compiler_command()
    assert "no C compiler" in why_impossible()


def with_a_compiler(monkeypatch):
    monkeypatch.setattr(build_module, "compiler_command", lambda: ["cc"])


def test_missing_headers_are_told(monkeypatch, tmp_path):
    with_a_compiler(monkeypatch)
    monkeypatch.setattr(sysconfig, "get_paths", lambda: {"include": str(tmp_path), "platinclude": str(tmp_path)})
    assert "no Python.h" in why_impossible()


def test_missing_cython_is_told(monkeypatch):
    with_a_compiler(monkeypatch)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "Cython is not installed" in why_impossible() or "Python.h" in why_impossible()


def test_little_memory_is_told(monkeypatch):
    monkeypatch.setattr(build_module, "available_bytes", lambda: 1000 * MIB)
    why = why_impossible()
    assert "only 1000 MiB of memory are available" in why or "Python.h" in why or "compiler" in why


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


MEMINFO = "MemTotal:       4000000 kB\nMemFree:         100000 kB\nMemAvailable:    3000000 kB\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 1 << 62),
        ({"proc/meminfo": MEMINFO}, 3_000_000 * 1024),
        (
            {
                "proc/meminfo": MEMINFO,
                "proc/self/cgroup": "0::/a/b\n",
                "cg/a/b/memory.max": "max\n",
                "cg/a/b/memory.current": "77\n",
                "cg/a/memory.max": "1000\n",
                "cg/a/memory.current": "700\n",
                "cg/a/memory.stat": "anon 600\ninactive_file 50\n",
            },
            350,
        ),
        (
            {
                "proc/self/cgroup": "12:cpu,cpuacct:/x\n5:memory:/seen/outside\n",
                "cg/memory/memory.limit_in_bytes": "5000\n",
                "cg/memory/memory.usage_in_bytes": "4000\n",
                "cg/memory/memory.stat": "inactive_file 1\ntotal_inactive_file 500\n",
            },
            1500,
        ),
        (
            {"proc/self/cgroup": "0::/\n", "cg/memory.max": "1000\n", "cg/memory.current": "1200\n"},
            0,
        ),
    ],
)
def test_available_memory_is_the_least_of_all_limits(tmp_path, files, expected):
    root = tree(tmp_path, files)
    assert available_bytes(root / "proc", root / "cg") == expected
