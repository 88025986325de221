"""Times on the command line: `90m ago`, `90m`, `2026-01-31T12:00Z`, or seconds since the epoch."""

from __future__ import annotations

import datetime
import time

from falcoeks_fast.config.duration import parse_duration_ms
from falcoeks_fast.poller.settings import TimeRange

from .options import OptionError


def parse_moment_ms(text: str, now_ms: int, option: str) -> int:
    """Milliseconds since the epoch. A time without a zone is UTC. Raises OptionError."""
    words = text.strip().removesuffix("ago").strip()
    duration_ms = parse_duration_ms(words)
    if duration_ms > 0:
        return now_ms - duration_ms
    if words.isascii() and words.isdigit():
        return int(words) * 1000
    if words == "now":
        return now_ms
    try:
        moment = datetime.datetime.fromisoformat(words)
    except ValueError as error:
        raise OptionError(f"--{option} must be a time such as '90m ago' or 2026-01-31T12:00Z, not '{text}'") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return int(moment.timestamp() * 1000)


def time_range(since: str, until: str) -> TimeRange | None:
    """The stretch from `since` to `until`, by default now; None without `since`. Raises OptionError."""
    if not since:
        if until:
            raise OptionError("--until needs --since")
        return None
    now_ms = time.time_ns() // 1_000_000
    since_ms = parse_moment_ms(since, now_ms, "since")
    until_ms = parse_moment_ms(until or "now", now_ms, "until")
    if since_ms > until_ms:
        raise OptionError("--since is later than --until")
    return TimeRange(since_ms, until_ms)
