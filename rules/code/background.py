"""Compiling beside the running engine.

In: plans, as rules are loaded and reloaded. Out: the capsule of the newest plan, handed to a callback when it is ready,
and a status for people. Called by the app, whose interpreter serves until then. One thread, which mostly waits for the
child process; a newer plan ends the compile of an older one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from falcoeks_fast.rules.code.build import BESIDE_THE_ENGINE, BuildCancelled, BuildError, BuildLimits
from falcoeks_fast.rules.code.cache import CompiledCache
from falcoeks_fast.rules.plan import Plan

OnReady = Callable[[Plan, object], None]
OnFailed = Callable[[Plan, str], None]

_STAGES = {"cython": "translating with Cython", "c": "running the C compiler"}


@dataclass(frozen=True, slots=True)
class CompilerStatus:
    """Which of the two evaluates events, and why."""

    compiled: bool
    why: str

    def __str__(self) -> str:
        return f"{'compiled' if self.compiled else 'interpreter'}: {self.why}"


class BackgroundCompiler:
    """Compiles the newest plan submitted. The callbacks run on its own thread."""

    def __init__(
        self,
        cache: CompiledCache,
        on_ready: OnReady,
        on_failed: OnFailed,
        *,
        limits: BuildLimits = BESIDE_THE_ENGINE,
    ) -> None:
        """`on_ready` takes the plan and its capsule, `on_failed` the plan and the reason, a sentence for the user."""
        self._cache = cache
        self._on_ready = on_ready
        self._on_failed = on_failed
        self._limits = limits
        self._changed = threading.Condition()
        self._wanted: Plan | None = None
        self._under_way: bytes | None = None
        self._cancelled = threading.Event()
        self._closed = False
        self._status = CompilerStatus(False, "no rules yet")
        self._since = 0.0
        self._thread = threading.Thread(target=self._work, name="compile-rules", daemon=True)
        self._thread.start()

    @property
    def status(self) -> CompilerStatus:
        with self._changed:
            if self._since:
                seconds = time.monotonic() - self._since
                return CompilerStatus(False, f"{self._status.why} since {seconds:.0f} s")
            return self._status

    def submit(self, plan: Plan) -> None:
        """Compile this plan; a compile for another one is given up."""
        with self._changed:
            self._wanted = plan
            self._set("waiting to be compiled")
            if self._under_way not in (None, plan.predicate_digest()):
                self._cancelled.set()
            self._changed.notify_all()

    def close(self) -> None:
        """End the compile under way and the thread; no callback runs afterwards, unless close is called from one."""
        with self._changed:
            self._closed = True
            self._wanted = None
            self._cancelled.set()
            self._changed.notify_all()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _work(self) -> None:
        while (plan := self._next()) is not None:
            capsule: object = None
            failure = ""
            try:
                capsule = self._cache.compile(
                    plan, limits=self._limits, progress=self._progress, cancelled=self._cancelled
                )
            except BuildCancelled:
                continue
            except BuildError as error:
                failure = str(error)
            plan = self._finish(plan, failure)
            if plan is None:
                continue
            if failure:
                self._on_failed(plan, failure)
            else:
                self._on_ready(plan, capsule)

    def _next(self) -> Plan | None:
        with self._changed:
            self._under_way = None
            while self._wanted is None and not self._closed:
                self._changed.wait()
            if self._closed or self._wanted is None:
                return None
            self._cancelled = threading.Event()
            self._under_way = self._wanted.predicate_digest()
            self._set("looking for compiled rules", timed=True)
            return self._wanted

    def _finish(self, done: Plan, failure: str) -> Plan | None:
        """The newest plan that this result serves, or None if it serves none any more."""
        with self._changed:
            self._under_way = None
            newest = self._wanted
            if newest is None or newest.predicate_digest() != done.predicate_digest():
                return None
            self._wanted = None
            if failure:
                self._set(failure)
            else:
                self._since = 0.0
                self._status = CompilerStatus(True, f"the predicates of {len(newest.rules)} rules are in use")
            return newest

    def _progress(self, stage: str) -> None:
        with self._changed:
            if not self._cancelled.is_set():
                self._set(_STAGES.get(stage, stage), timed=True)

    def _set(self, why: str, *, timed: bool = False) -> None:
        """`timed`: the status goes on with how long this compile has taken."""
        if not timed:
            self._since = 0.0
        elif not self._since:
            self._since = time.monotonic()
        self._status = CompilerStatus(False, why)
