"""When the program started and last took over a configuration, for metrics."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Moments:
    """Nanoseconds since the epoch; `monotonic_s` is the start on the monotonic clock."""

    started_ns: int = field(default_factory=time.time_ns)
    reloaded_ns: int = field(default_factory=time.time_ns)
    monotonic_s: float = field(default_factory=time.monotonic)
    reloads: int = 0
    failed_reloads: int = 0
