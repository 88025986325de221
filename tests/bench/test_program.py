"""The program watched from outside."""

from pathlib import Path

import pytest

from falcoeks_fast.bench.mix import Mix
from falcoeks_fast.bench.program import ProgramError, Sample, Watched, environment, first_line, watch
from falcoeks_fast.bench.program_rows import growth_bytes

RULE = """\
- rule: anything
  desc: d
  condition: ka.verb exists
  output: verb=%ka.verb
  priority: NOTICE
  source: k8s_audit
"""


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    events, rules = tmp_path / "events.jsonl", tmp_path / "rules.yaml"
    events.write_bytes(b"".join(event + b"\n" for event in Mix(1).events(200)))
    rules.write_text(RULE)
    return ["run", "--events", str(events), "-r", str(rules), "-o", "falcoeks.compile=off"]


def test_a_run_is_watched_to_its_end(arguments: list[str], tmp_path: Path) -> None:
    watched = watch(arguments, tmp_path)
    assert watched.cpu_s > 0
    assert watched.peak_rss_bytes >= max(sample.rss_bytes for sample in watched.samples) > 1_000_000
    assert "Loading rules" in watched.log


def test_the_first_line_ends_the_clock(arguments: list[str], tmp_path: Path) -> None:
    seconds, cpu_s = first_line(arguments, tmp_path)
    assert seconds > 0
    assert cpu_s > 0


def test_a_program_that_fails_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match="exit code 1"):
        watch(["run", "--events", str(tmp_path / "nothing"), "-r", str(tmp_path / "no-rules.yaml")], tmp_path)


def test_the_child_gets_none_of_our_aws_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert "AWS_SECRET_ACCESS_KEY" not in environment(tmp_path)
    assert environment(tmp_path, {"AWS_REGION": "x"})["AWS_REGION"] == "x"


def test_growth_is_counted_from_the_first_file_on() -> None:
    sizes = [(10, 0), (30, 1), (40, 1), (41, 2), (45, 3), (44, 3)]
    watched = Watched(samples=[Sample(size, files) for size, files in sizes])
    assert growth_bytes(watched) == 5
    assert growth_bytes(Watched(samples=[Sample(10, 1)])) is None
