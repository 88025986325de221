"""`falcoeks-fast bench` as a user calls it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from falcoeks_fast.bench.mix import Mix

RULES = """\
- rule: reads
  desc: d
  condition: ka.verb in (get, list)
  output: verb=%ka.verb
  priority: NOTICE
  source: k8s_audit
- rule: never
  desc: d
  condition: ka.verb = nothing-is-called-so
  output: verb=%ka.verb
  priority: NOTICE
  source: k8s_audit
"""


def bench(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    command = [sys.executable, "-m", "falcoeks_fast", "bench", "-r", str(rules), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def events(tmp_path: Path) -> Path:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"".join(event + b"\n" for event in Mix(1).events(300)))
    return path


def test_json_counts_what_the_rules_do(tmp_path: Path, events: Path) -> None:
    done = bench(tmp_path, "--events", str(events), "--json", "--rate", "1000")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    reads = sum(json.loads(line)["verb"] in ("get", "list") for line in events.read_bytes().splitlines())
    assert (report["events"], report["rules"], report["alerts"]) == (300, 2, reads)
    assert {cost["name"]: cost["alerts"] for cost in report["rule_costs"]} == {"reads": reads, "never": 0}
    assert report["core_share"] == pytest.approx(1000 * report["ns_per_event"] / 1e9)
    assert len(report["phases"]) == 3
    assert report["peak_rss_bytes"] > 1_000_000


def test_the_table_names_rules_and_parts(tmp_path: Path, events: Path) -> None:
    done = bench(tmp_path, "--events", str(events))
    assert done.returncode == 0, done.stderr
    for text in ("events a second and core", "of a core", "reads", "never", "Where the time goes", "peak memory"):
        assert text in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--events", "missing.jsonl"), "cannot read the events file missing.jsonl"),
        (("--cluster", "prod"), "--cluster and --since belong together"),
        (("--rate", "0"), "--rate must be above 0"),
        (("--events", "x", "--cluster", "c"), "exclude each other"),
        (("-r", "missing.yaml"), "missing.yaml"),
    ],
)
def test_mistakes_are_one_clear_error(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    done = bench(tmp_path, *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
