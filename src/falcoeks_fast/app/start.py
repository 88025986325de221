"""The first steps: wishes of the command line to a configuration, and the log.

In: `StartOptions`. Out: `Config`, with the log set up and the start-up lines written. Called by the commands, and again
by the reloader for its dry run.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from falcoeks_fast.config import Config, ConfigError, check_plugins, default_path, load_config
from falcoeks_fast.config.model import AppendEntry, AuditSettings, ClusterSettings, EksSettings, Level, Plugin
from falcoeks_fast.config.plugins import PLUGIN_VERSIONS
from falcoeks_fast.log import set_up_log
from falcoeks_fast.versions import FALCO_VERSION, machine

_log = logging.getLogger("falcoeks_fast")
_FORMER_PRINT_WORDS = ("c", "container", "k", "kubernetes")


@dataclass(frozen=True, slots=True)
class StartOptions:
    """What the command line says about the configuration. Empty: not given."""

    config_path: str = ""
    overrides: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    region: str = ""
    profile: str = ""
    endpoint_url: str = ""
    events: str = ""
    compiled: str = ""
    print_text: str = ""


def usable_config(options: StartOptions) -> Config:
    """The configuration with its plugins looked at. Raises ConfigError."""
    config = read_config(options)
    check_plugins(config.plugins)
    return config


def read_config(options: StartOptions) -> Config:
    """The configuration as it is read; plugins that cannot work are found by `check_plugins`. Raises ConfigError."""
    check_config_path(options.config_path)
    path = options.config_path or default_path()
    config = load_config(path, options.overrides, plugins=_given_plugins(options))
    if options.compiled:
        config = replace(config, own=replace(config.own, compiled=options.compiled))
    if options.print_text and options.print_text not in _FORMER_PRINT_WORDS:
        entry = AppendEntry(extra_output=options.print_text)
        config = replace(config, append_output=(*config.append_output, entry))
    return config


def check_config_path(path: str) -> None:
    """Raises ConfigError if there is no such file; empty stands for the default one."""
    if path and not os.path.exists(path):
        raise ConfigError(f"Could not find configuration file at {path}")


def start_log(config: Config, arguments: Sequence[str]) -> None:
    """Set up the log and write Falco's first lines."""
    set_up_log(config.log)
    _log.info("Falco version: %s (%s)", FALCO_VERSION, machine())
    _log.debug("CLI args: %s", " ".join(("falco", *arguments)))
    if config.files:
        _log.info("Falco initialized with configuration files:")
        for file in sorted(config.files, key=lambda entry: entry.path):
            level = logging.INFO if file.verdict == "ok" else logging.WARNING
            _log.log(level, "   %s | schema validation: %s", file.path, file.verdict)
    for notice in config.notices:
        _log.log(logging.WARNING if notice.level is Level.WARNING else logging.INFO, "%s", notice.text)


def log_plugins(config: Config) -> None:
    for plugin in config.plugins:
        _log.info(
            "Loaded plugin '%s@%s' from file %s",
            plugin.name,
            PLUGIN_VERSIONS[plugin.name],
            plugin.library_file or "(built in)",
        )


def _given_plugins(options: StartOptions) -> tuple[Plugin, ...]:
    """`--cluster` and `--events` stand for a plugins section."""
    if options.clusters and options.events:
        raise ConfigError("--cluster and --events exclude each other: read either CloudWatch or files")
    json_plugin = Plugin("json", "", "", None)
    if options.clusters:
        clusters = tuple(
            ClusterSettings(name, options.region, profile=options.profile, endpoint_url=options.endpoint_url)
            for name in options.clusters
        )
        return Plugin("k8saudit-eks", "", options.clusters[0], EksSettings(clusters)), json_plugin
    if options.events:
        return Plugin("k8saudit", "", options.events, AuditSettings(options.events)), json_plugin
    return ()
