"""The current rules and one scanner for each thread.

In: generations. Out: a scanner that is right for the calling thread, with its generation. Called by the page and line
sinks. A new generation takes over between two calls of a scanner: no event is evaluated twice or not at all.
"""

from __future__ import annotations

import threading

from falcoeks_fast.engine._core import Numbering, Scanner

from .generation import Generation
from .profile.sampler import CostSampler
from .replay.events import Kind


class Evaluation:
    """Thread-safe."""

    def __init__(self, generation: Generation, *, max_event_size_bytes: int, prefilter: bool) -> None:
        self._generation = generation
        self._numbering = Numbering()
        self._max_event_size_bytes = max_event_size_bytes
        self._prefilter = prefilter
        self._local = threading.local()
        self.sampler: CostSampler | None = None
        """Is shown what was evaluated; see `profile.sampler`."""

    @property
    def generation(self) -> Generation:
        return self._generation

    @property
    def last_event_number(self) -> int:
        return self._numbering.last

    def sample(self, kind: Kind, data: bytes | memoryview) -> None:
        """Something that was just evaluated."""
        if self.sampler is not None:
            self.sampler.offer(kind, data)

    def swap(self, generation: Generation) -> None:
        """Scanners take it before their next call."""
        self._generation = generation

    def scanner(self) -> tuple[Scanner, Generation]:
        """This thread's scanner, set to the current generation, which stays its own until the thread asks again."""
        generation = self._generation
        scanner: Scanner | None = getattr(self._local, "scanner", None)
        if scanner is None:
            scanner = Scanner(
                generation.rules,
                self._numbering,
                max_event_size_bytes=self._max_event_size_bytes,
                prefilter=self._prefilter,
            )
            self._local.scanner = scanner
        elif scanner.rules is not generation.rules:
            scanner.rules = generation.rules
        return scanner, generation
