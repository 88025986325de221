"""How late events are: a fading histogram of the time between an event and its ingestion by CloudWatch.

In: the counts of each page report. Out: quantiles, and the part of the events that is there after a given age. Called
by the reader (to feed it), by the planner of the early pass, and by the status.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

BUCKETS = 24
_HALF_LIFE_S = 300.0
# What is assumed before anything was measured: about exponential with a mean of one second.
_PRIOR = {6: 0.06, 7: 0.06, 8: 0.1, 9: 0.18, 10: 0.24, 11: 0.23, 12: 0.12, 13: 0.01}
_PRIOR_WEIGHT = 20.0


class Lateness:
    """Bucket i holds events less than 2**i ms late, and not less than half of that.

    Within a bucket the part that is still missing is taken to fall exponentially, as it does in practice: an
    interpolation along a straight line puts the tail up to a third too late.
    """

    def __init__(self) -> None:
        self._weights = [_PRIOR.get(i, 0.0) * _PRIOR_WEIGHT for i in range(BUCKETS)]
        self._missing: list[float] | None = None
        self._at: float | None = None
        self.measured = 0

    def add(self, counts: Sequence[int], mono: float) -> None:
        """Counts by bucket, at most 24 of them."""
        if self._at is not None and mono > self._at:
            factor = 0.5 ** ((mono - self._at) / _HALF_LIFE_S)
            self._weights = [weight * factor for weight in self._weights]
        self._at = mono
        self._missing = None
        for index, count in enumerate(counts[:BUCKETS]):
            self._weights[index] += count
            self.measured += count

    def quantile_ms(self, q: float) -> int:
        """The lateness that the part `q` of all events does not exceed."""
        total = sum(self._weights)
        if total <= 0.0:
            return 0
        wanted = max(1.0 - q, 1e-9)
        above = 1.0
        for index, weight in enumerate(self._weights):
            beyond = max(0.0, above - weight / total)
            if weight > 0.0 and beyond <= wanted:
                low, high = _bounds_ms(index)
                floor = max(beyond, _least(weight / total))
                if wanted <= floor:
                    return round(high)
                return round(low + (high - low) * math.log(above / wanted) / math.log(above / floor))
            above = beyond
        return 1 << (BUCKETS - 1)

    def fraction_within(self, age_ms: float) -> float:
        """The part of the events of this age that is there."""
        if age_ms <= 0.0:
            return 0.0
        missing = self._missing
        if missing is None:
            missing = self._missing = self._missing_by_bucket()
        index = int(age_ms).bit_length()
        if index >= BUCKETS:
            return 1.0
        above, beyond = missing[index], missing[index + 1]
        if above <= beyond:
            return 1.0 - above
        low, high = _bounds_ms(index)
        floor = max(beyond, _least(above - beyond))
        return 1.0 - above * math.pow(floor / above, (age_ms - low) / (high - low))

    def _missing_by_bucket(self) -> list[float]:
        """The part that is later than the lower bound of each bucket."""
        total = sum(self._weights) or 1.0
        missing = [1.0]
        for weight in self._weights:
            missing.append(max(0.0, missing[-1] - weight / total))
        return missing

    def visible_s(self, youngest_ms: float, oldest_ms: float) -> float:
        """Seconds' worth of events that is there in a window of these ages: its length times the mean part."""
        length_ms = oldest_ms - youngest_ms
        if length_ms <= 0.0:
            return 0.0
        points = 6
        ages = (youngest_ms + length_ms * (i + 0.5) / points for i in range(points))
        return length_ms / 1000.0 * sum(self.fraction_within(age) for age in ages) / points


def _bounds_ms(index: int) -> tuple[float, float]:
    return (0.0 if index == 0 else 2.0 ** (index - 1)), 2.0**index


def _least(part: float) -> float:
    """What is taken for the part beyond the last bucket that holds anything; the logarithm needs more than nothing."""
    return 0.05 * part
