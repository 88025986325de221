"""One output: a bounded queue, a thread that empties it in order, and a sink.

In: parcels from the dispatcher. Out: deliveries, repeated with a growing pause while the sink says `Undelivered`.
Called by `dispatcher`. What goes wrong is said once in the log, and once more when it is over.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from .parcel import Parcel
from .settings import QueueSettings
from .sink import Sink, Undelivered

STUCK_TEXT = (
    '"%s" output timeout, the output is blocked: one delivery takes longer than %g ms. Others go on; '
    "look at its receiver"
)
_FIRST_DELAY_S = 0.25
_log = logging.getLogger("falcoeks_fast.outputs")

Done = Callable[[bool], None]
"""Told once whether the output has accepted a parcel: delivered it, or recorded that the receiver refuses it."""


@dataclass(frozen=True, slots=True)
class ChannelState:
    """Counters since the start, in alerts, and what is wrong now (empty: nothing). `trouble_s`: since when, in s.

    `spooled`: on disk now; `damaged`: records on disk that were found incomplete.
    """

    name: str
    queued: int
    queued_bytes: int
    delivered: int
    retried: int
    refused: int
    dropped: int
    trouble: str
    trouble_s: float
    spooled: int = 0
    spooled_bytes: int = 0
    damaged: int = 0


@dataclass(slots=True)
class _Job:
    parcel: Parcel
    done: Done


class Channel:
    """Thread-safe. `promised`: a full queue refuses instead of dropping, and nothing is given up while running."""

    def __init__(self, name: str, sink: Sink, settings: QueueSettings, *, promised: bool) -> None:
        self.name = name
        self.promised = promised
        self._sink = sink
        self._settings = settings
        self._jobs: deque[_Job] = deque()
        self._lock = threading.Condition()
        self._abort = threading.Event()
        self._reopen = threading.Event()
        self._stopping = False
        self._alerts = 0
        self._bytes = 0
        self._delivered = self._retried = self._refused = self._dropped = 0
        self._trouble = ""
        self._trouble_since = 0.0
        self._said: set[str] = set()
        self._drop_said = False
        self._busy_since = 0.0
        self._stuck_said = False
        self._thread = threading.Thread(target=self._run, name=f"output-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def offer(self, parcel: Parcel, done: Done, *, wait: bool) -> bool:
        """Queue a parcel; False if there is no room. A promised channel then calls nothing; another counts a drop.

        `wait`: where the source can stand still, wait while the output gets on; a promised one is waited for anyway.
        """
        with self._lock:
            while not self._stopping and not self._has_room(parcel):
                if not wait or (not self.promised and self._is_stuck(time.monotonic())):
                    break
                self._lock.wait(0.1)
            if self._stopping or not self._has_room(parcel):
                if not self.promised:
                    self._drop(parcel.count)
                return False
            self._jobs.append(_Job(parcel, done))
            self._alerts += parcel.count
            self._bytes += len(parcel.text)
            self._lock.notify_all()
        return True

    def _has_room(self, parcel: Parcel) -> bool:
        if not self._jobs:
            return True  # one parcel is always taken, however large
        capacity = self._settings.capacity
        if capacity and self._alerts + parcel.count > capacity:
            return False
        return self._bytes + len(parcel.text) <= self._settings.max_bytes

    def _is_stuck(self, now: float) -> bool:
        started = self._trouble_since if self._trouble else self._busy_since
        return started > 0 and now - started > self._settings.output_timeout_s

    def _drop(self, count: int) -> None:
        self._dropped += count
        if not self._drop_said:
            self._drop_said = True
            _log.error(
                "%s: Outputs queue out of memory. Drop event and continue on. The output takes alerts more slowly than "
                "they come; dropped alerts are counted. Look at the receiver, or raise outputs_queue.capacity and "
                "falcoeks.outputs.queue_bytes",
                self.name,
            )

    def request_reopen(self) -> None:
        """Have the sink close and open anew before its next delivery."""
        self._reopen.set()
        with self._lock:
            self._lock.notify_all()

    def check(self) -> None:
        """Say once if a single delivery takes longer than output_timeout. Called now and then by the dispatcher."""
        with self._lock:
            since = self._busy_since
            stuck = since > 0 and not self._trouble and time.monotonic() - since > self._settings.output_timeout_s
            if not stuck or self._stuck_said:
                return
            self._stuck_said = True
        _log.critical(STUCK_TEXT, self.name, self._settings.output_timeout_s * 1000)

    def state(self) -> ChannelState:
        with self._lock:
            now = time.monotonic()
            trouble, since = self._trouble, self._trouble_since
            if not trouble and self._is_stuck(now):
                trouble, since = "one delivery takes longer than output_timeout", self._busy_since
            return ChannelState(
                name=self.name,
                queued=self._alerts,
                queued_bytes=self._bytes,
                delivered=self._delivered,
                retried=self._retried,
                refused=self._refused,
                dropped=self._dropped,
                trouble=trouble,
                trouble_s=now - since if trouble else 0.0,
            )

    def begin_stop(self) -> None:
        """Take no more; what is queued is still delivered."""
        with self._lock:
            self._stopping = True
            self._lock.notify_all()

    def progress(self) -> int:
        """A number that changes whenever the output gets on."""
        with self._lock:
            return self._delivered + self._refused + self._dropped

    @property
    def idle(self) -> bool:
        """After `begin_stop`: everything was delivered and the thread has ended."""
        return not self._thread.is_alive()

    def give_up(self) -> int:
        """After `begin_stop`: end now; how many alerts were still queued. Their parcels are not accepted."""
        if not self._thread.is_alive():
            return 0
        self._abort.set()
        with self._lock:
            self._lock.notify_all()
        self._thread.join(0.5)
        with self._lock:
            left = self._alerts
            jobs, self._jobs = list(self._jobs), deque()
            self._alerts = self._bytes = 0
            self._dropped += left
        for job in jobs:
            job.done(False)
        return left

    def _run(self) -> None:
        try:
            while (job := self._next()) is not None:
                self._work(job)
        finally:
            self._sink.close()

    def _next(self) -> _Job | None:
        with self._lock:
            while not self._jobs:
                if self._stopping:
                    return None
                if self._reopen.is_set():
                    break
                self._lock.wait()
            if self._abort.is_set():
                return None
            job = self._jobs[0] if self._jobs else None
        if self._reopen.is_set():
            self._reopen.clear()
            self._sink.reopen()
        return job if job is not None else self._next()

    def _work(self, job: _Job) -> None:
        """Deliver the first job of the queue; it leaves the queue when that is decided."""
        start = 0
        attempts = 0
        delay_s = _FIRST_DELAY_S
        while True:
            self._set_busy(time.monotonic())
            try:
                refused = self._sink.deliver(job.parcel, start, self._abort)
            except Undelivered as trouble:
                self._set_busy(0.0)
                attempts = 1 if trouble.done else attempts + 1
                start += trouble.done
                self._count(job, trouble.done, 0)
                if self._abort.is_set():
                    return
                drops = self._drops(trouble, attempts)
                self._report(trouble, drops)
                if drops:
                    lost = job.parcel.count - start if trouble.nobody_there else 1
                    start += lost
                    attempts = 0
                    self._give_up_some(job, lost)
                    if start >= job.parcel.count:
                        break
                    continue
                self._retried += 1
                delay_s = _FIRST_DELAY_S if trouble.done else delay_s
                if not self._pause(max(delay_s, trouble.retry_after_s)):
                    return
                delay_s = min(delay_s * 2, self._settings.retry_delay_max_s)
            else:
                self._set_busy(0.0)
                self._count(job, job.parcel.count - start, refused)
                self._recovered()
                break
        with self._lock:
            if self._jobs and self._jobs[0] is job:
                self._jobs.popleft()
                self._bytes -= len(job.parcel.text)
                self._lock.notify_all()
            else:
                return  # given up by `finish_stop` meanwhile
        job.done(True)

    def _drops(self, trouble: Undelivered, attempts: int) -> bool:
        """Whether to give up the alert; where nobody is there, all of the parcel."""
        limit = self._sink.max_attempts
        if limit and (attempts >= limit or not trouble.timed_out):
            return True
        return trouble.nobody_there and not self.promised

    def _pause(self, seconds: float) -> bool:
        """False if the channel has to give up. A request to reopen ends the pause."""
        deadline = time.monotonic() + seconds
        with self._lock:
            while (left := deadline - time.monotonic()) > 0 and not self._reopen.is_set():
                if self._abort.is_set():
                    return False
                self._lock.wait(left)
        if self._reopen.is_set():
            self._reopen.clear()
            self._sink.reopen()
        return not self._abort.is_set()

    def _set_busy(self, since: float) -> None:
        with self._lock:
            self._busy_since = since
            if since == 0.0:
                self._stuck_said = False

    def _count(self, job: _Job, handled: int, refused: int) -> None:
        with self._lock:
            if self._jobs and self._jobs[0] is job:
                self._alerts -= handled
                self._delivered += handled - refused
                self._refused += refused

    def _give_up_some(self, job: _Job, count: int) -> None:
        with self._lock:
            if self._jobs and self._jobs[0] is job:
                self._alerts -= count
                self._dropped += count

    def _report(self, trouble: Undelivered, drops: bool) -> None:
        lost = drops and trouble.nobody_there
        text = f"{trouble.reason}; until that changes alerts are dropped, and counted" if lost else trouble.reason
        with self._lock:
            if not self._trouble:
                self._trouble_since = time.monotonic()
            self._trouble = trouble.reason
            if text in self._said or len(self._said) >= 8:
                return
            self._said.add(text)
        level = logging.WARNING if lost else logging.ERROR
        _log.log(level, "%s: %s. What to do: %s", self.name, text, trouble.advice)

    def _recovered(self) -> None:
        with self._lock:
            if not self._trouble:
                return
            lasted_s = time.monotonic() - self._trouble_since
            self._trouble = ""
            self._trouble_since = 0.0
            self._said.clear()
            self._drop_said = False
            dropped = self._dropped
        _log.warning("%s: works again after %.1f s; dropped since the start: %d", self.name, lasted_s, dropped)
