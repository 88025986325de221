"""Spans, windows and the cursor that only finished windows move."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcoeks_fast.poller.windows import Ledger, Span, Window, coalesced, split

spans = st.builds(lambda a, n: Span(a, a + n), st.integers(0, 500), st.integers(0, 60))


def times(some: list[Span]) -> set[int]:
    return {ms for span in some for ms in range(span.start_ms, span.end_ms + 1)}


@given(st.lists(spans, max_size=12))
def test_coalescing_keeps_the_times(some: list[Span]) -> None:
    result = coalesced(some)
    assert times(result) == times(some)
    assert all(a.end_ms + 1 < b.start_ms for a, b in itertools.pairwise(result))


@given(spans, st.integers(1, 9))
def test_splitting_keeps_the_times_newest_first(span: Span, parts: int) -> None:
    result = split(span, parts)
    assert sum(one.length_ms for one in result) == span.length_ms
    assert times(result) == times([span])
    assert result == sorted(result, reverse=True)


def window(serial: int, start_ms: int, end_ms: int) -> Window:
    return Window(serial, "settled", Span(start_ms, end_ms))


def finish(ledger: Ledger, one: Window) -> None:
    one.walk_ended = True
    ledger.close(one)


def test_only_the_oldest_finished_window_moves_the_cursor() -> None:
    ledger = Ledger("settled", 99)
    first, second, third = window(1, 100, 199), window(2, 200, 299), window(3, 300, 399)
    for one in (first, second, third):
        ledger.register(one)
    assert ledger.cursor_ms == 99
    finish(ledger, third)
    finish(ledger, second)
    assert ledger.cursor_ms == 99
    assert ledger.todo() == [Span(100, 199)]
    finish(ledger, first)
    assert ledger.cursor_ms == 399


def test_a_window_is_done_when_its_walk_ended_and_every_page_was_accepted() -> None:
    ledger = Ledger("settled", 0)
    one = window(1, 1, 10)
    ledger.register(one)
    one.pending = 2
    one.walk_ended = True
    with pytest.raises(AssertionError):
        ledger.close(one)
    one.pending = 0
    one.walk_ended = False
    with pytest.raises(AssertionError):
        ledger.close(one)
    finish(ledger, one)
    assert ledger.cursor_ms == 10


def test_a_restarted_window_forgets_its_pages() -> None:
    one = window(1, 1, 10)
    one.pending, one.walk_ended = 3, True
    one.restart()
    assert (one.pending, one.walk_ended, one.generation) == (0, False, 1)


def test_deferring_leaves_no_gap_behind_the_frontier() -> None:
    ledger = Ledger("settled", 99)
    ledger.defer(Span(500, 599))
    assert ledger.todo() == [Span(100, 599)]
    assert ledger.cursor_ms == 99
    assert ledger.frontier_ms == 599


@given(st.lists(spans, min_size=1, max_size=6), st.integers(1, 70), st.booleans())
def test_carving_takes_everything_exactly_once(some: list[Span], width: int, newest_first: bool) -> None:
    ledger = Ledger("settled", 1_000)
    for span in some:
        ledger.defer(span)
    taken = []
    while (span := ledger.carve(width, newest_first=newest_first)) is not None:
        assert span.length_ms <= width * 5 // 4
        taken.append(span)
    assert sum(span.length_ms for span in taken) == len(times(some))
    assert times(taken) == times(some)
    assert taken == sorted(taken, reverse=newest_first)


@given(st.lists(spans, max_size=6), st.integers(0, 600))
def test_dropping_the_old_counts_what_it_drops(some: list[Span], before_ms: int) -> None:
    ledger = Ledger("settled", 1_000)
    for span in some:
        ledger.defer(span)
    dropped = ledger.drop_backlog_before(before_ms)
    assert dropped == sum(ms < before_ms for ms in times(some))
    assert times(ledger.backlog) == {ms for ms in times(some) if ms >= before_ms}
