"""CloudWatch as a source: the threads that fetch and evaluate, the checkpoints, start and stop.

In: settings and a `PageSink`. Out: pages to the sink, messages, a status. Called by the app:

    source = CloudWatchSource(settings, sink, on_message=log)
    source.start(); ...; source.stop()

Each thread takes a call from the dispatcher, fetches its page, asks for the next one (another thread fetches that) and
evaluates what it has: fetching and evaluating overlap, and a thread holds one page at most.
"""

from __future__ import annotations

import random
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from .checkpoint import AlertLog, Checkpoint, CheckpointUnusable, PassState, checkpoint_path, load, save, set_aside
from .client import Fetcher, FetcherFactory, LogsClient
from .clock import Instant, SystemClock, instant, utc
from .crew import Crew
from .dispatch import Dispatcher
from .failures import FetchFailed, Kind
from .messages import MessageCallback, Reporter
from .page import Clock, Cluster, PageSink
from .page_buffer import PageBuffer
from .reader import Call
from .session import AwsAccess
from .settings import EARLY, PollerSettings
from .state_dir import StateDirError, StateLock
from .status import SourceStatus

_IDENTITY_WAIT_S = 4.0
_LOCK_TRY_S = 0.25
_TIDY_S = 1.0


@dataclass(frozen=True, slots=True)
class Progress:
    """Of a time range: how much of it is read and accepted, in ms of the log, and the events so far."""

    done_ms: int
    total_ms: int
    events: int


def aws_fetchers(settings: PollerSettings) -> FetcherFactory:
    """The real thing: boto clients."""

    def make(cluster: Cluster) -> Fetcher:
        access = AwsAccess(
            cluster,
            connect_timeout_s=settings.connect_timeout_s,
            read_timeout_s=settings.read_timeout_s,
            connections=settings.threads,
        )
        return LogsClient(cluster, access, stream_prefix=settings.stream_prefix)

    return make


