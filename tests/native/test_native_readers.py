"""The native readers and the formatter, compiled on their own: unit tests, Falco's own answers, and cut events."""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
import shutil
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from falcoeks_fast.rules.fields import Fields

from .plans import every_field, field_plan

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CONFORMANCE = ROOT.parent / "shared" / "conformance"

Run = Callable[..., bytes]


def _simdjson() -> Path | None:
    places = [sysconfig.get_paths()["purelib"], sysconfig.get_paths()["platlib"]]
    spec = importlib.util.find_spec("simdjson")
    if spec is not None and spec.origin is not None:
        places += [str(Path(spec.origin).parent), str(Path(spec.origin).parent.parent)]
    for place in places:
        if (Path(place) / "simdjson" / "simdjson.cpp").exists():
            return Path(place) / "simdjson"
    return None


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Compiles a program of this folder at its first use and runs it; gives what it prints."""
    compiler, simdjson = shutil.which(os.environ.get("CXX", "g++")), _simdjson()
    if compiler is None:
        pytest.skip("no C++ compiler: set CXX or install g++")
    if simdjson is None:
        pytest.skip("no simdjson.cpp: install pysimdjson")
    out = tmp_path_factory.mktemp("native")
    flags = ["-std=c++20", "-Wall", "-Wextra", "-Werror", "-pthread", f"-I{ROOT / 'engine' / 'native'}", f"-I{HERE}"]
    flags += ["-isystem", str(simdjson)]
    if os.environ.get("SANITIZE") == "1":
        flags += ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]

    def compiled(target: Path, *arguments: str) -> None:
        done = subprocess.run([compiler, *flags, *arguments, "-o", str(target)], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()

    library = out / "simdjson.o"

    def run(name: str, *arguments: str, zone: str = "UTC") -> bytes:
        if not library.exists():
            compiled(library, "-O0", "-c", str(simdjson / "simdjson.cpp"))
        if not (out / name).exists():
            compiled(out / name, "-O1", str(HERE / f"{name}.cpp"), str(library))
        environment = {**os.environ, "TZ": zone}
        done = subprocess.run([out / name, *arguments], capture_output=True, env=environment, check=False)
        assert done.returncode == 0, done.stderr.decode("utf-8", "replace")[:4000]
        return done.stdout

    return run


def _conformance(name: str) -> Path:
    path = CONFORMANCE / name
    if not path.exists():
        pytest.skip(f"no {path}: Falco's answers are not part of the repository")
    return path


@pytest.mark.parametrize("name", ["test_readers", "test_formats", "test_seen"])
def test_units(program: Run, name: str) -> None:
    program(name)


def test_local_times_across_a_change_of_the_clock(program: Run) -> None:
    if not Path("/usr/share/zoneinfo/Europe/Rome").exists():
        pytest.skip("no time zones on this machine: install tzdata")
    program("test_formats", "rome", zone="Europe/Rome")


def test_every_field_is_what_falco_says(program: Run, tmp_path: Path) -> None:
    rules = yaml.safe_load(_conformance("fields.yaml").read_text())
    names = [rule["output"].removeprefix("n=%evt.num v=%").removesuffix(" end") for rule in rules]
    plan = tmp_path / "plan"
    plan.write_bytes(field_plan([(r["rule"], n) for r, n in zip(rules, names, strict=True)], Fields()).wire())
    printed = program("check_fields", "alerts", str(plan), str(_conformance("events.jsonl")))
    alerts = {}
    for line in printed.splitlines():
        alert = json.loads(line)
        alerts[alert["rule"], alert["output_fields"]["evt.num"]] = alert
    compared = 0
    with gzip.open(_conformance("fields.expected.jsonl.gz")) as expected:
        for line in expected:
            wanted = json.loads(line)
            alert = alerts[wanted["rule"], wanted["evt.num"]]
            for key in ("output", "output_fields", "time"):
                assert alert[key] == wanted[key], (wanted["rule"], wanted["evt.num"])
            compared += 1
    assert compared > 20_000


@pytest.mark.parametrize("fixes", [[], ["all"]], ids=["falco", "fixed"])
def test_a_cut_event_never_says_what_the_whole_one_does_not(program: Run, tmp_path: Path, fixes: list[str]) -> None:
    fields = Fields(fixes)
    plan = tmp_path / "plan"
    plan.write_bytes(field_plan([(name, name) for name in every_field(fields)], fields).wire())
    printed = program("check_fields", "cuts", str(plan), str(_conformance("events.jsonl")), "29")
    known, unknown = map(int, printed.split()[:2])
    assert known > 10_000
    assert unknown > 10_000


def test_damaged_events_do_no_harm(program: Run, tmp_path: Path) -> None:
    fields = Fields()
    plan = tmp_path / "plan"
    plan.write_bytes(field_plan([(name, name) for name in every_field(fields)], fields).wire())
    printed = program("check_fields", "damage", str(plan), str(_conformance("events.jsonl")), "20")
    assert int(printed.split()[0]) > 500
