"""falco.yaml to `Config`.

In: the path of the main file, the options of the command line, the environment. Out: `Config`. Called by the command
line at start, and again for the dry run of a reload.
"""

from __future__ import annotations

import os
from collections.abc import Mapping as Environment
from collections.abc import Sequence

from .channels import check_metrics, read_alert_format, read_log, read_metrics, read_outputs, read_web
from .errors import ConfigError, SettingError
from .merge import Merged, read_merged
from .model import Config, Level, Notice, Plugin
from .overrides import parse_override
from .own import dead_letter_dir, read_own, spool_dir
from .plugins import read_plugins
from .rule_settings import (
    read_append_output,
    read_match_all,
    read_priority,
    read_rules_files,
    read_selections,
    read_static_fields,
)
from .tree import Mapping
from .values import find, get_bool, get_text, has

DEFAULT_PATH = "/etc/falco/falco.yaml"
_ENGINE_KINDS = ("kmod", "modern_ebpf", "nodriver", "replay")
_LOOKED_UP = (
    "syscall_event_drops.actions",
    "syscall_event_timeouts.max_consecutives",
    "base_syscalls.custom_set",
    "falco_libs.thread_table_size",
)
"""Settings without effect whose mapping must be one all the same: Falco does not start otherwise."""


def default_path() -> str | None:
    """Falco's own default file, if there is one."""
    return DEFAULT_PATH if os.path.isfile(DEFAULT_PATH) else None


def load_config(
    path: str | None,
    options: Sequence[str] = (),
    environment: Environment[str, str] | None = None,
    plugins: Sequence[Plugin] = (),
) -> Config:
    """Read everything; `path` None: no file, only `options`. `plugins` replace those of the configuration if given.

    Raises ConfigError: unreadable or malformed files, impossible values, contradictions.
    """
    environment = os.environ if environment is None else environment
    merged = read_merged(path, [parse_override(option) for option in options], environment)
    try:
        return _read(merged, environment, plugins)
    except SettingError as error:
        if path is None:
            raise
        raise ConfigError(f"Error reading config file ({path}): {error}") from error


def _read(merged: Merged, environment: Environment[str, str], plugins: Sequence[Plugin]) -> Config:
    tree = merged.tree
    notices = _file_notices(merged)
    _check_engine(tree, notices)
    alerts = read_alert_format(tree)
    own = read_own(tree, environment)
    outputs, output_notes = read_outputs(tree, alerts.json_output, dead_letter_dir(tree, own), spool_dir(tree, own))
    web = read_web(tree)
    rules_files, rules_warnings = read_rules_files(tree)
    append_output, append_warnings = read_append_output(tree)
    configured, plugin_notes = ((), []) if plugins else read_plugins(tree)
    notices += [Notice(Level.WARNING, text) for text in (*rules_warnings, *append_warnings)]
    notices += [Notice(Level.INFO, text) for text in plugin_notes]
    return Config(
        files=tuple(merged.files),
        tree=tree,
        rules_files=rules_files,
        selections=read_selections(tree),
        append_output=append_output,
        static_fields=read_static_fields(tree),
        priority=read_priority(tree),
        match_all=read_match_all(tree),
        watch_config_files=get_bool(tree, "watch_config_files", True),
        watched_paths=tuple(merged.watched),
        plugins=tuple(plugins) or tuple(configured),
        names_plugins=bool(plugins) or has(tree, "plugins") or has(tree, "load_plugins"),
        alerts=alerts,
        outputs=outputs,
        output_notes=tuple(output_notes),
        web=web,
        metrics=read_metrics(tree),
        log=read_log(tree),
        own=own,
        notices=tuple(notices),
    )


def require_outputs(config: Config) -> None:
    """Raises ConfigError if every output is switched off."""
    if not config.outputs.enabled:
        raise ConfigError(
            "No output configured, please make sure at least one output is configured and enabled. "
            "Outputs are stdout_output, file_output, syslog_output, program_output, http_output"
        )


def require_metrics(config: Config) -> None:
    """Raises ConfigError if metrics are switched on and cannot work. Falco looks at this last, when it starts."""
    check_metrics(config.metrics, config.web.prometheus)


def _file_notices(merged: Merged) -> list[Notice]:
    notices = [Notice(Level.WARNING, text) for check in merged.checks for text in check.warnings]
    ignored = list(dict.fromkeys(name for check in merged.checks for name in check.ignored))
    if ignored:
        count = len(ignored)
        shown = ", ".join(ignored[:6]) + (", …" if count > 6 else "")
        what = "setting that only applies" if count == 1 else "settings that only apply"
        notices.append(Notice(Level.INFO, f"Ignoring {count} {what} to system-call monitoring: {shown}"))
    return notices


def _check_engine(tree: Mapping, notices: list[Notice]) -> None:
    kind = get_text(tree, "engine.kind", "kmod")
    if kind not in _ENGINE_KINDS:
        raise SettingError(f"engine.kind '{kind}' is not a valid kind. Valid are {', '.join(_ENGINE_KINDS)}")
    for path in _LOOKED_UP:
        find(tree, path)
    if kind in ("kmod", "modern_ebpf"):
        find(tree, f"engine.{kind}.buf_size_preset")
    if kind == "replay":
        raise ConfigError(
            "engine.kind: replay of .scap files is not supported; feed audit events as JSON lines instead "
            "(plugin k8saudit with a file as open_params)"
        )
    if get_bool(tree, "capture.enabled", False):
        notices.append(Notice(Level.WARNING, "capture.enabled has no effect: there are no system calls to capture"))