class CloudWatchSource:
    """Reads the audit logs of one or more clusters until it is stopped, or a time range until its end.

    `on_message` gets what the user should hear, `on_status` a status every `status_every_s`, `on_progress` how far a
    time range is (about once a second). They are called from threads of the source and must not block for long.
    """

    def __init__(
        self,
        settings: PollerSettings,
        sink: PageSink,
        *,
        on_message: MessageCallback,
        on_status: Callable[[SourceStatus], None] | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        clock: Clock | None = None,
        fetchers: FetcherFactory | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._settings = settings
        self._sink = sink
        self._stopping = threading.Event()
        self._abandoned = threading.Event()
        self._clock: Clock = clock if clock is not None else SystemClock(self._stopping)
        self._reporter = Reporter(on_message)
        self._on_status = on_status
        self._on_progress = on_progress
        self._fetchers: dict[Cluster, Fetcher] = {}
        self._make_fetcher = fetchers if fetchers is not None else aws_fetchers(settings)
        rng = rng if rng is not None else random.Random()
        self._dispatcher = Dispatcher(settings, sink, self._reporter, self._clock, rng)
        self._crew = Crew(self._dispatcher, self._clock, self._stopping)
        self._workers: list[threading.Thread] = []
        self._main: threading.Thread | None = None
        self._ended = threading.Event()
        self._waiting_for_lock = False
        self._checkpoint_saved_ms = 0
        self.error = ""

    # For the app

    def start(self) -> None:
        """Begin; returns at once."""
        self._main = threading.Thread(target=self._run, name="poller", daemon=True)
        self._main.start()

    def stop(self) -> None:
        """Finish what is under way, store the checkpoints and return, within `stop_within_s` and a little."""
        self._stopping.set()
        with self._dispatcher.lock:
            self._crew.dismiss()
        if self._main is not None and self._main is not threading.current_thread():
            self._main.join(self._settings.stop_within_s + 1.0)

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the end: a time range was read, `stop` was called, or nothing can work. True if it has ended.

        Then `error` is empty, or says why nothing can work.
        """
        return self._ended.wait(timeout_s)

    def status(self) -> SourceStatus:
        clusters, budgets = self._dispatcher.status()
        return SourceStatus(
            tuple(clusters),
            tuple(budgets),
            self._dispatcher.bytes_in_flight,
            self._waiting_for_lock,
            self._checkpoint_saved_ms,
        )

    # The main thread of the source

    def _run(self) -> None:
        lock = self._lock_state()
        try:
            if not self._stopping.is_set():
                self._open_clusters(lock is not None)
                self._workers = [
                    threading.Thread(target=self._work, name=f"poller-{i}", daemon=True)
                    for i in range(self._settings.threads)
                ]
                for worker in self._workers:
                    worker.start()
                self._watch(lock is not None)
                self._wind_up(lock is not None)
        finally:
            if lock is not None:
                lock.release()
            self._ended.set()

    def _lock_state(self) -> StateLock | None:
        """Waits while another instance holds the lock. None: there is no state directory, or none that can be used."""
        if self._settings.state_dir is None or self._settings.time_range is not None:
            return None
        lock = StateLock(self._settings.state_dir)
        try:
            lock.prepare()
        except StateDirError as error:
            text = f"{error}. Going on without a checkpoint: after a restart, what happened meanwhile is not read"
            self._reporter.say("error", "state_dir", text)
            return None
        while not lock.acquire():
            if not self._waiting_for_lock:
                self._waiting_for_lock = True
                holder = lock.holder()
                who = f" (process {holder})" if holder else ""
                text = (
                    f"another instance{who} uses the state directory {self._settings.state_dir}; waiting for it to end"
                )
                self._reporter.say("warning", "state_locked", text)
            if self._stopping.wait(_LOCK_TRY_S):
                break
        if self._waiting_for_lock and not self._stopping.is_set():
            self._reporter.say("info", "state_locked", "the other instance has ended; going on from its checkpoint")
        self._waiting_for_lock = False
        return lock

    def _open_clusters(self, with_checkpoint: bool) -> None:
        accounts = self._identify()
        for configured in self._settings.clusters:
            restored = self._restore(configured) if with_checkpoint else None
            account = configured.account or accounts.get(configured, "") or (restored.account if restored else "")
            cluster = replace(configured, account=account)
            self._fetchers[cluster] = self._fetchers.pop(configured)
            if restored is not None:
                self._sink.restore(cluster, AlertLog.unpacked(restored.alerts))
            self._dispatcher.add(cluster, restored)

    def _identify(self) -> dict[Cluster, str]:
        """Account ids, side by side, as many as answer in time: they are part of the alert ids."""
        accounts: dict[Cluster, str] = {}

        def ask(cluster: Cluster, fetcher: Fetcher) -> None:
            accounts[cluster] = fetcher.identity()[0]

        threads = []
        for cluster in self._settings.clusters:
            fetcher = self._fetchers[cluster] = self._make_fetcher(cluster)
            threads.append(threading.Thread(target=ask, args=(cluster, fetcher), daemon=True))
            threads[-1].start()
        deadline = time.monotonic() + _IDENTITY_WAIT_S
        for thread in threads:
            while thread.is_alive() and time.monotonic() < deadline and not self._stopping.is_set():
                thread.join(0.1)
        return dict(accounts)

    def _restore(self, cluster: Cluster) -> Checkpoint | None:
        path = self._checkpoint_path(cluster)
        now = instant(self._clock)
        try:
            restored = load(path, cluster)
        except CheckpointUnusable as error:
            return self._set_aside(path, error, cluster, now)
        except OSError as error:
            text = f"cluster {cluster.name}: checkpoint {path} cannot be read: {error.strerror}; starting anew"
            self._reporter.say("error", "checkpoint", text, cluster.name)
            return None
        if restored is not None:
            down_s = max(0, now.ms - restored.saved_at_ms) / 1000
            since = f"{utc(restored.saved_at_ms)} ({down_s:.0f} s ago)"
            text = f"cluster {cluster.name}: going on from the checkpoint of {since}"
            self._reporter.say("info", "checkpoint", text, cluster.name)
        return restored

    def _set_aside(self, path: Path, error: CheckpointUnusable, cluster: Cluster, now: Instant) -> Checkpoint | None:
        """Rename it. Of a damaged one we still know when it was written: everything since then is read again."""
        try:
            written_ms = min(now.ms, int(path.stat().st_mtime * 1000))
            kept = f"it is kept as {set_aside(path, 'foreign' if error.foreign else 'damaged', now.ms)}"
        except OSError as problem:
            written_ms, kept = now.ms, f"it could not be renamed ({problem.strerror})"
        what = f"cluster {cluster.name}: checkpoint {path} cannot be used: {error.reason}; {kept}"
        if error.foreign:
            begin = now.ms - self._settings.shift_ms
            text = f"{what}. Reading begins at {utc(begin)}, as on a first start; for what was before, use --since"
            self._reporter.say("error", "checkpoint", text, cluster.name)
            return None
        begin = max(written_ms - self._settings.trailing[-1].lag_ms, now.ms - self._settings.max_catch_up_ms)
        text = (
            f"{what}. It was written at {utc(written_ms)}: reading begins at {utc(begin)}, so that nothing is lost; "
            "alerts that come a second time carry the same alert id"
        )
        self._reporter.say("error", "checkpoint", text, cluster.name)
        names = (EARLY, *(one.name for one in self._settings.trailing))
        return Checkpoint(written_ms, {name: PassState(begin) for name in names})

    def _watch(self, with_checkpoint: bool) -> None:
        """Until the end: tidy, store, tell."""
        last_saved = last_status = self._clock.monotonic()
        while not self._clock.wait(min(_TIDY_S, self._settings.checkpoint_every_s)) and not self._stopping.is_set():
            self._dispatcher.tidy()
            mono = self._clock.monotonic()
            if with_checkpoint and mono - last_saved >= self._settings.checkpoint_every_s:
                last_saved = mono
                self.save_checkpoints()
            if self._on_status is not None and mono - last_status >= self._settings.status_every_s:
                last_status = mono
                self._on_status(self.status())
            self._tell_progress()
            if self._finished():
                return

    def _finished(self) -> bool:
        if self.error:
            return True
        readers = self._dispatcher.readers
        with self._dispatcher.lock:
            fatal = [reader.fatal for reader in readers if reader.fatal]
            done = all(reader.fatal or reader.done for reader in readers)
        if fatal and (done or len(fatal) == len(readers)):
            self.error = "; ".join(fatal)
        return done or len(fatal) == len(readers)

    def _tell_progress(self) -> None:
        wanted = self._settings.time_range
        if self._on_progress is None or wanted is None:
            return
        readers = self._dispatcher.readers
        with self._dispatcher.lock:
            left = sum(span.length_ms for one in readers for ledger in one.ledgers for span in ledger.todo())
            events = sum(one.counters.messages for one in readers)
        total = (wanted.until_ms - wanted.since_ms + 1) * len(readers)
        self._on_progress(Progress(total - left, total, events))

    def _wind_up(self, with_checkpoint: bool) -> None:
        """Let the threads finish their pages and the outputs accept them, as long as there is time."""
        self._stopping.set()
        deadline = time.monotonic() + self._settings.stop_within_s - 0.3
        with self._dispatcher.lock:
            self._crew.dismiss()
        for worker in self._workers:
            worker.join(max(0.0, deadline - time.monotonic()))
        with self._dispatcher.lock:
            while self._unaccepted() and time.monotonic() < deadline:
                self._dispatcher.settled.wait(max(0.0, deadline - time.monotonic()))
        self._abandoned.set()
        if with_checkpoint:
            self.save_checkpoints(all_of_them=True)
        self._tell_progress()

    def _unaccepted(self) -> bool:
        readers = self._dispatcher.readers
        return any(window.pending for one in readers for ledger in one.ledgers for window in ledger.open.values())

    def save_checkpoints(self, *, all_of_them: bool = False) -> None:
        """Store what changed. A failure is reported, and tried again next time."""
        for reader, state in self._dispatcher.checkpoints(all_of_them=all_of_them):
            name = reader.cluster.name
            path = self._checkpoint_path(reader.cluster)
            mono = self._clock.monotonic()
            try:
                save(path, reader.cluster, state)
            except OSError as error:
                reader.changed = True
                text = f"cluster {name}: checkpoint {path} cannot be written: {error.strerror}; trying again"
                self._reporter.trouble("error", "checkpoint_write", text, mono, name)
            else:
                self._checkpoint_saved_ms = state.saved_at_ms
                self._reporter.over("checkpoint_write", f"cluster {name}: the checkpoint is written again", mono, name)

    def _checkpoint_path(self, cluster: Cluster) -> Path:
        if self._settings.state_dir is None:
            raise AssertionError("no state directory is configured")
        return checkpoint_path(self._settings.state_dir, cluster)

    # The fetching threads

    def _work(self) -> None:
        ended_well = False
        buffer = PageBuffer()
        try:
            while (call := self._crew.next_call()) is not None:
                self._perform(call, buffer)
            ended_well = True
        finally:
            if not ended_well:
                self.error = f"a defect in falcoeks-fast ended a thread of the poller: {traceback.format_exc(limit=-3)}"
                self._stopping.set()

    def _perform(self, call: Call, buffer: PageBuffer) -> None:
        span = call.window.span
        fetcher = self._fetchers[call.reader.cluster]
        try:
            fetched = fetcher.fetch(span.start_ms, span.end_ms, call.token, buffer)
        except FetchFailed as error:
            if error.failure.kind is Kind.credentials:
                fetcher.renew()
            self._dispatcher.failed(call, error.failure)
            return
        if not self._abandoned.is_set():
            self._dispatcher.arrived(call, fetched)
