"""Measuring: nothing is left out, nothing is counted twice, ratios are of the same round."""

import pytest

from falcoeks_fast.bench.measure import PIECES, Case, Ratio, Samples, cost_ratio, interleave, speed_ratio


@pytest.mark.parametrize("count", [1, PIECES - 1, PIECES, 5 * PIECES + 3])
def test_the_pieces_of_a_case_are_all_its_items_once(count: int) -> None:
    seen: list[int] = []

    def work(items: list[int]) -> int:
        seen.extend(items)
        return len(items)

    case = Case.over("all", list(range(count)), work)  # type: ignore[arg-type]
    assert sum(case.work(piece) for piece in range(case.pieces)) == count
    assert seen == list(range(count))


def test_every_case_runs_in_every_round() -> None:
    calls = {"few": 0, "many": 0}

    def counting(name: str, events: int) -> Case:
        def work(_: int) -> int:
            calls[name] += 1
            return events

        return Case(name, 2, work)

    samples = interleave([counting("few", 5), counting("many", 50)], rounds=3)
    assert calls == {"few": 2 * 4, "many": 2 * 4}  # three rounds and one to warm up
    assert samples["few"].events == 10
    assert samples["many"].events == 100
    assert len(samples["few"].cpu_s) == 3


def test_a_case_that_handles_other_events_each_time_is_refused() -> None:
    numbers = iter(range(1, 100))
    with pytest.raises(RuntimeError, match="unsteady handled 2 events, 1 the time before"):
        interleave([Case("unsteady", 1, lambda _: next(numbers))], rounds=1)


def test_ratios_compare_within_a_round() -> None:
    fast = Samples(events=100, cpu_s=[1.0, 10.0, 1.0])
    slow = Samples(events=50, cpu_s=[1.0, 10.0, 2.0])
    assert speed_ratio(fast, slow) == Ratio(2.0, 2.0, 4.0)
    assert cost_ratio(slow, fast) == Ratio(2.0, 2.0, 4.0)
    assert fast.events_per_cpu_s == 100.0
    assert fast.ns_per_event == 1e7
