"""`falcoeks-fast profile` and the sampler: counts exactly, times only as far as they cannot be otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from falcoeks_fast.app.generation import Generation
from falcoeks_fast.app.profile.counts import Counts
from falcoeks_fast.app.profile.sampler import CostSampler
from falcoeks_fast.app.profile.timing import Stopwatch, no_rules, only, without
from falcoeks_fast.app.replay.events import Chunk, Kind, read_events
from falcoeks_fast.bench.mix import Mix
from falcoeks_fast.engine._core import Format, Numbering, Origin, RuleSet, Scanner
from falcoeks_fast.engine.statistics import RuleFacts
from falcoeks_fast.rules import LoadResult, RuleFile, load_rules

from .golden import check_golden
from .tools import ROOT, conformance, event, run_inside, write

PACK = ROOT / "rules" / "packs" / "eks"
Command = Callable[..., "CompletedProcess[str]"]


def rule(name: str, condition: str) -> str:
    return f"- {{rule: {name}, desc: d, condition: '{condition}', output: x, priority: NOTICE, source: k8s_audit}}\n"


RULES = (
    '- {macro: reading, condition: "ka.verb in (get, list)"}\n'
    "- {macro: long_read, condition: reading and ka.uri contains x}\n"
    + rule("Gets", "ka.verb = get")
    + rule("Reads", "reading and ka.user.name exists")
    + rule("All", "ka.stage exists")
    + rule("Late gets", "long_read and ka.verb = get and ka.target.name = x")
    + rule("Deletes", "ka.verb = delete")
    + rule("Body", "ka.verb = get and ka.req.pod.host_network = true")
    + rule("Never", "ka.verb = get and ka.verb = list")
)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    return lambda *arguments: run_inside(monkeypatch, capfd, "profile", *arguments, cwd=tmp_path)


@pytest.fixture
def events(tmp_path: Path) -> str:
    verbs = ["get"] * 6 + ["list"] * 3 + ["watch"]
    return write(tmp_path / "e.jsonl", "".join(json.dumps(event(n, verb)) + "\n" for n, verb in enumerate(verbs)))


def loaded(text: str) -> LoadResult:
    result = load_rules([RuleFile("rules.yaml", text.encode())])
    assert result.successful, result.error_text
    return result


def counted(text: str, events: str, *, match_all: bool) -> tuple[Counts, LoadResult]:
    result = loaded(text)
    counts = Counts(result, match_all=match_all)
    for chunk in read_events([events]):
        counts.add(chunk)
    return counts, result


def by_name(counter: Any, names: list[str]) -> dict[str, int]:
    return {names[number]: count for number, count in sorted(counter.items())}


def test_matches_are_of_each_rule_for_itself(events: str) -> None:
    for match_all in (False, True):
        counts, result = counted(RULES, events, match_all=match_all)
        assert counts.events == 10
        assert by_name(counts.matches, result.order) == {"Gets": 6, "Reads": 9, "All": 10, "Late gets": 6}


def test_alerts_and_shadows_under_first(events: str) -> None:
    counts, result = counted(RULES, events, match_all=False)
    assert by_name(counts.alerts, result.order) == {"Gets": 6, "Reads": 3, "All": 1}
    names = result.order
    shadows = {(names[one], names[other]): count for (one, other), count in counts.shadowed.items()}
    assert shadows == {("Reads", "Gets"): 6, ("All", "Gets"): 6, ("All", "Reads"): 3, ("Late gets", "Gets"): 6}


def test_looked_at_means_the_head_leaves_the_rule_possible(events: str) -> None:
    counts, result = counted(RULES, events, match_all=True)
    looked_at = by_name(counts.looked_at, result.order)
    assert looked_at == {"Gets": 6, "Reads": 9, "All": 10, "Late gets": 6, "Body": 6}, "Never and Deletes on none"
    counts, result = counted(RULES, events, match_all=False)
    assert "Body" not in by_name(counts.looked_at, result.order), "Gets alerts before its turn"


def test_macros_used_by_macros_count(events: str) -> None:
    counts, _ = counted(RULES, events, match_all=True)
    names = [macro.name for macro in counts.macros]
    assert names == ["reading", "long_read"]
    assert by_name(counts.macro_matches, names) == {"reading": 9, "long_read": 9}
    assert by_name(counts.macro_looked_at, names) == {"reading": 9, "long_read": 6}


@pytest.mark.parametrize("seed", [1, 2])
def test_a_rule_never_matches_where_it_is_not_looked_at(seed: int) -> None:
    """The expression for "possible" may say yes too often, never no."""
    files = [RuleFile(path.name, path.read_bytes()) for path in sorted(PACK.glob("*.yaml"))]
    result = load_rules(files)
    counts = Counts(result, match_all=True)
    mix = [Chunk(Kind.LINES, it) for it in Mix(seed).events(1_500)]
    odd = [Chunk(Kind.LINES, line) for line in (conformance() / "events.jsonl").read_bytes().splitlines()]
    for chunk in mix + odd:
        before, possible = counts.matches.copy(), counts.looked_at.copy()
        counts.add(chunk)
        matched = {number for number in counts.matches if counts.matches[number] > before[number]}
        looked = {number for number in counts.looked_at if counts.looked_at[number] > possible[number]}
        assert matched <= looked


def test_parts_of_a_plan_say_the_same_as_the_whole(events: str) -> None:
    plan = loaded(RULES).plan
    assert plan is not None
    data = Path(events).read_bytes()

    def fired(part: Any) -> dict[str, int]:
        rules = RuleSet(part.wire(), part.predicate_digest(), Format(), match_all=True)
        counts = Scanner(rules, Numbering()).scan_lines(data, Origin(), last=True).rule_counts
        return {part.rules[index].name.decode(): count for index, count in counts}

    whole = fired(plan)
    for number, it in enumerate(plan.rules):
        name = it.name.decode()
        assert fired(only(plan, number)) == {key: count for key, count in whole.items() if key == name}
        assert fired(without(plan, number)) == {key: count for key, count in whole.items() if key != name}
    assert fired(no_rules(plan)) == {}


def test_a_stopwatch_counts_what_its_clock_says(events: str) -> None:
    """Each reading of this clock is one later: a run lasts one tick, spread over ten events."""
    plan = loaded(RULES).plan
    assert plan is not None
    ticks = iter(range(1_000_000))
    watch = Stopwatch([Chunk(Kind.LINES, Path(events).read_bytes())], lambda: next(ticks))
    rules = RuleSet(plan.wire(), plan.predicate_digest(), Format())
    scanner = Scanner(rules, Numbering())
    assert [cost.ns for cost in watch.costs([scanner, scanner], 3)] == [0.1, 0.1]
    assert watch.difference(scanner, scanner, 5).ns == 0


def test_counts_on_small_rules(command: Command, events: str, tmp_path: Path) -> None:
    rules = write(tmp_path / "rules.yaml", RULES)
    outcome = command("-r", rules, events, "--timed-events", "0")
    assert outcome.returncode == 0, outcome.stderr
    check_golden("profile_small.txt", outcome.stdout)


def test_the_community_rules(command: Command) -> None:
    rules, events = conformance() / "k8s_audit_rules.yaml", conformance() / "events.jsonl"
    outcome = command("-r", str(rules), str(events), "--timed-events", "0", "--by", "matches", "--top", "15")
    assert outcome.returncode == 0, outcome.stderr
    check_golden("profile_community.txt", outcome.stdout)


def test_the_shipped_rules(command: Command) -> None:
    events = conformance() / "events.jsonl"
    outcome = command("-r", str(PACK), str(events), "--timed-events", "0")
    assert outcome.returncode == 0, outcome.stderr
    check_golden("profile_pack.txt", outcome.stdout)


def test_with_times(command: Command, events: str, tmp_path: Path) -> None:
    rules = write(tmp_path / "rules.yaml", RULES)
    outcome = command("-r", rules, events, "--json", "--rounds", "1")
    assert outcome.returncode == 0, outcome.stderr
    found = json.loads(outcome.stdout)
    assert (found["events"], found["timed_events"], found["rule_matching"]) == (10, 10, "first")
    assert found["event_ns"] > 0
    assert found["parsing_ns"] > 0
    assert {len(row) for row in found["rules"]} == {10}
    assert [row["name"] for row in found["rules"] if row["impossible"]] == ["Never"]
    for row in found["rules"]:
        assert row["alerts"] <= row["matches"]
        assert row["matches"] - row["alerts"] == sum(it["events"] for it in row["shadowed_by"])


def test_mistakes(command: Command, tmp_path: Path) -> None:
    rules = write(tmp_path / "rules.yaml", RULES)
    assert "cannot be read" in command("-r", rules, "none.jsonl").stderr
    bad = write(tmp_path / "bad.yaml", rule("R", "ka.vreb = x"))
    outcome = command("-r", bad, "none.jsonl")
    assert (outcome.returncode, "ka.vreb" in outcome.stderr) == (2, True)
    assert command("-r", rules, "none.jsonl", "--rounds", "0").returncode == 2


def generation(text: str) -> Generation:
    plan = loaded(text).plan
    assert plan is not None
    rules = RuleSet(plan.wire(), plan.predicate_digest(), Format())
    facts = tuple(RuleFacts(it.name.decode(), it.priority) for it in plan.rules)
    return Generation(rules, plan, facts)


class Clocks:
    """The process has used `cpu_s`; measuring takes a tenth of a second for each look at the clock."""

    def __init__(self) -> None:
        self.cpu_s = 0.0
        self.own_s = 0.0

    def own(self) -> float:
        self.own_s += 0.1
        return self.own_s


def test_the_sampler_measures_all_rules_in_turn_and_keeps_to_its_budget(events: str) -> None:
    clocks = Clocks()
    current = [generation(RULES)]
    sampler = CostSampler(lambda: current[0], Format, cpu_s=lambda: clocks.cpu_s, own_cpu_s=clocks.own)
    chunk = Chunk(Kind.LINES, Path(events).read_bytes())
    assert not sampler.step(), "no sample yet"
    sampler.offer(chunk.kind, chunk.data)
    assert sampler.step()
    assert not sampler.step(), "the budget is used up"
    clocks.cpu_s = 1e9
    while len(sampler.costs()) < 7:
        sampler.offer(chunk.kind, chunk.data)
        assert sampler.step()
    costs = {cost.rule: cost for cost in sampler.costs()}
    assert (costs["Gets"].events, costs["Gets"].matches) == (10, 6)
    assert all(cost.ns >= 0 for cost in costs.values())
    assert sampler.spent_s > 0
    current[0] = generation(rule("Other", "ka.verb = get"))
    sampler.offer(chunk.kind, chunk.data)
    sampler.step()
    assert [cost.rule for cost in sampler.costs()] == ["Other"], "costs of rules that are gone go, too"


def test_the_sampler_takes_anything() -> None:
    sampler = CostSampler(lambda: generation(RULES), Format, cpu_s=lambda: 1.0, own_cpu_s=lambda: 0.0)
    sampler._began_s = -1e9
    for chunk in (Chunk(Kind.PAGE, b"no page"), Chunk(Kind.LINES, b""), Chunk(Kind.PAYLOAD, b"\xff")):
        sampler.offer(chunk.kind, chunk.data)
        sampler.step()
    assert sampler.costs() == []
