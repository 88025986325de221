"""Where events come from, whatever it is.

In: nothing. Out: `Input`, which the program starts, watches and stops. Implemented by `cloudwatch_input` and
`line_input`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from falcoeks_fast.poller.status import SourceStatus


class InputError(Exception):
    """The input can never work as it is configured. The message says why and what to do."""


class Input(Protocol):
    """`plugin` and `description` are for the log."""

    plugin: str
    description: str

    def start(self) -> None: ...
    def stop(self) -> None:
        """Stop taking events; returns when no more will be handed on."""

    def join(self, timeout_s: float | None) -> bool:
        """Wait for the end; True if it has ended by itself or was stopped."""

    @property
    def error(self) -> str:
        """Once ended: why it can never work; empty if it just ended."""

    def status(self) -> SourceStatus | None:
        """CloudWatch's status; None for other inputs."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that makes the program not ready."""

    part: str
    problem: str


def input_problems(status: SourceStatus | None, lag_limit_s: float) -> list[Problem]:
    """What keeps a source from being ready: trouble, or being behind by more than the limit."""
    if status is None:
        return []
    problems = []
    if status.waiting_for_lock:
        problems.append(Problem("source", "another instance uses the state directory"))
    for cluster in status.clusters:
        part = f"cluster {cluster.cluster}"
        if cluster.state in ("failed", "retrying") or cluster.trouble:
            problems.append(Problem(part, cluster.trouble or cluster.state))
        elif cluster.lag_ms > lag_limit_s * 1000:
            problems.append(Problem(part, f"behind by {cluster.lag_ms / 1000:.0f} s"))
    return problems
