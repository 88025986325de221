"""What the poller knows about itself: counters that only grow, and a snapshot for the status line and the metrics.

In: what the reader counts. Out: `ClusterStatus`, `SourceStatus`. Called by the reader (to count) and by the app.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Counters:
    """Of one cluster since the start. Bytes are those of response bodies."""

    calls: int = 0
    throttles: int = 0
    failures: dict[str, int] = field(default_factory=dict)  # by kind, throttles left out
    pages: int = 0
    empty_pages: int = 0
    bytes: int = 0
    bytes_by_pass: dict[str, int] = field(default_factory=dict)
    messages: int = 0  # log events fetched, repeats included
    fresh: int = 0
    repeated: int = 0
    late: int = 0  # first seen by a trailing pass, although the early pass had read their time
    truncated: int = 0
    malformed: int = 0
    alerts: int = 0
    windows_done: int = 0
    windows_read_again: int = 0
    skipped_ms: int = 0  # of the log, never read: older than max_catch_up


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """`state` is `starting`, `reading`, `catching up`, `retrying`, `failed` or `done`; `trouble` says why."""

    cluster: str
    region: str
    account: str
    state: str
    trouble: str
    counters: Counters
    lag_ms: int  # how far behind the clock the early pass is complete
    backlog_ms: int  # of the log, to be read when calls are left over
    cursors_ms: dict[str, int]  # by pass: everything up to here was read and accepted
    windows_open: int
    lateness_ms: dict[str, int]  # p50, p90, p99, p999 of ingestion minus event time
    overlap_ms: int  # how far back the early pass looks
    events_per_s: float
    clock_skew_ms: int  # this machine minus AWS; 0 where unknown

    @property
    def line(self) -> str:
        """One line for the log."""
        c = self.counters
        parts = [
            f"{self.cluster}: {self.state}",
            f"lag {self.lag_ms / 1000:.1f} s",
            f"{c.fresh} events ({self.events_per_s:.0f}/s)",
            f"{c.alerts} alerts",
            f"repeated {c.repeated}",
            f"late {c.late}",
            f"cut {c.truncated}",
            f"malformed {c.malformed}",
            f"lateness p50 {self.lateness_ms['p50']} ms p99 {self.lateness_ms['p99']} ms",
            f"windows open {self.windows_open}",
            f"calls {c.calls} (throttled {c.throttles}, failed {sum(c.failures.values())})",
            f"{c.bytes / 1e6:.1f} MB",
        ]
        if self.backlog_ms:
            parts.append(f"backlog {self.backlog_ms / 1000:.0f} s")
        if c.skipped_ms:
            parts.append(f"skipped {c.skipped_ms / 1000:.0f} s")
        if self.trouble:
            parts.append(self.trouble)
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class BudgetStatus:
    """One account and region."""

    name: str
    calls_per_s: float
    ceiling: float
    calls: int
    throttles: int


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """`waiting_for_lock`: another instance holds the state directory."""

    clusters: tuple[ClusterStatus, ...]
    budgets: tuple[BudgetStatus, ...]
    bytes_in_flight: int
    waiting_for_lock: bool
    checkpoint_saved_ms: int  # 0: never
