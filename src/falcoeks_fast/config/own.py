"""The mapping `falcoeks`: settings that Falco does not have.

In: the merged tree, the environment. Out: `OwnSettings` and the directory of dead letters. Called by `load`. Unlike
Falco's own keys these are checked strictly.
"""

from __future__ import annotations

import os
from collections.abc import Mapping as Environment
from pathlib import Path

from .duration import parse_duration_ms
from .errors import ConfigError
from .model import OwnSettings, PassSettings
from .suppression import read_suppress
from .tree import Mapping
from .values import find, get_bool, get_int, get_nodes, get_text, get_texts

_PROGRAM = "falcoeks-fast"
_THREADS_LIMIT = 64
_RESERVED_PASSES = ("early", "range")
_LAG_FLOOR_MS = 5_000


def read_own(tree: Mapping, environment: Environment[str, str]) -> OwnSettings:
    """Raises ConfigError."""
    word = get_text(tree, "falcoeks.compile", "auto")
    if word not in ("auto", "off"):
        raise ConfigError(f"{_where(tree, 'falcoeks.compile')}: 'falcoeks.compile' must be auto or off, not '{word}'")
    return OwnSettings(
        field_fixes=frozenset(get_texts(tree, "falcoeks.field_fixes")),
        shadow=get_bool(tree, "falcoeks.shadow", False),
        state_dir=get_text(tree, "falcoeks.state_dir")
        or _default_dir(environment, "XDG_STATE_HOME", ".local/state", "/var/lib"),
        cache_dir=get_text(tree, "falcoeks.cache_dir")
        or _default_dir(environment, "XDG_CACHE_HOME", ".cache", "/var/cache"),
        compile=word == "auto",
        compiled=get_text(tree, "falcoeks.compiled"),
        prefilter=get_bool(tree, "falcoeks.prefilter", True),
        fetch_threads=get_int(tree, "falcoeks.fetch_threads", 8, low=1, high=_THREADS_LIMIT),
        ceiling_calls_per_second=_rate(tree),
        max_catch_up_s=_seconds(tree, "falcoeks.max_catch_up", "24h"),
        passes=_passes(tree),
        ready_lag_s=_seconds(tree, "falcoeks.ready_lag", "2m"),
        status_interval_s=_seconds(tree, "falcoeks.status_interval", "1m"),
        suppress=read_suppress(tree),
        rule_costs=get_bool(tree, "falcoeks.rule_costs", True),
    )


def dead_letter_dir(tree: Mapping, own: OwnSettings) -> str:
    return get_text(tree, "falcoeks.dead_letter_dir") or os.path.join(own.state_dir, "dead-letters")


def spool_dir(tree: Mapping, own: OwnSettings) -> str:
    return get_text(tree, "falcoeks.outputs.spool_dir") or os.path.join(own.state_dir, "spool")


def _default_dir(environment: Environment[str, str], variable: str, home_part: str, system: str) -> str:
    base = environment.get(variable, "")
    if base:
        return os.path.join(base, _PROGRAM)
    if os.geteuid() == 0:
        return os.path.join(system, _PROGRAM)
    home = environment.get("HOME", "") or str(Path.home())
    return os.path.join(home, home_part, _PROGRAM)


def _rate(tree: Mapping) -> float:
    text = get_text(tree, "falcoeks.ceiling_calls_per_second", "5")
    rate = float(text)
    if not 0 < rate <= 1000:
        raise ConfigError(
            f"{_where(tree, 'falcoeks.ceiling_calls_per_second')}: 'falcoeks.ceiling_calls_per_second' must be above 0 "
            f"and at most 1000, not {text}"
        )
    return rate


def _passes(tree: Mapping) -> tuple[PassSettings, ...]:
    passes: list[PassSettings] = []
    for node in get_nodes(tree, "falcoeks.passes"):
        name = get_text(node, "name") if isinstance(node, Mapping) else ""
        lag = get_text(node, "lag") if isinstance(node, Mapping) else ""
        if not name or name in _RESERVED_PASSES or parse_duration_ms(lag) < _LAG_FLOOR_MS:
            raise ConfigError(
                f"{node.place}: an entry of 'falcoeks.passes' needs a name, not {_RESERVED_PASSES[0]}, and a lag "
                "such as 2m, 5s at least"
            )
        passes.append(PassSettings(name, parse_duration_ms(lag) / 1000))
    if len({entry.name for entry in passes}) < len(passes) or len({entry.lag_s for entry in passes}) < len(passes):
        raise ConfigError(
            f"{_where(tree, 'falcoeks.passes')}: entries of 'falcoeks.passes' must differ in name and lag"
        )
    return tuple(sorted(passes, key=lambda entry: entry.lag_s))


def _seconds(tree: Mapping, path: str, default: str) -> float:
    """A duration; `0` and `0s` are zero."""
    text = get_text(tree, path, default)
    duration_ms = parse_duration_ms(text)
    if duration_ms == 0 and text.strip() not in ("0", "0s", "0ms"):
        raise ConfigError(f"{_where(tree, path)}: '{path}' must be a time such as 90s or 24h, not '{text}'")
    return duration_ms / 1000


def _where(tree: Mapping, path: str) -> str:
    node = find(tree, path)
    return str(node.place if node is not None else tree.place)
