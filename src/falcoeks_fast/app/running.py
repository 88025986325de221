"""The running program: outputs, web server, source, main loop, teardown.

In: a configuration with loaded rules. Out: the exit code. Called by `run` when everything that can be checked without
touching the world is checked. The main thread waits for signals, changed files and the end of the source; everything
else happens in threads of the rooms.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import fields, replace

from falcoeks_fast.config import Config
from falcoeks_fast.config.model import OwnSettings
from falcoeks_fast.engine.escaping import escape_lines
from falcoeks_fast.engine.internal_alerts import (
    ALERTS_DROPPED,
    CRITICAL,
    HOT_RESTART_FAILURE,
    INFORMATIONAL,
    REPEATS_HELD_BACK,
    FieldValue,
    InternalFormat,
    internal_alert,
)
from falcoeks_fast.engine.outputs.dispatcher import Dispatcher
from falcoeks_fast.engine.outputs.parcel import ListParcel
from falcoeks_fast.engine.outputs.stdout import write_stdout
from falcoeks_fast.engine.statistics import RuleFacts, Statistics, exit_statistics
from falcoeks_fast.log import Lines, set_up_log

from .delivery import Delivery
from .evaluation import Evaluation
from .generation import alert_format, host_name
from .health import Health
from .inputs import Input, InputError
from .predicates import Predicates
from .profile.sampler import CostSampler
from .reload import Prepared, Reloader
from .rule_loading import LoadedRules
from .signals import Wishes
from .start import StartOptions
from .status import log_status

_log = logging.getLogger("falcoeks_fast")

_SOURCE_FAILED = "An error occurred in an event source, forcing termination..."
_TAKEN_OVER = ("field_fixes", "shadow", "ready_lag_s", "status_interval_s")
"""Settings of our own that a reload takes over; outputs are compared apart."""

MakeInput = Callable[[Config, Evaluation, Delivery], Input]


class Running:
    """One run. `make_input` builds the source, which hands its events to evaluation and delivery."""

    def __init__(self, options: StartOptions, prepared: Prepared, make_input: MakeInput, *, verbose: bool) -> None:
        self._config = prepared.config
        self._loaded: LoadedRules = prepared.loaded
        self._verbose = verbose
        self._options = options
        self._started = time.monotonic()
        self._statistics = Statistics()
        self._statistics.define(_as_defined(prepared))
        self._evaluation = Evaluation(
            prepared.generation,
            max_event_size_bytes=_max_event_size(self._config),
            prefilter=self._config.own.prefilter,
        )
        self._delivery = Delivery(None, self._statistics)
        self._predicates = Predicates(self._config.own)
        self._input = make_input(self._config, self._evaluation, self._delivery)
        self._wishes = Wishes()
        self._health = Health(self, self._delivery.submit)
        self._prepared = prepared
        self._source_ended = False
        self._defect = ""

    # What health and metrics look at

    @property
    def config(self) -> Config:
        return self._config

    @property
    def loaded(self) -> LoadedRules:
        return self._loaded

    @property
    def statistics(self) -> Statistics:
        return self._statistics

    @property
    def input(self) -> Input:
        return self._input

    @property
    def predicates(self) -> Predicates:
        return self._predicates

    @property
    def sampler(self) -> CostSampler | None:
        return self._evaluation.sampler

    @property
    def dispatcher(self) -> Dispatcher | None:
        return self._delivery.dispatcher

    # The run

    def run(self, time_limit_s: float) -> int:
        """The exit code. `time_limit_s` 0: until a signal or the end of the source.

        Raises ConfigError, HealthError, InputError.
        """
        self._delivery.swap(self._start_outputs(self._config))
        code = 0
        try:
            self._wishes.install()
            threading.excepthook = self._thread_failed
            reloader = Reloader(self._options, self._config, self._loaded)
            self._health.start()
            self._start_sampler()
            self._predicates.use(self._prepared.generation)
            self._open_input()
            self._health.opened()
            threading.Thread(target=self._await_end, name="source-end", daemon=True).start()
            code = self._loop(reloader, time_limit_s)
        finally:
            lost = self._tear_down()
        if lost and self._source_ended:
            print(f"Error: {lost} alerts were not delivered; the log says why", file=sys.stderr)
            return 1
        return code

    def _open_input(self) -> None:
        """Raises InputError."""
        what = f": {self._input.description}" if self._input.description else ""
        _log.info("Opening 'k8s_audit' source with plugin '%s'%s", self._input.plugin, what)
        try:
            self._input.start()
        except InputError:
            _log.critical(_SOURCE_FAILED)
            raise

    def _thread_failed(self, failure: threading.ExceptHookArgs) -> None:
        """A defect of ours ended a thread: better to end than to go on without it, unseen."""
        name = failure.thread.name if failure.thread is not None else "?"
        trace = "".join(traceback.format_exception(failure.exc_type, failure.exc_value, failure.exc_traceback))
        _log.critical("a defect ended the thread %s: %s", name, Lines(trace))
        self._defect = f"a defect ended the thread {name}: {failure.exc_value!r}"
        self._wishes.wake()

    def _await_end(self) -> None:
        self._input.join(None)
        self._wishes.wake()

    def _loop(self, reloader: Reloader, time_limit_s: float) -> int:
        next_status = time.monotonic() + self._config.own.status_interval_s
        while True:
            self._wishes.wait(min(reloader.pause_s(), self._health.pause_s()))
            if self._wishes.stop:
                _log.info("SIGINT received, exiting...")
                return 0
            if self._defect:
                print(f"Runtime error: {escape_lines(self._defect)}. Exiting.", file=sys.stderr)
                return 1
            if self._input.join(0):
                return self._ended()
            if self._wishes.take_reopen():
                _log.info("SIGUSR1 received, reopening outputs...")
                if self.dispatcher is not None:
                    self.dispatcher.reopen()
            if self._wishes.take_reload():
                reloader.request()
            prepared = reloader.poll(self._reload_failed)
            if prepared is not None:
                self._take_over(prepared)
                reloader.watch(self._config, self._loaded)
            self._health.tick()
            self._say_repeats(at_end=False)
            now = time.monotonic()
            if self._config.own.status_interval_s and now >= next_status:
                next_status = now + self._config.own.status_interval_s
                self._log_status()
            if time_limit_s and now - self._started > time_limit_s:
                return 0

    def _ended(self) -> int:
        self._source_ended = True
        error = self._input.error
        if not error:
            return 0
        _log.critical(_SOURCE_FAILED)
        print(f"Error: {error}", file=sys.stderr)
        return 1

    def _log_status(self) -> None:
        states = self.dispatcher.states() if self.dispatcher is not None else []
        log_status(self._input.status(), self._statistics.totals(), states, self._predicates.status)

    # Reload

    def _reload_failed(self, reason: str) -> None:
        self._health.reload_failed()
        _log.error("The changed configuration is not used, the old rules stay: %s", Lines(reason))
        self._alert(HOT_RESTART_FAILURE, reason)

    def _alert(
        self, name: str, reason: str, priority: int = CRITICAL, fields: Mapping[str, FieldValue] | None = None
    ) -> None:
        """An alert of our own, to all outputs."""
        style = InternalFormat(self._config.alerts.json_output, self._config.alerts.iso8601, host_name())
        alert = internal_alert(style, name, priority, f"{name}: {reason}", fields or {}, time.time_ns())
        self._delivery.submit(ListParcel([alert]))

    def _keep_windows(self, prepared: Prepared) -> Prepared:
        """What is being held back goes on over a reload, or ends if the settings have changed."""
        before, after = self._evaluation.generation.suppressor, prepared.generation.suppressor
        if before is None:
            return prepared
        if before.is_like(after):
            return replace(prepared, generation=replace(prepared.generation, suppressor=before))
        self._say_repeats(at_end=True)
        return prepared

    def _say_repeats(self, *, at_end: bool) -> None:
        """An alert for each window in which repeats were held back, once it has ended."""
        suppressor = self._evaluation.generation.suppressor
        if suppressor is None:
            return
        for window in suppressor.end_all() if at_end else suppressor.ended():
            self._alert(REPEATS_HELD_BACK, window.text, INFORMATIONAL, window.output_fields)

    def _start_sampler(self) -> None:
        """Only where somebody can see what it measures."""
        config = self._config
        if not (config.own.rule_costs and config.metrics.enabled and config.web.enabled and config.web.prometheus):
            return
        sampler = CostSampler(lambda: self._evaluation.generation, lambda: alert_format(self._config))
        sampler.start()
        self._evaluation.sampler = sampler

    def _start_outputs(self, config: Config) -> Dispatcher | None:
        if config.own.shadow:
            _log.info("Shadow mode: alerts are counted, nothing is delivered")
            return None
        dispatcher = Dispatcher(config.outputs, lambda text: self._alert(ALERTS_DROPPED, text))
        dispatcher.start()
        return dispatcher

    def _take_over(self, prepared: Prepared) -> None:
        """Swap rules, and outputs if they changed; source and counters live on."""
        _log.info("SIGHUP received, restarting...")
        old, new = self._config, prepared.config
        prepared = self._keep_windows(prepared)
        self._statistics.define(_as_defined(prepared))
        self._predicates.use(prepared.generation)
        self._evaluation.swap(prepared.generation)
        self._config, self._loaded = new, prepared.loaded
        set_up_log(new.log)
        if (old.outputs, old.own.shadow) != (new.outputs, new.own.shadow):
            former = self._delivery.swap(self._start_outputs(new))
            if former is not None:
                threading.Thread(target=former.stop, name="output-drain", daemon=True).start()
        self._health.reloaded()
        for setting in _needing_restart(old, new):
            _log.warning("The changed setting '%s' takes effect only after a restart of the program", setting)
        _log.info("Now %d rules from %d files", len(prepared.loaded.plan.rules), len(prepared.loaded.files))

    # The end

    def _tear_down(self) -> int:
        """How many alerts outputs had to give up."""
        self._source_ended = self._source_ended or self._input.join(0)
        self._health.stop()
        if self.sampler is not None:
            self.sampler.stop()
        self._input.stop()
        self._predicates.close()
        self._say_repeats(at_end=True)
        dispatcher = self.dispatcher
        lost = 0
        if dispatcher is not None:
            lost = dispatcher.stop(keep_on=lambda: self._source_ended and not self._wishes.stop)
        self._print_statistics()
        threading.excepthook = threading.__excepthook__
        self._wishes.restore()
        return lost

    def _print_statistics(self) -> None:
        """A reader of standard output that has stopped reading must not keep the program from ending."""
        text = exit_statistics(self._statistics.totals()).encode("utf-8", "replace")
        printer = threading.Thread(target=_write_out, args=(text,), name="statistics", daemon=True)
        printer.start()
        printer.join(self._config.outputs.queue.output_timeout_s)
        if printer.is_alive():
            _log.warning("the statistics could not be printed: nobody reads standard output")
        if self._verbose:
            events = self._statistics.totals().events.events
            times = os.times()
            cpu_s = max(times.user + times.system, 0.001)
            line = f"(k8s_audit) Elapsed time: {cpu_s:.3f}, Captured Events: {events}, {events / cpu_s:.2f} eps"
            print(line, file=sys.stderr)


def _as_defined(prepared: Prepared) -> list[RuleFacts]:
    """The rules in the order of their definition, which is not that of evaluation where selections switch them on."""
    order = {name: number for number, name in enumerate(prepared.loaded.result.collector.rules)}
    return sorted(prepared.generation.facts, key=lambda facts: order.get(facts.name, len(order)))


def _max_event_size(config: Config) -> int:
    sizes = [getattr(plugin.settings, "max_event_size_bytes", 0) for plugin in config.plugins]
    return max(sizes, default=0)


def _write_out(text: bytes) -> None:
    try:
        write_stdout(text)
    except OSError as error:
        _log.warning("the statistics could not be printed: %s", error.strerror)


def _needing_restart(old: Config, new: Config) -> list[str]:
    """Settings that a reload leaves as they were."""
    changed = [name for name in ("plugins", "web") if getattr(old, name) != getattr(new, name)]
    for field in fields(OwnSettings):
        if field.name not in _TAKEN_OVER and getattr(old.own, field.name) != getattr(new.own, field.name):
            changed.append(f"falcoeks.{field.name.removesuffix('_s')}")
    return ["webserver" if name == "web" else name for name in changed]
