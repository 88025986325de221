"""Hands alerts to all outputs and tells when those that promise delivery have accepted them.

In: parcels from the app. Out: a future for each. Called by the app's sinks; it owns the channels. No output waits for
another: each has its own queue.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path

from .channel import Channel, ChannelState
from .dead_letters import DeadLetters
from .file import FileSink
from .http import HttpSink
from .parcel import Parcel
from .program import ProgramSink
from .settings import OutputsSettings
from .sink import Sink
from .spool import Spool
from .spool_channel import SpoolChannel
from .stdout import StdoutSink
from .syslog import SyslogSink

_CHECK_INTERVAL_S = 0.5
_DRAIN_TICK_S = 0.01
_PATIENCE_S = 30.0
_NOTICE = 25  # Falco's level for what is thrown away at the end; `log` gives it its name
_log = logging.getLogger("falcoeks_fast.outputs")

Announce = Callable[[str], object]


class NotAcceptedError(Exception):
    """An output that promises delivery could not take some alerts. `accepted` names the outputs that have them."""

    def __init__(self, refused: frozenset[str], accepted: frozenset[str]) -> None:
        super().__init__(f"no room at output {', '.join(sorted(refused))}")
        self.refused = refused
        self.accepted = accepted


class _Acceptance:
    """Counts the answers for one parcel. Thread-safe."""

    def __init__(self) -> None:
        self.future: Future[None] = Future()
        self._lock = threading.Lock()
        self._waiting = 1  # the dispatcher itself, until every channel was asked
        self._accepted: set[str] = set()
        self._refused: set[str] = set()

    def expect(self) -> None:
        with self._lock:
            self._waiting += 1

    def answer(self, name: str, accepted: bool) -> None:
        with self._lock:
            if name:
                (self._accepted if accepted else self._refused).add(name)
            self._waiting -= 1
            if self._waiting:
                return
        if self._refused:
            self.future.set_exception(NotAcceptedError(frozenset(self._refused), frozenset(self._accepted)))
        else:
            self.future.set_result(None)

    def note(self, name: str) -> None:
        with self._lock:
            self._accepted.add(name)


class Dispatcher:
    """Thread-safe."""

    def __init__(self, settings: OutputsSettings, announce: Announce | None = None) -> None:
        """`announce`: makes an alert of our own from a text. It is called by a thread that may submit."""
        self._settings = settings
        self._announce = announce
        self._channels = [make_channel(name, settings) for name in settings.enabled]
        self._timeout_s = settings.queue.output_timeout_s
        self._ended = threading.Event()
        self._watch = threading.Thread(target=self._check, name="output-watch", daemon=True)

    @property
    def settings(self) -> OutputsSettings:
        return self._settings

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(channel.name for channel in self._channels)

    def start(self) -> None:
        for channel in self._channels:
            channel.start()
        self._watch.start()

    def submit(
        self, parcel: Parcel, *, wait: bool = False, instead: Mapping[str, Parcel] | None = None
    ) -> Future[None]:
        """Queue alerts at every output. The future is done when all that promise delivery have accepted them.

        It fails with NotAcceptedError if one of those has no room or is stopped. `instead`: another parcel for the
        outputs named. `wait`: see `Channel.offer`.
        """
        acceptance = _Acceptance()
        for channel in self._channels:
            own = instead.get(channel.name, parcel) if instead else parcel
            if own.count == 0:
                acceptance.note(channel.name)
            elif channel.promised:
                self._submit_promised(channel, own, acceptance, wait)
            else:
                channel.offer(own, _ignore, wait=wait)
                acceptance.note(channel.name)
        acceptance.answer("", True)
        return acceptance.future

    def _submit_promised(
        self, channel: Channel | SpoolChannel, parcel: Parcel, acceptance: _Acceptance, wait: bool
    ) -> None:
        name = channel.name
        acceptance.expect()
        if not channel.offer(parcel, lambda accepted: acceptance.answer(name, accepted), wait=wait):
            acceptance.answer(name, False)

    def reopen(self) -> None:
        """SIGUSR1: close and open again what can be."""
        for channel in self._channels:
            channel.request_reopen()

    def states(self) -> list[ChannelState]:
        return [channel.state() for channel in self._channels]

    def stop(self, *, keep_on: Callable[[], bool] = lambda: False) -> int:
        """Deliver what is queued, for output_timeout at most; how many alerts had to be given up.

        While `keep_on` says so nobody is in a hurry: only half a minute in which no output gets on ends it.
        """
        for channel in self._channels:
            channel.begin_stop()
        self._drain(keep_on)
        self._ended.set()
        left = 0
        for channel in self._channels:
            given_up = channel.give_up()
            if given_up:
                _log.log(
                    _NOTICE,
                    "output channels still blocked, discarding all remaining notifications: %s gives up %d alerts",
                    channel.name,
                    given_up,
                )
            left += given_up
        return left

    def _drain(self, keep_on: Callable[[], bool]) -> None:
        since = time.monotonic()
        before = -1
        while not all(channel.idle for channel in self._channels):
            patient = keep_on()
            progress = sum(channel.progress() for channel in self._channels)
            if patient and progress != before:
                since = time.monotonic()
            before = progress
            patience_s = max(_PATIENCE_S, self._timeout_s) if patient else self._timeout_s
            if time.monotonic() - since > patience_s:
                return
            time.sleep(_DRAIN_TICK_S)

    def _check(self) -> None:
        while not self._ended.wait(_CHECK_INTERVAL_S):
            for channel in self._channels:
                channel.check()
                if isinstance(channel, SpoolChannel) and self._announce is not None:
                    for text in channel.news():
                        self._announce(text)


def _ignore(accepted: bool) -> None:
    """Outputs without a promise have nobody to tell."""


def make_channel(name: str, settings: OutputsSettings) -> Channel | SpoolChannel:
    """The channel of an enabled output."""
    promised = name in settings.at_least_once
    sink = make_sink(name, settings)
    if promised and settings.spool_dir and settings.spool_bytes:
        spool = Spool(Path(settings.spool_dir) / name, settings.spool_bytes)
        return SpoolChannel(name, sink, settings.queue, spool)
    return Channel(name, sink, settings.queue, promised=promised)


def make_sink(name: str, settings: OutputsSettings) -> Sink:
    """The sink of an enabled output."""
    if name == "file" and settings.file is not None:
        return FileSink(settings.file)
    if name == "syslog" and settings.syslog is not None:
        return SyslogSink(settings.syslog)
    if name == "program" and settings.program is not None:
        return ProgramSink(settings.program)
    if name == "http" and settings.http is not None:
        dead_letters = DeadLetters(settings.dead_letter_dir, name)
        return HttpSink(settings.http, dead_letters, promised=name in settings.at_least_once)
    if name == "stdout" and settings.stdout:
        return StdoutSink()
    raise ValueError(f"output {name} is not enabled")
