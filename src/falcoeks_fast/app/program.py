"""From loaded rules to a running program.

In: what the command line says. Out: the exit code. Called by the `run` command once the informational options are dealt
with; the order of checks is Falco's (spec: cli 3.2).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from falcoeks_fast.config import Config, ConfigError, require_metrics, require_outputs
from falcoeks_fast.poller.settings import TimeRange

from .generation import host_name, hostname_overridden, make_generation
from .make_input import make_input
from .pidfile import write_pid_file
from .reload import Prepared
from .rule_loading import LoadedRules
from .running import Running
from .sources import AUDIT_SOURCE
from .start import StartOptions

_log = logging.getLogger("falcoeks_fast")


@dataclass(frozen=True, slots=True)
class RunOptions:
    """`time_limit_s` 0: none."""

    start: StartOptions
    dry_run: bool = False
    pid_file: str = ""
    time_limit_s: float = 0.0
    time_range: TimeRange | None = None
    verbose: bool = False


def run_program(options: RunOptions, config: Config, loaded: LoadedRules) -> int:
    """Raises ConfigError, InputError, HealthError, PidFileError."""
    if not config.own.shadow:
        require_outputs(config)
    if hostname_overridden():
        _log.info("Hostname value has been overridden via environment variable to: %s", host_name())
    if not config.own.shadow:
        for note in config.output_notes:
            _log.info("%s", note)
    if not any(plugin.settings is not None for plugin in config.plugins) and not config.files:
        raise ConfigError(
            "You must create a config file at /etc/falco/falco.yaml or by passing -c, or give --cluster NAME --region "
            "REGION, or --events FILE"
        )
    prepared = Prepared(config, loaded, make_generation(config, loaded.plan))
    _log_enabled(loaded)
    if options.dry_run:
        require_metrics(config)
        return 0
    running = Running(
        options.start,
        prepared,
        lambda config, evaluation, delivery: make_input(config, evaluation, delivery, options.time_range),
        verbose=options.verbose,
    )
    if options.pid_file:
        write_pid_file(options.pid_file)
    _log.info("Loaded event sources: %s", AUDIT_SOURCE)
    _log.info("Enabled event sources: %s", AUDIT_SOURCE)
    return running.run(options.time_limit_s)


def _log_enabled(loaded: LoadedRules) -> None:
    """As Falco lists them for each source: by name."""
    names = sorted(rule.name for rule in loaded.plan.rules)
    _log.debug("Enabled rules:")
    for name in names:
        _log.debug("   %s", name.decode("utf-8", "replace"))
    _log.debug("(%d) enabled rules in total", len(names))
