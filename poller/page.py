"""What the poller hands on, and what it expects back. The app connects it with the engine.

In: nothing. Out: the types between a source and whoever evaluates its pages. Called by every module of this room and
by the app, which implements `PageSink`.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Cluster:
    """One EKS cluster whose audit log is read. Frozen, used as a key."""

    name: str
    region: str
    account: str = ""
    profile: str | None = None
    role_arn: str | None = None
    external_id: str | None = None
    endpoint_url: str | None = None

    @property
    def log_group(self) -> str:
        return f"/aws/eks/{self.name}/cluster"


Body = bytes | memoryview
"""A JSON document as AWS sent it (UTF-8)."""


@dataclass(frozen=True, slots=True)
class Page:
    """One response of FilterLogEvents, its body untouched.

    `body` may stand in memory that is used again: it is valid until the page was evaluated.
    `fetched_at_ms` is the clock when its last byte arrived.
    """

    cluster: Cluster
    body: Body
    pass_name: str
    window_start_ms: int
    window_end_ms: int
    fetched_at_ms: int


@dataclass(frozen=True, slots=True)
class PageReport:
    """What became of a page. `accepted` is done when every output that promises delivery has accepted its alerts.

    It carries an exception if they did not; then the sink has already forgotten the page's event ids, and the window
    must be read again.
    """

    accepted: Future[None]
    messages: int = 0
    fresh: int = 0
    repeated: int = 0
    truncated: int = 0
    malformed: int = 0
    alerts: int = 0
    newest_ms: int = -1
    oldest_fresh_ms: int = -1
    lateness_ms: tuple[int, ...] = ()  # see Batch.lateness_ms
    alert_ids: tuple[tuple[str, int], ...] = field(default=())  # (alert id, event time in ms), for the checkpoint


class OpenPage(Protocol):
    """A page whose outline is known, for the thread that opened it."""

    @property
    def next_token(self) -> str | None:
        """The page's `nextToken`."""

    def evaluate(self) -> PageReport:
        """Evaluate and hand the alerts to the outputs, in the order of the events. Called once, or never."""


class PageSink(Protocol):
    """Evaluates pages. Thread-safe."""

    def open(self, page: Page) -> OpenPage:
        """Take a page apart, without a look at its messages. Raises ValueError if its body is no page."""

    def restore(self, cluster: Cluster, alert_ids: list[tuple[str, int]]) -> None:
        """Alerts that were delivered before a restart: do not deliver them again."""

    def expire(self, cluster: Cluster, before_ms: int) -> None:
        """No event older than this will be read again: forget its id."""


class Clock(Protocol):
    """Time and waiting, injected so that tests can run an hour in a second."""

    def now_ms(self) -> int:
        """Wall clock, ms since the epoch."""

    def monotonic(self) -> float:
        """Seconds, never going back."""

    def wait(self, seconds: float) -> bool:
        """Sleep, or return True at once when a stop was asked for."""
