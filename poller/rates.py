"""How much there is to read: events a second, now and a while ago, and how many fit in a page.

In: pages and the part of their window that they cover. Out: the numbers by which windows are cut. Called by the reader.
"""

from __future__ import annotations

_HALF_LIFE_S = 2.5
_DEFAULT_PAGE_EVENTS = 500.0
_HISTORY = 900
# The rate noted at a moment was measured in the seconds before it.
_HISTORY_REACH_S = 9


class Rate:
    """Events a second, fading."""

    def __init__(self) -> None:
        self._events = 0.0
        self._seconds = 0.0
        self._at: float | None = None

    def add(self, events: int, seconds: float, mono: float) -> None:
        """So many events in a part of the log in which `seconds`' worth of them could be seen."""
        if self._at is not None:
            factor = 0.5 ** (max(0.0, mono - self._at) / _HALF_LIFE_S)
            self._events *= factor
            self._seconds *= factor
        self._at = mono
        self._events += events
        self._seconds += seconds

    @property
    def known(self) -> bool:
        return self._seconds > 0.0

    @property
    def events_per_s(self) -> float:
        return self._events / self._seconds if self._seconds > 0.0 else 0.0


class Rates:
    """`live` is measured by the early pass, `backlog` by what is read of the past."""

    def __init__(self) -> None:
        self.live = Rate()
        self.backlog = Rate()
        self._history: dict[int, float] = {}  # by second
        self._page_events = 0.0
        self._page_bytes = 0.0

    def page(self, events: int, body_bytes: int, *, continued: bool) -> None:
        """A page; only one that is continued can have been full."""
        if events and continued:
            self._page_events = max(events, 0.97 * self._page_events)
            self._page_bytes = max(body_bytes, 0.97 * self._page_bytes)

    def note(self, now_ms: int) -> None:
        """Once a second: for the passes that come later."""
        self._history[now_ms // 1000] = self.live.events_per_s
        if len(self._history) > _HISTORY:
            del self._history[next(iter(self._history))]

    def at(self, ms: int) -> float:
        """Events a second at a time of the log, as far as it is known."""
        second = ms // 1000
        noted = [rate for at in range(second, second + _HISTORY_REACH_S) if (rate := self._history.get(at)) is not None]
        if noted:
            return max(noted)
        return self.backlog.events_per_s if self.backlog.known else self.live.events_per_s

    @property
    def page_events(self) -> float:
        """What fits in one page."""
        return self._page_events or _DEFAULT_PAGE_EVENTS

    @property
    def largest_page_bytes(self) -> int:
        return int(max(self._page_bytes, 1 << 20))
