"""FilterLogEvents with a price, a quota and faults.

In: the parameters of a call and the time. Out: an `Answer`: status, body, and how long AWS would have taken. Called by
the HTTP server and by the fetcher of the simulation.
"""

from __future__ import annotations

import json
import random
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from .store import PAGE_EVENTS, LogEvent, LogStore


@dataclass(slots=True)
class Faults:
    """Each a probability for one call; `denied`, `missing` and `expired` are switches."""

    throttle: float = 0.0
    server_error: float = 0.0
    reset: float = 0.0
    empty_page: float = 0.0
    partial_page: float = 0.0
    bad_token: float = 0.0
    denied: bool = False
    missing: bool = False
    expired: bool = False
    down: bool = False  # every call is a 500


@dataclass(slots=True)
class Served:
    """What it did. `events` counts deliveries, repeats included."""

    calls: int = 0
    throttled: int = 0
    errors: int = 0
    bytes: int = 0
    events: int = 0
    throttle_times_ms: list[int] = field(default_factory=list)
    windows: list[tuple[int, int]] = field(default_factory=list)  # start and end of each first page


@dataclass(frozen=True, slots=True)
class Answer:
    """`reset_after`: the connection breaks after so many bytes of the body."""

    status: int
    body: bytes
    latency_s: float
    reset_after: int | None = None


class Quota:
    """So many calls in any second, shared by all groups of an account."""

    def __init__(self, calls_per_s: float) -> None:
        self.calls_per_s = calls_per_s
        self._recent: deque[int] = deque()
        self._lock = threading.Lock()

    def admits(self, now_ms: int) -> bool:
        with self._lock:
            while self._recent and self._recent[0] <= now_ms - 1000:
                self._recent.popleft()
            if len(self._recent) >= self.calls_per_s:
                return False
            self._recent.append(now_ms)
            return True


class FakeCloudWatch:
    """The log groups of one account and region. Thread-safe."""

    def __init__(
        self,
        *,
        quota: Quota | None = None,
        faults: Faults | None = None,
        call_s: float = 0.04,
        s_per_mb: float = 0.2,
        seed: int = 1,
    ) -> None:
        self.groups: dict[str, LogStore] = {}
        self.quota = quota
        self.faults = faults if faults is not None else Faults()
        self.served = Served()
        self._call_s = call_s
        self._s_per_mb = s_per_mb
        self._rng = random.Random(seed)
        self._lock = threading.Lock()

    def filter_log_events(self, parameters: dict[str, Any], now_ms: int) -> Answer:
        with self._lock:
            self.served.calls += 1
            roll = {name: self._rng.random() for name in ("throttle", "error", "reset", "empty", "partial", "token")}
            part = self._rng.random()
        faults = self.faults
        if roll["throttle"] < faults.throttle or (self.quota is not None and not self.quota.admits(now_ms)):
            with self._lock:
                self.served.throttled += 1
                self.served.throttle_times_ms.append(now_ms)
            return self._error(400, "ThrottlingException", "Rate exceeded")
        refused = self._refusal(parameters, roll["error"])
        if refused is not None:
            with self._lock:
                self.served.errors += 1
            return refused
        token = parameters.get("nextToken")
        after = None
        if token is not None:
            if roll["token"] < faults.bad_token or not str(token).startswith("t/"):
                return self._error(400, "InvalidParameterException", "The specified nextToken is invalid.")
            first, second, third = str(token)[2:].split("/")
            after = (int(first), int(second), int(third))
        else:
            with self._lock:
                self.served.windows.append((parameters["startTime"], parameters["endTime"]))
        return self._page(parameters, now_ms, after, roll, part)

    def _page(
        self,
        parameters: dict[str, Any],
        now_ms: int,
        after: tuple[int, int, int] | None,
        roll: dict[str, float],
        part: float,
    ) -> Answer:
        store = self.groups[parameters["logGroupName"]]
        start, end = int(parameters.get("startTime", 0)), int(parameters.get("endTime", 1 << 62))
        most = int(parameters.get("limit", PAGE_EVENTS))
        events: list[LogEvent] = []
        following: tuple[int, int, int] | None
        if roll["empty"] < self.faults.empty_page:
            following = after if after is not None else (start - 1, 0, 0)
        else:
            prefix = str(parameters.get("logStreamNamePrefix", ""))
            events, following = store.page(start, end, prefix, now_ms, after, most_events=most)
            if events and roll["partial"] < self.faults.partial_page:
                events = events[: max(1, round(part * len(events)))]
                last = events[-1]
                following = (last.timestamp_ms, last.ingestion_ms, last.serial)
        token = None if following is None else "t/" + "/".join(map(str, following))
        if token is not None and token == parameters.get("nextToken"):
            token = f"t/0{token[2:]}"  # another text for the same position
        body = store.render(events, token)
        latency = self._call_s + self._s_per_mb * len(body) / 1e6
        cut = round(part * (len(body) - 1)) if roll["reset"] < self.faults.reset else None
        with self._lock:
            self.served.bytes += len(body)
            self.served.events += len(events)
        return Answer(200, body, latency, cut)

    def _refusal(self, parameters: dict[str, Any], roll: float) -> Answer | None:
        faults = self.faults
        if faults.down or roll < faults.server_error:
            return self._error(500, "InternalFailure", "An internal error occurred.")
        if faults.expired:
            return self._error(400, "ExpiredTokenException", "The security token included in the request is expired")
        group = str(parameters.get("logGroupName", ""))
        if faults.denied:
            who = "arn:aws:sts::123456789012:assumed-role/falco/falco"
            what = f"User: {who} is not authorized to perform: logs:FilterLogEvents on resource: {group}"
            return self._error(400, "AccessDeniedException", what)
        if faults.missing or group not in self.groups:
            return self._error(400, "ResourceNotFoundException", "The specified log group does not exist.")
        return None

    def _error(self, status: int, code: str, message: str) -> Answer:
        return Answer(status, json.dumps({"__type": code, "message": message}).encode(), self._call_s)
