"""How much there is to read: events a second, events and bytes a page, all measured and fading.

In: finished windows and pages. Out: the numbers by which windows are cut. Called by the reader.
"""

from __future__ import annotations

_HALF_LIFE_S = 5.0
_DEFAULT_PAGE_EVENTS = 500.0


class Rates:
    def __init__(self) -> None:
        self._events = 0.0
        self._seconds = 0.0
        self._at: float | None = None
        self._page_events = 0.0
        self._page_bytes = 0.0

    def window(self, events: int, visible_s: float, mono: float) -> None:
        """A window of the live log: its events, and the seconds' worth of them that should have been there."""
        if self._at is not None:
            factor = 0.5 ** (max(0.0, mono - self._at) / _HALF_LIFE_S)
            self._events *= factor
            self._seconds *= factor
        self._at = mono
        self._events += events
        self._seconds += visible_s

    def page(self, events: int, body_bytes: int, *, continued: bool) -> None:
        """A page; only one that is continued can have been full."""
        if events and continued:
            self._page_events = max(events, 0.97 * self._page_events)
            self._page_bytes = max(body_bytes, 0.97 * self._page_bytes)

    @property
    def events_per_s(self) -> float:
        return self._events / self._seconds if self._seconds > 0.0 else 0.0

    @property
    def page_events(self) -> float:
        """What fits in one page."""
        return self._page_events or _DEFAULT_PAGE_EVENTS

    @property
    def largest_page_bytes(self) -> int:
        return int(max(self._page_bytes, 1 << 20))
