"""Taking over a changed configuration while running.

In: SIGHUP, or files that changed. Out: `Prepared`, a configuration with its rules that passed a complete dry run; or
the reason why not. Called by the main loop. Nothing of the running program is touched here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from falcoeks_fast.config import Config, ConfigError, require_metrics, require_outputs

from .generation import Generation, make_generation
from .rule_loading import LoadedRules, RulesError, load_chosen_rules
from .start import StartOptions, usable_config
from .watch import Watch

_QUIET_S = 0.1
_LOOK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Prepared:
    """Ready to take over."""

    config: Config
    loaded: LoadedRules
    generation: Generation


def prepare(options: StartOptions) -> Prepared:
    """The complete dry run. Raises ConfigError and RulesError."""
    config = usable_config(options)
    loaded = load_chosen_rules(config, options.rules, quiet=True)
    if not config.own.shadow:
        require_outputs(config)
    require_metrics(config)
    return Prepared(config, loaded, make_generation(config, loaded.plan))


class Reloader:
    """Looks at files and waits for 100 ms of quiet before and after the dry run. Used by one thread."""

    def __init__(self, options: StartOptions, config: Config, loaded: LoadedRules) -> None:
        self._options = options
        self._armed_at: float | None = None
        self._next_look = 0.0
        self._watch: Watch | None = None
        self.watch(config, loaded)

    def watch(self, config: Config, loaded: LoadedRules) -> None:
        """Look at the files of this configuration from now on."""
        if config.watch_config_files:
            directories = [path for path in loaded.watched if path not in loaded.files]
            self._watch = Watch((*config.watched_paths, *loaded.watched), into_directories=directories)
        else:
            self._watch = None

    def request(self) -> None:
        """SIGHUP."""
        self._armed_at = time.monotonic()

    def pause_s(self) -> float:
        """How long the main loop may sleep."""
        if self._armed_at is not None:
            return max(self._armed_at + _QUIET_S - time.monotonic(), 0.001)
        return _LOOK_EVERY_S

    def poll(self, failed: Callable[[str], None]) -> Prepared | None:
        """What to take over now, if anything. `failed` hears why a dry run failed."""
        self._look()
        if self._armed_at is None or time.monotonic() - self._armed_at < _QUIET_S:
            return None
        self._armed_at = None
        try:
            prepared = prepare(self._options)
        except (ConfigError, RulesError) as error:
            failed(str(error))
            return None
        time.sleep(_QUIET_S)
        if self._changed():
            self._armed_at = time.monotonic()
            return None
        return prepared

    def _look(self) -> None:
        now = time.monotonic()
        if now >= self._next_look or self._armed_at is not None:
            self._next_look = now + _LOOK_EVERY_S
            if self._changed():
                self._armed_at = now

    def _changed(self) -> bool:
        return self._watch is not None and self._watch.changed()
