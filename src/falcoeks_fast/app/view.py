"""What health, metrics and readiness may look at of the running program."""

from __future__ import annotations

from typing import Protocol

from falcoeks_fast.config import Config
from falcoeks_fast.engine.outputs.dispatcher import Dispatcher
from falcoeks_fast.engine.statistics import Statistics

from .inputs import Input
from .predicates import Predicates
from .profile.sampler import CostSampler
from .rule_loading import LoadedRules


class View(Protocol):
    @property
    def config(self) -> Config: ...
    @property
    def loaded(self) -> LoadedRules: ...
    @property
    def statistics(self) -> Statistics: ...
    @property
    def input(self) -> Input: ...
    @property
    def predicates(self) -> Predicates: ...
    @property
    def sampler(self) -> CostSampler | None: ...
    @property
    def dispatcher(self) -> Dispatcher | None: ...
