"""How often an account may be called: a token bucket whose rate looks for the quota that nobody knows.

In: calls made, calls throttled, the clock. Out: how long to wait before the next call. One for each account and region,
shared by its clusters; called by the dispatcher, under its lock.
"""

from __future__ import annotations

import math
from collections import deque

from .settings import BudgetSettings

# Growth in calls/s for each second of use: fast until the first throttle, afterwards back to where that was, and
# careful from there on.
_GROWTH_FIRST = 2.0
_GROWTH_BACK = 1.0
_GROWTH_BEYOND = 0.25
_SHRINK = 0.8
# Calls sent before a shrink say nothing about the new rate.
_SHRINK_PAUSE_S = 1.0
# No more calls than the ceiling in any second; the surplus covers the jitter of the network.
_WINDOW_S = 1.06


class Budget:
    """Additive growth, multiplicative shrink, under a ceiling."""

    def __init__(self, settings: BudgetSettings, mono: float) -> None:
        self._settings = settings
        self.rate = min(settings.start, settings.ceiling)
        self._tokens = 1.0
        self._filled_at = mono
        self._grown_at = mono
        self._blocked_until = mono
        self._shrunk_at = float("-inf")
        self._throttled_rate = math.inf
        self._recent: deque[float] = deque()
        self.calls = 0
        self.throttles = 0

    def wait_s(self, mono: float) -> float:
        """Seconds until a call may be made; 0 for now."""
        self._fill(mono)
        wait = max(0.0, self._blocked_until - mono, (1.0 - self._tokens) / self.rate)
        limit = max(1, int(self._settings.ceiling))
        while self._recent and self._recent[0] <= mono - _WINDOW_S:
            self._recent.popleft()
        if len(self._recent) >= limit:
            wait = max(wait, self._recent[-limit] + _WINDOW_S - mono)
        return wait if wait > 1e-9 else 0.0

    def spend(self, mono: float) -> None:
        """A call is made now."""
        self._fill(mono)
        self._tokens -= 1.0
        self._recent.append(mono)
        self.calls += 1
        slope = _GROWTH_FIRST
        if self.throttles:
            slope = _GROWTH_BACK if self.rate < 0.95 * self._throttled_rate else _GROWTH_BEYOND
        self.rate = min(self._settings.ceiling, self.rate + slope * min(1.0, max(0.0, mono - self._grown_at)))
        self._grown_at = mono

    def throttled(self, sent_mono: float, mono: float) -> None:
        """A call sent at `sent_mono` was refused."""
        self.throttles += 1
        self._grown_at = mono
        if sent_mono < self._shrunk_at + min(_SHRINK_PAUSE_S, mono - sent_mono):
            return
        self._shrunk_at = mono
        self._throttled_rate = self.rate
        self.rate = max(self._settings.floor, self.rate * _SHRINK)
        self._tokens = min(self._tokens, 0.0)
        self._blocked_until = max(self._blocked_until, mono + 0.1)

    def _fill(self, mono: float) -> None:
        elapsed = max(0.0, mono - self._filled_at)
        self._filled_at = mono
        # A small bucket: what was not used is lost, so that calls never come in bursts.
        self._tokens = min(max(1.0, 0.3 * self.rate), self._tokens + elapsed * self.rate)
