"""The fading histogram of lateness, and the looks that are planned by it."""

from __future__ import annotations

import math
import random

import pytest

from falcoeks_fast.poller.lateness import Lateness
from falcoeks_fast.poller.looks import LookInput, LookPlan, plan_looks


def counts(values_ms: list[float]) -> list[int]:
    buckets = [0] * 24
    for value in values_ms:
        buckets[min(23, int(value).bit_length())] += 1
    return buckets


def exponential(mean_ms: float, number: int = 50_000) -> Lateness:
    rng = random.Random(2)
    lateness = Lateness()
    lateness.add(counts([rng.expovariate(1.0 / mean_ms) for _ in range(number)]), 0.0)
    return lateness


@pytest.mark.parametrize("mean_ms", [100.0, 500.0, 3_000.0])
def test_quantiles_of_an_exponential_distribution(mean_ms: float) -> None:
    lateness = exponential(mean_ms)
    for q in (0.5, 0.9, 0.99, 0.999):
        assert lateness.quantile_ms(q) == pytest.approx(-mean_ms * math.log(1.0 - q), rel=0.2)
        assert lateness.fraction_within(lateness.quantile_ms(q)) == pytest.approx(q, abs=0.01)


def test_something_is_assumed_before_anything_is_measured() -> None:
    lateness = Lateness()
    assert 300 < lateness.quantile_ms(0.5) < 1_500
    assert lateness.measured == 0


def test_the_past_fades() -> None:
    lateness = exponential(500.0)
    lateness.add(counts([10_000.0] * 5_000), 3_600.0)
    assert 8_192 <= lateness.quantile_ms(0.5) <= 16_384


def test_fractions_only_grow() -> None:
    lateness = exponential(700.0)
    fractions = [lateness.fraction_within(age) for age in range(0, 20_000, 37)]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0.0
    assert 0.999 < fractions[-1] <= 1.0
    assert lateness.visible_s(0, 10_000) < 10.0


def plan(events_per_s: float, calls_per_s: float, mean_ms: float = 500.0, **more: int) -> LookPlan:
    chosen = {"polling_interval_ms": 5_000, "max_overlap_ms": 10_000, **more}
    return plan_looks(LookInput(exponential(mean_ms), events_per_s, 640.0, calls_per_s, **chosen))


def test_an_idle_cluster_is_looked_at_twice_a_second_at_most() -> None:
    idle = plan(0.0, 10.0)
    assert idle.period_s == 0.5
    assert not idle.sweep_ages_ms


def test_the_polling_interval_is_an_upper_bound_of_the_wait() -> None:
    assert plan(50.0, 0.05).period_s == 5.0
    assert plan(50.0, 0.05, polling_interval_ms=1_000).period_s == 1.0
    assert plan(0.0, 5.0, polling_interval_ms=60_000).period_s == 0.5


def test_a_quiet_cluster_needs_one_call_for_all_that_may_still_come() -> None:
    quiet = plan(20.0, 5.0)
    assert quiet.deep_ms == 0
    assert quiet.near_reach_ms > 2_500


def test_a_busy_cluster_looks_near_often_and_deep_now_and_then() -> None:
    busy = plan(500.0, 8.5)
    assert busy.period_s < 0.3
    assert busy.near_ms < 1_500 < busy.deep_ms
    assert busy.deep_period_s > 2 * busy.period_s
    calls = 1.0 / busy.period_s + 2.0 / busy.deep_period_s
    assert calls < 10.0


def test_overlap_follows_the_lateness() -> None:
    reaches = [plan(500.0, 8.0, mean).deep_reach_ms for mean in (300.0, 500.0, 900.0)]
    assert reaches == sorted(set(reaches))


def test_short_of_calls_each_event_is_read_once_when_nearly_all_have_come() -> None:
    tight = plan(5_000.0, 9.6)
    assert len(tight.sweep_ages_ms) == 1
    assert 1_500 < tight.sweep_ages_ms[0] < 2_300
    # A slice holds about a page.
    assert 0.8 < tight.slice_ms / 1000.0 * 5_000 / 640.0 <= 1.0


def test_with_some_to_spare_each_event_is_read_twice() -> None:
    assert len(plan(2_000.0, 9.6).sweep_ages_ms) == 2


def test_the_overlap_is_limited_where_some_events_are_very_late() -> None:
    rng = random.Random(3)
    lateness = Lateness()
    late = [rng.uniform(5_000, 60_000) if rng.random() < 0.03 else rng.expovariate(0.002) for _ in range(50_000)]
    lateness.add(counts(late), 0.0)
    found = plan_looks(LookInput(lateness, 500.0, 640.0, 8.5, 5_000, 10_000))
    assert found.deep_reach_ms < 6_000
