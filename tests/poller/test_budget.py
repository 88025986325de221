"""The token bucket: where it starts, how it grows and shrinks, what it never does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from falcoeks_fast.poller.budget import Budget
from falcoeks_fast.poller.settings import BudgetSettings


def drive(budget: Budget, begin: float, seconds: float, refuse: int = 0) -> list[float]:
    """Call as often as allowed; every `refuse`-th call is throttled. The times of the calls."""
    now, times = begin, []
    while now < begin + seconds:
        wait = budget.wait_s(now)
        if wait > 0.0:
            now += wait
            continue
        budget.spend(now)
        times.append(now)
        if refuse and len(times) % refuse == 0:
            budget.throttled(now, now + 0.05)
    return times


def test_it_starts_at_two_calls_a_second() -> None:
    budget = Budget(BudgetSettings(ceiling=10.0), 0.0)
    assert budget.rate == 2.0
    assert len(drive(budget, 0.0, 0.9)) <= 3


def test_it_grows_to_the_ceiling_and_no_further() -> None:
    budget = Budget(BudgetSettings(ceiling=10.0), 0.0)
    drive(budget, 0.0, 30.0)
    assert budget.rate == 10.0
    later = drive(budget, 30.0, 10.0)
    assert 90 <= len(later) <= 100


def test_it_does_not_grow_while_idle() -> None:
    budget = Budget(BudgetSettings(ceiling=10.0), 0.0)
    budget.spend(0.0)
    budget.spend(600.0)
    assert budget.rate <= 4.0


def test_a_throttle_shrinks_it_once_for_all_calls_that_were_under_way() -> None:
    budget = Budget(BudgetSettings(ceiling=10.0), 0.0)
    drive(budget, 0.0, 30.0)
    for late in range(5):
        budget.throttled(29.9, 30.0 + late / 100)
    assert budget.rate == 8.0
    assert budget.throttles == 5
    assert budget.wait_s(30.04) > 0.0
    budget.throttled(31.5, 31.6)
    assert 6.3 < budget.rate < 6.5


def test_growth_is_careful_after_the_first_throttle() -> None:
    budget = Budget(BudgetSettings(ceiling=10.0), 0.0)
    drive(budget, 0.0, 30.0)
    budget.throttled(30.0, 30.0)
    drive(budget, 30.0, 1.0)
    assert 8.7 < budget.rate < 9.1
    drive(budget, 31.0, 1.0)
    # Near the rate at which it was throttled it takes its time.
    assert 9.4 < budget.rate < 9.8
    drive(budget, 32.0, 20.0)
    assert budget.rate == 10.0


def test_it_never_falls_below_the_floor() -> None:
    budget = Budget(BudgetSettings(), 0.0)
    drive(budget, 0.0, 300.0, refuse=1)
    assert budget.rate >= 0.2
    assert len(drive(budget, 300.0, 60.0)) > 20


@given(ceiling=st.integers(1, 25), refuse=st.integers(0, 9), pauses=st.lists(st.floats(0.0, 3.0), max_size=8))
def test_no_second_holds_more_calls_than_the_ceiling(ceiling: int, refuse: int, pauses: list[float]) -> None:
    budget = Budget(BudgetSettings(start=1.0, ceiling=float(ceiling)), 0.0)
    times: list[float] = []
    now = 0.0
    for pause in [0.0, *pauses]:
        now += pause
        times += drive(budget, now, 2.0, refuse)
        now += 2.0
    for index, time in enumerate(times):
        assert sum(time <= other < time + 1.0 for other in times[index:]) <= ceiling
