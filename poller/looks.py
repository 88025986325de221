"""How the early pass looks: how often, how far back, in how many calls.

In: the measured lateness, the rate of events, the calls that may be spent. Out: a `LookPlan`. A pure function, called
by the early pass before each look.

Two ways. With calls to spare (*looks*), every period a near look reads from now back to where most events have come,
and now and then a deep look reads again what lies behind it, back to where nearly all have come. When calls are short
(*sweeps*) looking again costs too much: each slice of the log is read once, or a few times, at fixed ages.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .lateness import Lateness

_FILL = 0.88  # how full a page is planned: a walk of two pages takes twice as long
_DEEP_EVERY = 3
_IDLE_PERIOD_S = 0.5
_BUSY_PERIOD_S = 0.2
_IDLE_BELOW_EPS = 1.0
_BUSY_FROM_EPS = 100.0


@dataclass(frozen=True, slots=True)
class LookInput:
    lateness: Lateness
    events_per_s: float
    page_events: float  # events that fit in one page
    calls_per_s: float  # what the early pass of this cluster may spend
    polling_interval_ms: int
    max_overlap_ms: int
    stretch: float = 1.0  # the overlap proved too small: multiply it


@dataclass(frozen=True, slots=True)
class LookPlan:
    """`sweep_ages_ms` is empty for looks. Depths are ages; a deep depth of 0 means no deep looks.

    An event that is late by less than a reach is found: a look goes back by the reach from the look before.
    """

    period_s: float
    near_ms: int = 0
    deep_ms: int = 0
    deep_period_s: float = 0.0
    near_reach_ms: int = 0
    deep_reach_ms: int = 0
    near_pages: float = 0.0  # what there will be to read, in pages as full as they are planned
    deep_pages: float = 0.0
    sweep_ages_ms: tuple[int, ...] = ()
    slice_ms: int = 0


def plan_looks(given: LookInput) -> LookPlan:
    """Looks if they fit into the calls, else sweeps."""
    calls = max(0.05, given.calls_per_s)
    rate = max(0.0, given.events_per_s)
    part_s = _FILL * given.page_events / rate if rate > 0 else math.inf
    longest_s = max(0.1, given.polling_interval_ms / 1000.0)
    shortest_s = min(longest_s, _shortest_period_s(rate))
    near_q, deep_q, far_q = _reach_ms(given)
    # Where little happens, one call holds it all.
    single = given.lateness.visible_s(0, deep_q) <= 0.6 * part_s
    if single:
        near_q = far_q if given.lateness.visible_s(0, far_q) <= 0.6 * part_s else deep_q
    period = shortest_s
    near, deep, near_pages, deep_pages = 0.0, 0.0, 0.0, 0.0
    for _ in range(12):
        near = near_q + 1000.0 * period
        deep = 0.0 if single else deep_q + 1000.0 * period * _DEEP_EVERY
        near_pages = given.lateness.visible_s(0, near) / part_s
        deep_pages = given.lateness.visible_s(near, deep) / part_s
        cost = calls_for(near_pages) + (0 if single else calls_for(deep_pages) / _DEEP_EVERY)
        wanted = max(shortest_s, cost / calls)
        if wanted <= period * 1.02:
            break
        period = wanted
    tight = period * 1000.0 > max(0.8 * near_q, 1.0) and not single
    if tight or (single and calls_for(near_pages) > 1):
        return _sweeps(given, calls, part_s)
    return LookPlan(
        period_s=min(period, longest_s),
        near_ms=round(near),
        deep_ms=round(deep),
        deep_period_s=period * _DEEP_EVERY,
        near_reach_ms=round(near_q),
        deep_reach_ms=0 if single else round(deep_q),
        near_pages=near_pages,
        deep_pages=deep_pages,
    )


def _shortest_period_s(rate: float) -> float:
    """An idle cluster is looked at twice a second at most."""
    if rate < _IDLE_BELOW_EPS:
        return _IDLE_PERIOD_S
    return 0.25 if rate < _BUSY_FROM_EPS else _BUSY_PERIOD_S


def _reach_ms(given: LookInput) -> tuple[float, float, float]:
    """How old the events are of which most, nearly all, and all but a few in a thousand have come."""
    quantile = given.lateness.quantile_ms
    # Where a part of the events is very late, reaching for them would cost more than all others together.
    deep = min(quantile(0.994), 3.0 * quantile(0.9) + 1000.0)
    longest = float(max(1500, given.max_overlap_ms))
    deep = min(max(1500.0, deep * given.stretch), longest)
    near = min(max(300.0, quantile(0.8)), deep)
    far = min(max(deep, 1.2 * quantile(0.9985)), longest)
    return near, deep, far


def calls_for(pages: float) -> int:
    """How many calls side by side. A little too full is better than a call more."""
    return max(1, math.ceil(pages - 0.12))


def _sweeps(given: LookInput, calls: float, part_s: float) -> LookPlan:
    """Each event may be read `times` times: once, or early and again when nearly all have come."""
    times = calls * part_s
    quantile = given.lateness.quantile_ms
    if times < 2.2:
        ages = [quantile(0.98)]
    else:
        ages = [quantile(0.6), quantile(0.993)]
    reach = given.max_overlap_ms
    distinct = sorted({min(max(100, round(age)), reach) for age in ages})
    slice_ms = max(20, round(min(1040.0 * part_s, given.polling_interval_ms)))
    return LookPlan(period_s=slice_ms / 1000.0, sweep_ages_ms=tuple(distinct), slice_ms=slice_ms)
