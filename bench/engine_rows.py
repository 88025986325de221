"""The rows of the table that measure the engine within this process.

In: pages, rules. Out: rows, and the samples behind them. Called by `table`.
"""

from __future__ import annotations

from dataclasses import dataclass

from falcoeks_fast.bench.measure import cost_ratio, interleave, speed_ratio
from falcoeks_fast.bench.python_peers import boto3_case, pysimdjson_case
from falcoeks_fast.bench.rows import Measured, ratio_row
from falcoeks_fast.bench.workload import Pages, Rules, floor_case, scan_case

FLOOR_OVER_PYSIMDJSON = 2.5


@dataclass(frozen=True, slots=True)
class EngineRules:
    """The rule sets of the table: the everyday one, the dummy rule on every event, the thousand."""

    everyday: Rules
    every_event: Rules
    thousand: Rules


def speed_rows(pages: Pages, few_pages: Pages, rules: EngineRules, rounds: int) -> Measured:
    """Against the floor and against Python, in one interleaved run. `few_pages` are for the slow Python peers."""
    everyday, every_event = rules.everyday.rule_set(), rules.every_event.rule_set()
    name = rules.everyday.name
    samples = interleave(
        [
            floor_case(pages),
            scan_case("prefilter off", pages, everyday, prefilter=False),
            scan_case("prefilter on", pages, everyday, prefilter=True),
            scan_case("every event alerts", pages, every_event, prefilter=True),
            boto3_case(few_pages),
            pysimdjson_case(few_pages),
        ],
        rounds,
    )
    floor = samples["floor"]
    valid = speed_ratio(floor, samples["pysimdjson, 8 pointers"])
    unit = "x floor"
    boto3 = samples["boto3 + json.loads"]
    note = "" if valid.median >= FLOOR_OVER_PYSIMDJSON else "the floor itself was too slow in this run: not valid"
    return [
        ratio_row("floor", "floor over pysimdjson from Python", "x", valid, FLOOR_OVER_PYSIMDJSON),
        ratio_row(
            "prefilter_off",
            f"{name}, prefilter off",
            unit,
            speed_ratio(samples["prefilter off"], floor),
            1.2,
            note=note,
        ),
        ratio_row(
            "prefilter_on", f"{name}, prefilter on", unit, speed_ratio(samples["prefilter on"], floor), 2.2, note=note
        ),
        ratio_row(
            "boto3",
            "against boto3's parsing and json.loads, no rules there",
            "x",
            speed_ratio(samples["prefilter on"], boto3),
            20,
        ),
        ratio_row(
            "boto3_off",
            "the same, prefilter off",
            "x",
            speed_ratio(samples["prefilter off"], boto3),
            None,
        ),
        ratio_row(
            "every_event",
            "every event alerts",
            unit,
            speed_ratio(samples["every event alerts"], floor),
            0.9,
            note=note,
        ),
    ], {name: sample.events_per_cpu_s for name, sample in samples.items()}


def rule_count_rows(pages: Pages, rules: EngineRules, rounds: int) -> Measured:
    """1,000 rules against the everyday ones; the interpreter against compiled predicates."""
    sets = {
        f"{rules.everyday.count} rules": rules.everyday.rule_set(),
        f"{rules.thousand.count} rules": rules.thousand.rule_set(),
        "interpreter": rules.everyday.rule_set(compiled=False),
    }
    few, many, interpreter = sets
    samples = interleave(
        [
            scan_case(f"{name}, prefilter {'on' if prefilter else 'off'}", pages, rule_set, prefilter=prefilter)
            for prefilter in (True, False)
            for name, rule_set in sets.items()
        ],
        rounds,
    )
    missing = "" if rules.everyday.module is not None else "no compiler here: the interpreter against itself"
    rows = []
    for state in ("on", "off"):
        base = samples[f"{few}, prefilter {state}"]
        ratio = cost_ratio(samples[f"{many}, prefilter {state}"], base)
        unit = "x CPU per event"
        rows.append(
            ratio_row(f"rules_{state}", f"{many} against {few}, prefilter {state}", unit, ratio, 1.15, at_least=False)
        )
        ratio = cost_ratio(samples[f"{interpreter}, prefilter {state}"], base)
        rows.append(
            ratio_row(
                f"interpreter_{state}",
                f"interpreter against compiled, prefilter {state}",
                unit,
                ratio,
                1.15,
                at_least=False,
                note=missing,
            )
        )
    return sorted(rows, key=lambda row: row.key.split("_")[0], reverse=True), {
        name: sample.events_per_cpu_s for name, sample in samples.items()
    }
