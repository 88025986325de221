"""What of the log was read, and what is still open.

In: windows before their first call goes out, and their end. Out: cursors that only finished windows can move. Called by
the reader, one `Ledger` for each pass of a cluster; the checkpoint stores it.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Event times from `start_ms` to `end_ms`, both inclusive (as the times of FilterLogEvents are)."""

    start_ms: int
    end_ms: int

    @property
    def length_ms(self) -> int:
        return self.end_ms - self.start_ms + 1


def coalesced(spans: list[Span]) -> list[Span]:
    """The same times in as few spans as possible, in order."""
    result: list[Span] = []
    for span in sorted(spans):
        if result and span.start_ms <= result[-1].end_ms + 1:
            result[-1] = Span(result[-1].start_ms, max(result[-1].end_ms, span.end_ms))
        else:
            result.append(span)
    return result


def split(span: Span, parts: int) -> list[Span]:
    """`span` in at most `parts` equal pieces, newest first."""
    parts = max(1, min(parts, span.length_ms))
    edges = [span.start_ms + span.length_ms * i // parts for i in range(parts + 1)]
    return [Span(edges[i], edges[i + 1] - 1) for i in reversed(range(parts))]


@dataclass(slots=True)
class Window:
    """A span that is being read. Done when its walk reached the last page and all pages were accepted.

    `generation` grows when it is read again from its start; what still arrives for an older one does not count.
    """

    serial: int
    pass_name: str
    span: Span
    visible_s: float = 0.0  # seconds' worth of events that should be there
    youngest_s: float = 0.0  # age of its end when it was opened
    backlog: bool = False
    edge: bool = False  # the oldest part of a look
    generation: int = 0
    walk_ended: bool = False
    pending: int = 0  # pages evaluated or being evaluated, not accepted yet
    unevaluated: int = 0
    failures: int = 0
    measured_until_ms: int = -1  # how far its pages came, by event time

    @property
    def done(self) -> bool:
        return self.walk_ended and self.pending == 0

    def restart(self) -> None:
        """Read it again: forget how far it came."""
        self.generation += 1
        self.walk_ended = False
        self.pending = self.unevaluated = 0


@dataclass(slots=True)
class Ledger:
    """One pass over one log group. Everything up to `frontier_ms` is done, open, or in the backlog."""

    name: str
    frontier_ms: int
    open: dict[int, Window] = field(default_factory=dict)
    backlog: list[Span] = field(default_factory=list)  # coalesced, in order

    def register(self, window: Window) -> None:
        """Must come before the window's first call goes out."""
        self.open[window.serial] = window
        self.frontier_ms = max(self.frontier_ms, window.span.end_ms)

    def close(self, window: Window) -> None:
        if not window.done:
            raise AssertionError("a window was closed that is not done")
        del self.open[window.serial]

    def defer(self, span: Span) -> None:
        """Put a span into the backlog: to be read when calls are left over. Moves the frontier, and leaves no gap."""
        if span.length_ms > 0:
            span = Span(min(span.start_ms, self.frontier_ms + 1), span.end_ms)
            self.backlog = coalesced([*self.backlog, span])
            self.frontier_ms = max(self.frontier_ms, span.end_ms)

    def carve(self, width_ms: int, *, newest_first: bool) -> Span | None:
        """Take a piece of at most `width_ms` out of the backlog; the caller registers it at once."""
        if not self.backlog:
            return None
        index = -1 if newest_first else 0
        span = self.backlog.pop(index)
        if span.length_ms <= width_ms * 5 // 4:
            return span
        if newest_first:
            cut = span.end_ms - width_ms + 1
            self.backlog.append(Span(span.start_ms, cut - 1))
            return Span(cut, span.end_ms)
        cut = span.start_ms + width_ms - 1
        self.backlog.insert(0, Span(cut + 1, span.end_ms))
        return Span(span.start_ms, cut)

    def drop_backlog_before(self, ms: int) -> int:
        """Take everything older than `ms` out of the backlog; how many ms of the log that was."""
        kept, dropped = [], 0
        for span in self.backlog:
            if span.start_ms >= ms:
                kept.append(span)
                continue
            dropped += min(span.end_ms, ms - 1) - span.start_ms + 1
            if span.end_ms >= ms:
                kept.append(Span(ms, span.end_ms))
        self.backlog = kept
        return dropped

    @property
    def cursor_ms(self) -> int:
        """Everything up to here was read by this pass and accepted."""
        starts = [window.span.start_ms for window in self.open.values()]
        starts.extend(span.start_ms for span in self.backlog[:1])
        return min([self.frontier_ms, *(start - 1 for start in starts)])

    @property
    def backlog_ms(self) -> int:
        return sum(span.length_ms for span in self.backlog)

    def todo(self) -> list[Span]:
        """Spans that are not done, up to the frontier."""
        return coalesced([*(window.span for window in self.open.values()), *self.backlog])
