"""Which predicates evaluate events: the interpreter, a bundle, or a module compiled in the background.

In: generations. Out: compiled predicates attached to them when they are ready; a status line that says which of the two
runs and why. Called at start and at each reload. Evaluation never waits for it.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from falcoeks_fast.config.model import OwnSettings
from falcoeks_fast.rules.code.background import BackgroundCompiler
from falcoeks_fast.rules.code.bundle import BundleError, load_bundle
from falcoeks_fast.rules.code.cache import CompiledCache
from falcoeks_fast.rules.plan import Plan

from .generation import Generation

_log = logging.getLogger("falcoeks_fast.compile")


class Predicates:
    """Thread-safe."""

    def __init__(self, own: OwnSettings) -> None:
        self._own = own
        self._lock = threading.Lock()
        self._generation: Generation | None = None
        self._status = "interpreter: no rules yet"
        self._compiler: BackgroundCompiler | None = None

    @property
    def status(self) -> str:
        compiler = self._compiler
        return str(compiler.status) if compiler is not None and self._status == "" else self._status

    @property
    def compiled(self) -> bool:
        generation = self._generation
        return generation is not None and generation.rules.compiled

    def use(self, generation: Generation) -> None:
        """Find compiled predicates for this generation; it can be evaluated with before and meanwhile."""
        with self._lock:
            self._generation = generation
        if not generation.plan.rules:
            self._set("interpreter: there are no rules to compile")
        elif self._own.compiled and self._use_bundle(generation):
            self._set(f"compiled: bundle {self._own.compiled}")
        elif not self._own.compile:
            self._set("interpreter: falcoeks.compile is off")
        else:
            self._status = ""
            if self._compiler is None:
                self._compiler = BackgroundCompiler(CompiledCache(Path(self._own.cache_dir)), self._ready, self._failed)
            _log.info("Evaluating rules, interpreter: until the compiled rules are ready")
            self._compiler.submit(generation.plan)

    def close(self) -> None:
        if self._compiler is not None:
            self._compiler.close()

    def _use_bundle(self, generation: Generation) -> bool:
        """Whether the configured bundle is now in use; a warning says why not."""
        try:
            generation.rules.attach(load_bundle(self._own.compiled, generation.plan))
        except (BundleError, ValueError) as error:
            _log.warning("%s. The interpreter evaluates the rules", error)
            return False
        return True

    def _ready(self, plan: Plan, capsule: object) -> None:
        with self._lock:
            generation = self._generation
        if generation is None or generation.plan.predicate_digest() != plan.predicate_digest():
            return
        generation.rules.attach(capsule)
        _log.info("Evaluating rules, %s", self.status)

    def _failed(self, plan: Plan, reason: str) -> None:
        _log.info("Evaluating rules, interpreter: %s", reason)

    def _set(self, status: str) -> None:
        self._status = status
        _log.info("Evaluating rules, %s", status)
