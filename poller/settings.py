"""What the user may choose about polling. The app fills it from `init_config`, `falcoeks:` and the command line.

Out: frozen dataclasses with the defaults of the design. Called by the source and its parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .page import Cluster

EARLY = "early"
RANGE = "range"
STREAM_PREFIX = "kube-apiserver-audit-"


@dataclass(frozen=True, slots=True)
class TrailingPass:
    """A pass that reads every window once, `lag_ms` behind the clock."""

    name: str
    lag_ms: int


@dataclass(frozen=True, slots=True)
class BudgetSettings:
    """Calls a second to one account and region."""

    start: float = 2.0
    ceiling: float = 5.0
    floor: float = 0.2


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Read what happened from `since_ms` to `until_ms` (both inclusive), then end."""

    since_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class PollerSettings:
    """Raises ValueError where a setting can never work."""

    clusters: tuple[Cluster, ...]
    shift_ms: int = 1_000  # a first start reads from now minus this
    polling_interval_ms: int = 5_000  # upper bound of the wait between two looks
    trailing: tuple[TrailingPass, ...] = (TrailingPass("settled", 120_000),)
    budget: BudgetSettings = BudgetSettings()
    max_overlap_ms: int = 10_000  # how far back the early pass may look again
    max_catch_up_ms: int = 24 * 3_600_000
    time_range: TimeRange | None = None
    threads: int = 8
    max_bytes_in_flight: int = 64 << 20
    state_dir: Path | None = None  # None: no checkpoint
    checkpoint_every_s: float = 1.0
    status_every_s: float = 60.0
    stop_within_s: float = 2.0
    stream_prefix: str = STREAM_PREFIX
    connect_timeout_s: float = 3.0
    read_timeout_s: float = 15.0

    def __post_init__(self) -> None:
        if not self.clusters:
            raise ValueError("no cluster is configured: name one in open_params or init_config.clusters")
        if any(not cluster.name for cluster in self.clusters):
            raise ValueError("cluster name can't be empty: name one in open_params or init_config.clusters")
        keys = [(c.name, c.region, c.profile, c.role_arn, c.endpoint_url) for c in self.clusters]
        if len(set(keys)) < len(keys):
            raise ValueError("a cluster is configured twice (same name, region and credentials)")
        lags = [one.lag_ms for one in self.trailing]
        if not lags or lags != sorted(set(lags)) or lags[0] < 5_000:
            raise ValueError(
                "passes: give at least one, each with a greater lag than the one before, the first 5 s or more"
            )
        names = {one.name for one in self.trailing}
        if len(names) < len(lags) or names & {EARLY, RANGE}:
            raise ValueError("passes: names must differ from each other and from 'early' and 'range'")
        if not 0 < self.budget.floor <= self.budget.start or self.budget.ceiling < self.budget.floor:
            raise ValueError("max_calls_per_second must be at least 0.2")
        if self.threads < 1:
            raise ValueError("threads must be at least 1")
        if self.time_range is not None and self.time_range.since_ms > self.time_range.until_ms:
            raise ValueError("--since is later than --until")
