"""The configuration as the program uses it: frozen, typed, complete.

In: nothing. Out: `Config` and its parts; `load` builds them, the app reads them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum

from falcoeks_fast.engine.outputs.settings import OutputsSettings

from .tree import Mapping

PLUGINS_DIRECTORY = "/usr/share/falco/plugins"


@dataclass(frozen=True, slots=True)
class Selection:
    """Switch rules on or off: by a name pattern or by a tag, the other one empty."""

    enable: bool
    rule: str = ""
    tag: str = ""


@dataclass(frozen=True, slots=True)
class AppendEntry:
    """One entry of `append_output`. `fields` are (name, template); no template means the raw field `name`."""

    source: str = ""
    tags: tuple[str, ...] = ()
    rule: str = ""
    extra_output: str = ""
    fields: tuple[tuple[str, str | None], ...] = ()
    suggested_output: bool = False


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """One EKS cluster to read. Empty strings mean: as the environment says."""

    name: str
    region: str = ""
    account: str = ""
    profile: str = ""
    role_arn: str = ""
    external_id: str = ""
    endpoint_url: str = ""


@dataclass(frozen=True, slots=True)
class EksSettings:
    """init_config of k8saudit-eks. Times in seconds, sizes in bytes; `max_event_size_bytes` 0: no limit."""

    clusters: tuple[ClusterSettings, ...]
    shift_s: int = 1
    polling_interval_s: int = 5
    buffer_size: int = 200
    max_event_size_bytes: int = 0  # none: padding must not hide an event


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """init_config and open_params of k8saudit. Sizes in bytes."""

    open_params: str
    ssl_certificate: str = "/etc/falco/falco.pem"
    max_event_size_bytes: int = 0  # none: padding must not hide an event
    webhook_max_batch_bytes: int = 12_582_912


@dataclass(frozen=True, slots=True)
class Plugin:
    """`settings` is None for the json plugin, which has none that matter.

    `problem`: what is wrong with its init_config, so that there are none; see `check_plugins`.
    """

    name: str
    library_path: str
    open_params: str
    settings: EksSettings | AuditSettings | None
    problem: str = ""

    @property
    def library_file(self) -> str:
        """Where Falco would find the library; empty where the configuration names none."""
        return os.path.join(PLUGINS_DIRECTORY, self.library_path) if self.library_path else ""


@dataclass(frozen=True, slots=True)
class AlertFormat:
    json_output: bool = False
    include_output: bool = True
    include_message: bool = False
    include_output_fields: bool = True
    include_tags: bool = True
    iso8601: bool = False
    raw_text: bool = False
    alert_id: bool = False
    host_info: bool = True


@dataclass(frozen=True, slots=True)
class WebSettings:
    enabled: bool = False
    listen_address: str = "0.0.0.0"
    listen_port: int = 8765
    healthz_path: str = "/healthz"
    threadiness: int = 0
    ssl_enabled: bool = False
    ssl_certificate: str = "/etc/falco/falco.pem"
    prometheus: bool = False


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    enabled: bool = False
    interval: str = ""
    interval_ms: int = 0
    output_rule: bool = False
    output_file: str = ""
    rules_counters: bool = True
    resources: bool = True
    memory_in_mb: bool = True
    include_empty: bool = False


@dataclass(frozen=True, slots=True)
class LogSettings:
    stderr: bool = True
    syslog: bool = False
    level: str = "info"
    iso8601: bool = False
    json: bool = False


@dataclass(frozen=True, slots=True)
class PassSettings:
    name: str
    lag_s: float


@dataclass(frozen=True, slots=True)
class SuppressEntry:
    """Repeats of a rule's alerts (`*`: any rule's) with the same values of `by` are held back for `window_s`."""

    rule: str
    by: tuple[str, ...] = ()
    window_s: float = 600.0


@dataclass(frozen=True, slots=True)
class OwnSettings:
    """The mapping `falcoeks`. Times in seconds; empty means: not given."""

    field_fixes: frozenset[str] = frozenset()
    shadow: bool = False
    state_dir: str = ""
    cache_dir: str = ""
    compile: bool = True
    compiled: str = ""
    prefilter: bool = True
    fetch_threads: int = 8
    ceiling_calls_per_second: float = 5.0
    max_catch_up_s: float = 86_400.0
    passes: tuple[PassSettings, ...] = ()
    ready_lag_s: float = 120.0
    status_interval_s: float = 60.0
    suppress: tuple[SuppressEntry, ...] = ()
    rule_costs: bool = True


class Level(Enum):
    """Severity of a notice about the configuration."""

    INFO = "info"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to say in the log once the program starts."""

    level: Level
    text: str


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """`named`: given by the user, not found in a directory. `verdict`: see `SchemaCheck`. `digest`: SHA-256 in hex."""

    path: str
    verdict: str
    named: bool
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Config:
    """Everything.

    `rules_files`: None where the configuration names none. `names_plugins`: whether it says which plugins to load, be
    it none. `output_notes`: lines for a run's log.
    """

    files: tuple[ConfigFile, ...]
    tree: Mapping
    rules_files: tuple[str, ...] | None
    selections: tuple[Selection, ...]
    append_output: tuple[AppendEntry, ...]
    static_fields: tuple[tuple[str, str], ...]
    priority: int
    match_all: bool
    watch_config_files: bool
    watched_paths: tuple[str, ...]
    plugins: tuple[Plugin, ...]
    names_plugins: bool
    alerts: AlertFormat
    outputs: OutputsSettings
    output_notes: tuple[str, ...]
    web: WebSettings
    metrics: MetricsSettings
    log: LogSettings
    own: OwnSettings
    notices: tuple[Notice, ...]

    @property
    def main_file(self) -> str:
        return self.files[0].path if self.files else ""
