"""An output that promises delivery: alerts wait in memory for a moment, then on disk for as long as it takes.

In: parcels from the dispatcher. Out: deliveries in order, one alert at a time. Called by `dispatcher` in the place of a
`Channel`. Two threads: one delivers; the other one writes alerts to the spool that could not be delivered at once, and
with that they are accepted. What the spool holds comes before what is in memory, also after a restart.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass, field

from .channel import STUCK_TEXT, ChannelState, Done
from .parcel import Alert, ListParcel, Parcel
from .settings import QueueSettings
from .sink import Sink, Undelivered
from .spool import Spool, SpoolBusyError, Written
from .trouble import Trouble

_GRACE_S = 0.5
"""So long an alert may wait in memory before it goes to the disk."""
_FIRST_DELAY_S = 0.25
_DISK_RETRY_S = 1.0
_LOCK_RETRY_S = 0.1
_BATCH_BYTES = 1 << 20
_LAST_WRITE_S = 2.0
_log = logging.getLogger("falcoeks_fast.outputs")


@dataclass(slots=True)
class _Job:
    """A parcel. `left`: alerts that are neither delivered nor safe on disk."""

    done: Done
    left: int


@dataclass(slots=True, eq=False)
class _Entry:
    alert: Alert
    job: _Job
    since: float
    delivered: bool = False
    sequence: int | None = None


@dataclass(slots=True)
class _Counts:
    delivered: int = 0
    retried: int = 0
    refused: int = 0
    dropped: int = 0


@dataclass(slots=True)
class _Memory:
    """Alerts not yet on disk, in order."""

    entries: deque[_Entry] = field(default_factory=deque)
    bytes: int = 0


class SpoolChannel:
    """Thread-safe. Has the methods of `Channel`."""

    promised = True

    def __init__(self, name: str, sink: Sink, settings: QueueSettings, spool: Spool) -> None:
        self.name = name
        self._sink = sink
        self._settings = settings
        self._spool = spool
        self._lock = threading.Condition()
        self._memory = _Memory()
        self._counts = _Counts()
        self._receiver = Trouble(name)
        self._disk = Trouble(f"{name}: spool {spool.directory}")
        self._abort = threading.Event()
        self._reopen = threading.Event()
        self._stopping = self._finishing = False
        self._opening = True
        self._busy_since = self._stuck_said = 0.0
        self._disk_pause_until = 0.0
        self._dropped_said = 0
        self._deliverer = threading.Thread(target=self._deliver_all, name=f"output-{name}", daemon=True)
        self._writer = threading.Thread(target=self._write_all, name=f"spool-{name}", daemon=True)

    def start(self) -> None:
        self._writer.start()
        self._deliverer.start()

    # Taking alerts

    def offer(self, parcel: Parcel, done: Done, *, wait: bool) -> bool:
        """Take a parcel; False if memory is full and the disk cannot take it. `wait`: until there is room."""
        alerts = list(parcel.alerts())
        size = len(parcel.text)
        deadline = time.monotonic() + self._settings.output_timeout_s
        with self._lock:
            while not self._stopping and not self._has_room(len(alerts), size):
                if not wait and (self._disk.is_on or time.monotonic() >= deadline):
                    break
                self._lock.notify_all()
                self._lock.wait(0.1)
            if self._stopping or not self._has_room(len(alerts), size):
                return False
            alerts = [alert for alert in alerts if not self._spool.knows(alert.id)]
            job = _Job(done, len(alerts))
            now = time.monotonic()
            self._memory.entries.extend(_Entry(alert, job, now) for alert in alerts)
            self._memory.bytes += sum(len(alert.body) for alert in alerts)
            self._lock.notify_all()
        if not alerts:
            done(True)
        return True

    def _has_room(self, count: int, size: int) -> bool:
        held = self._memory
        if not held.entries:
            return True  # one parcel is always taken, however large
        if self._settings.capacity and len(held.entries) + count > self._settings.capacity:
            return False
        return held.bytes + size <= self._settings.max_bytes

    def request_reopen(self) -> None:
        """Have the sink close and open anew before its next delivery."""
        self._reopen.set()
        with self._lock:
            self._lock.notify_all()

    def check(self) -> None:
        """Say once if a single delivery takes longer than output_timeout. Called now and then by the dispatcher."""
        with self._lock:
            since = self._busy_since
            stuck = since > 0 and not self._receiver.is_on and self._lasts_s(since) > self._settings.output_timeout_s
            if stuck and self._stuck_said != since:
                self._stuck_said = since
                _log.critical(STUCK_TEXT, self.name, self._settings.output_timeout_s * 1000)

    @staticmethod
    def _lasts_s(since: float) -> float:
        return time.monotonic() - since if since else 0.0

    def news(self) -> list[str]:
        """What alerts of our own should say: that alerts were dropped since the last time."""
        with self._lock:
            dropped = sum(self._spool.counts.dropped.values()) + self._counts.dropped
            new = dropped - self._dropped_said
            self._dropped_said = dropped
        if new <= 0:
            return []
        text = (
            f"Spool of output {self.name} is full: {new} alerts were dropped, the least severe and oldest first; "
            f"{dropped} since the start"
        )
        _log.error("%s. Look at the receiver, or raise falcoeks.outputs.spool_bytes", text)
        return [text]

    def state(self) -> ChannelState:
        with self._lock:
            trouble, lasts_s = self._receiver.state()
            if not trouble and self._memory.entries:
                trouble, lasts_s = self._disk.state()
            busy_s = self._lasts_s(self._busy_since)
            if not trouble and busy_s > self._settings.output_timeout_s:
                trouble, lasts_s = "one delivery takes longer than output_timeout", busy_s
            counts = self._counts
            return ChannelState(
                name=self.name,
                queued=len(self._memory.entries),
                queued_bytes=self._memory.bytes,
                delivered=counts.delivered,
                retried=counts.retried,
                refused=counts.refused,
                dropped=counts.dropped + sum(self._spool.counts.dropped.values()),
                trouble=trouble,
                trouble_s=lasts_s,
                spooled=self._spool.count,
                spooled_bytes=self._spool.bytes,
                damaged=self._spool.counts.damaged,
            )

    # The end

    def begin_stop(self) -> None:
        """Take no more; what is there is still delivered."""
        with self._lock:
            self._stopping = True
            self._lock.notify_all()

    def progress(self) -> int:
        """A number that changes whenever the output gets on."""
        with self._lock:
            return self._counts.delivered + self._counts.refused

    @property
    def idle(self) -> bool:
        """After `begin_stop`: everything was delivered."""
        with self._lock:
            return not self._memory.entries and not self._spool.count

    def give_up(self) -> int:
        """After `begin_stop`: end now. What is not delivered goes to the disk; how many alerts could not."""
        with self._lock:
            self._finishing = True
            self._abort.set()
            self._lock.notify_all()
        self._writer.join(_LAST_WRITE_S)
        self._deliverer.join(_LAST_WRITE_S)
        with self._lock:
            given_up = list(self._memory.entries)
            self._memory = _Memory()
            self._counts.dropped += len(given_up)
            kept = self._spool.count
            self._spool.close()
        if kept:
            _log.info("%s: %d alerts stay in the spool %s until the next start", self.name, kept, self._spool.directory)
        for job in {id(entry.job): entry.job for entry in given_up}.values():
            job.done(False)
        return len(given_up)

    # The thread that writes to the disk

    def _write_all(self) -> None:
        self._open()
        while True:
            with self._lock:
                while not self._is_due():
                    if self._finishing and (not self._memory.entries or self._disk.is_on):
                        return
                    self._lock.wait(self._until_due())
                batch = self._batch()
            if not self._spool.is_open:
                self._open_again()
                continue
            written = self._spool.write([entry.alert for entry in batch])
            with self._lock:
                self._spool.publish()
                finished = self._settle(batch, written)
                self._lock.notify_all()
            for job in finished:
                job.done(True)
            self._say_disk(written.error)

    def _must_spool(self) -> bool:
        """The receiver does not take alerts now, or there are older ones to come first."""
        return self._receiver.is_on or self._spool.count > 0

    def _is_due(self) -> bool:
        entries = self._memory.entries
        if not entries or time.monotonic() < self._disk_pause_until:
            return False
        if self._finishing or self._must_spool() or self._memory.bytes * 2 > self._settings.max_bytes:
            return True
        return time.monotonic() - entries[0].since >= _GRACE_S

    def _until_due(self) -> float | None:
        """Seconds; None: until somebody has news."""
        now = time.monotonic()
        if not self._memory.entries:
            return None
        return max(self._memory.entries[0].since + _GRACE_S - now, self._disk_pause_until - now, 0.01)

    def _batch(self) -> list[_Entry]:
        batch: list[_Entry] = []
        size = 0
        for entry in self._memory.entries:
            if size >= _BATCH_BYTES:
                break
            batch.append(entry)
            size += len(entry.alert.body)
        return batch

    def _settle(self, batch: list[_Entry], written: Written) -> list[_Job]:
        """Take what is safe out of memory; the jobs that are accepted with that."""
        finished = []
        for entry, sequence in zip(batch, written.sequences, strict=False):
            if entry.delivered:  # while it was written
                self._spool.done(sequence)
                continue
            entry.sequence = sequence
            self._memory.entries.popleft()
            self._memory.bytes -= len(entry.alert.body)
            entry.job.left -= 1
            if entry.job.left == 0:
                finished.append(entry.job)
        return finished

    def _say_disk(self, error: OSError | None) -> None:
        with self._lock:
            if error is None:
                self._disk.over("alerts are put there again")
                return
            self._disk_pause_until = time.monotonic() + _DISK_RETRY_S
            self._disk.say(
                f"alerts cannot be put on disk: {error.strerror}",
                "free space on its disk; until then alerts wait in memory, and what has no room there is read again",
            )

    def _open(self) -> None:
        """Wait for whoever uses the spool now; go on without it if it cannot be used."""
        waited = False
        while not self._finishing:
            try:
                self._spool.open()
                break
            except SpoolBusyError:
                if not waited:
                    _log.info("%s: waiting for the spool %s, which is in use", self.name, self._spool.directory)
                waited = True
                self._abort.wait(_LOCK_RETRY_S)
            except OSError as error:
                self._say_disk(error)
                break
        with self._lock:
            self._opening = False
            finished = self._without_known()
            self._lock.notify_all()
        for job in finished:
            job.done(True)
        if self._spool.is_open:
            self._say_found()

    def _without_known(self) -> list[_Job]:
        """Leave out what came before the spool was open and is in it; the jobs that are accepted with that."""
        entries, self._memory = self._memory.entries, _Memory()
        finished = []
        for entry in entries:
            if not self._spool.knows(entry.alert.id):
                self._memory.entries.append(entry)
                self._memory.bytes += len(entry.alert.body)
                continue
            entry.job.left -= 1
            if entry.job.left == 0:
                finished.append(entry.job)
        return finished

    def _open_again(self) -> None:
        try:
            self._spool.open()
        except SpoolBusyError:
            self._say_disk(OSError(0, "another process uses the directory"))
        except OSError as error:
            self._say_disk(error)
        else:
            self._say_found()

    def _say_found(self) -> None:
        count, damaged = self._spool.count, self._spool.counts.damaged
        if count:
            _log.info("%s: %d alerts of before are in the spool %s", self.name, count, self._spool.directory)
        if damaged:
            _log.warning(
                "%s: %d records in the spool %s were incomplete or damaged and are cut off",
                self.name,
                damaged,
                self._spool.directory,
            )

    # The thread that delivers

    def _deliver_all(self) -> None:
        delay_s = _FIRST_DELAY_S
        try:
            while (taken := self._next()) is not None:
                entry, alert, sequence = taken
                self._set_busy(time.monotonic())
                try:
                    refused = self._sink.deliver(ListParcel([alert]), 0, self._abort)
                except Undelivered as trouble:
                    self._set_busy(0.0)
                    if self._abort.is_set():
                        return
                    with self._lock:
                        self._counts.retried += 1
                        self._receiver.say(trouble.reason, trouble.advice)
                        self._lock.notify_all()
                    self._pause(max(delay_s, trouble.retry_after_s))
                    delay_s = min(delay_s * 2, self._settings.retry_delay_max_s)
                    continue
                delay_s = _FIRST_DELAY_S
                self._set_busy(0.0)
                self._delivered(entry, sequence, refused)
        finally:
            self._sink.close()

    def _next(self) -> tuple[_Entry | None, Alert, int] | None:
        """What to deliver now: from the spool, else from memory (with its entry). None: the end."""
        while True:
            with self._lock:
                if self._reopen.is_set():
                    break
                if self._abort.is_set():
                    return None
                if not self._opening:
                    head = self._spooled()
                    if head is not None:
                        return head
                    if self._memory.entries:
                        entry = self._memory.entries[0]
                        return entry, entry.alert, 0
                self._lock.wait(None if self._memory.entries or not self._finishing else 0.1)
        self._reopen.clear()
        self._sink.reopen()
        return self._next()

    def _spooled(self) -> tuple[None, Alert, int] | None:
        try:
            head = self._spool.head()
        except OSError as error:
            self._disk.say(f"alerts there cannot be read: {error.strerror}", "look at its disk")
            return None
        return (None, head.alert, head.sequence) if head is not None else None

    def _delivered(self, entry: _Entry | None, sequence: int, refused: int) -> None:
        finished: _Job | None = None
        with self._lock:
            self._counts.delivered += 1 - refused
            self._counts.refused += refused
            if entry is None:
                self._spool.done(sequence)
            elif entry.sequence is not None:
                self._spool.done(entry.sequence)
            elif self._memory.entries and self._memory.entries[0] is entry:
                entry.delivered = True
                self._memory.entries.popleft()
                self._memory.bytes -= len(entry.alert.body)
                entry.job.left -= 1
                finished = entry.job if entry.job.left == 0 else None
            self._receiver.over(f"waiting for delivery: {len(self._memory.entries) + self._spool.count}")
            self._lock.notify_all()
        if finished is not None:
            finished.done(True)

    def _pause(self, seconds: float) -> None:
        """Wait; the end, or a request to reopen, ends it."""
        deadline = time.monotonic() + seconds
        with self._lock:
            while (left := deadline - time.monotonic()) > 0:
                if self._abort.is_set() or self._reopen.is_set():
                    return
                self._lock.wait(left)

    def _set_busy(self, since: float) -> None:
        with self._lock:
            self._busy_since = since
