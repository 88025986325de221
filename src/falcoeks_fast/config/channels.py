"""The sections of falco.yaml about what comes out: alert format, outputs, web server, metrics, log.

In: the merged tree. Out: values of `model` and of `engine.outputs.settings`. Called by `load`.
"""

from __future__ import annotations

import ipaddress

from falcoeks_fast.engine.outputs.settings import (
    ORDER,
    FileSettings,
    HttpSettings,
    OutputsSettings,
    ProgramSettings,
    QueueSettings,
    SyslogSettings,
)

from .duration import parse_duration_ms
from .errors import ConfigError, SettingError
from .model import AlertFormat, LogSettings, MetricsSettings, WebSettings
from .tree import Mapping, Scalar
from .values import find, get_bool, get_int, get_text, get_texts, has, list_of

LOG_LEVELS = ("emergency", "alert", "critical", "error", "warning", "notice", "info", "debug")
_LIBRARY_LEVELS = ("fatal", "critical", "error", "warning", "notice", "info", "debug", "trace")
_INTERVAL_FLOOR_MS = 100
_SPOOL_FLOOR_BYTES = 65_536


def read_alert_format(tree: Mapping) -> AlertFormat:
    return AlertFormat(
        json_output=get_bool(tree, "json_output", False),
        include_output=get_bool(tree, "json_include_output_property", True),
        include_message=get_bool(tree, "json_include_message_property", False),
        include_output_fields=get_bool(tree, "json_include_output_fields_property", True),
        include_tags=get_bool(tree, "json_include_tags_property", True),
        iso8601=get_bool(tree, "time_format_iso_8601", False),
        raw_text=get_bool(tree, "falcoeks.raw_text", False),
        alert_id=get_bool(tree, "falcoeks.alert_id", False),
        host_info=get_bool(tree, "plugins_hostinfo", True),
    )


def read_outputs(
    tree: Mapping, json_output: bool, dead_letter_dir: str, spool_dir: str
) -> tuple[OutputsSettings, list[str]]:
    """The outputs, and lines for the log. No output key at all means stdout; all of them off is an error."""
    notes: list[str] = []
    stdout = get_bool(tree, "stdout_output.enabled", False)
    if not any(has(tree, f"{name}_output") for name in ORDER):
        stdout = True
        notes.append("No output is configured: alerts go to standard output")
    settings = OutputsSettings(
        stdout=stdout,
        file=_file(tree),
        syslog=SyslogSettings() if get_bool(tree, "syslog_output.enabled", False) else None,
        program=_program(tree),
        http=_http(tree, json_output),
        at_least_once=_promises(tree),
        dead_letter_dir=dead_letter_dir,
        spool_dir=spool_dir,
        spool_bytes=_spool_bytes(tree),
        queue=QueueSettings(
            capacity=get_int(tree, "outputs_queue.capacity", 0),
            max_bytes=get_int(tree, "falcoeks.outputs.queue_bytes", 8 << 20, low=4096),
            output_timeout_s=get_int(tree, "output_timeout", 2000) / 1000,
            retry_delay_max_s=_seconds(tree, "falcoeks.outputs.retry_delay_max", "30s"),
        ),
    )
    if settings.http is not None and not json_output:
        notes.append("http_output sends text, because json_output is false; falcosidekick needs json_output: true")
    return settings, notes


def _file(tree: Mapping) -> FileSettings | None:
    if not get_bool(tree, "file_output.enabled", False):
        return None
    filename = get_text(tree, "file_output.filename")
    if not filename:
        raise SettingError("file output enabled but no filename in configuration block")
    return FileSettings(filename, get_text(tree, "file_output.keep_alive") == "true")


def _program(tree: Mapping) -> ProgramSettings | None:
    if not get_bool(tree, "program_output.enabled", False):
        return None
    command = get_text(tree, "program_output.program")
    if not command:
        raise SettingError("program output enabled but no program in configuration block")
    return ProgramSettings(command, get_text(tree, "program_output.keep_alive") == "true")


def _http(tree: Mapping, json_output: bool) -> HttpSettings | None:
    if not get_bool(tree, "http_output.enabled", False):
        return None
    url = get_text(tree, "http_output.url").strip().strip("'\"").strip()
    if not url:
        raise SettingError("http output enabled but no url in configuration block")
    if not url.lower().startswith(("http://", "https://")):
        raise ConfigError(f"http_output.url must begin with http:// or https://, not '{url.split(':')[0]}:'")
    return HttpSettings(
        url=url,
        user_agent=get_text(tree, "http_output.user_agent", "falcosecurity/falco"),
        insecure=get_bool(tree, "http_output.insecure", False),
        ca_cert=get_text(tree, "http_output.ca_cert"),
        ca_bundle=get_text(tree, "http_output.ca_bundle"),
        ca_path=get_text(tree, "http_output.ca_path", "/etc/ssl/certs"),
        mtls=get_bool(tree, "http_output.mtls", False),
        client_cert=get_text(tree, "http_output.client_cert", "/etc/ssl/certs/client.crt"),
        client_key=get_text(tree, "http_output.client_key", "/etc/ssl/certs/client.key"),
        echo=get_bool(tree, "http_output.echo", False),
        compress_uploads=get_bool(tree, "http_output.compress_uploads", False),
        keep_alive=get_bool(tree, "http_output.keep_alive", False),
        max_consecutive_timeouts=get_int(tree, "http_output.max_consecutive_timeouts", 5, high=255),
        json_output=json_output,
        timeout_s=_seconds(tree, "falcoeks.outputs.http_timeout", "10s"),
    )


def _promises(tree: Mapping) -> frozenset[str]:
    node = find(tree, "falcoeks.outputs.at_least_once")
    if node is None:
        return frozenset({"http"})
    names = get_texts(tree, "falcoeks.outputs.at_least_once")
    for item in list_of(node):
        if isinstance(item, Scalar) and item.text not in ORDER:
            raise ConfigError(f"{item.place}: '{item.text}' is no output; outputs are {', '.join(ORDER)}")
    return frozenset(names)


def _spool_bytes(tree: Mapping) -> int:
    size = get_int(tree, "falcoeks.outputs.spool_bytes", 256 << 20)
    if 0 < size < _SPOOL_FLOOR_BYTES:
        raise ConfigError(
            f"'falcoeks.outputs.spool_bytes' must be 0, for no spool, or at least {_SPOOL_FLOOR_BYTES}, not {size}"
        )
    return size


def _seconds(tree: Mapping, path: str, default: str) -> float:
    text = get_text(tree, path, default)
    duration_ms = parse_duration_ms(text)
    if duration_ms <= 0:
        raise ConfigError(f"'{path}' must be a time such as 10s or 1m30s, not '{text}'")
    return duration_ms / 1000


def read_web(tree: Mapping) -> WebSettings:
    enabled = get_bool(tree, "webserver.enabled", False)
    address = get_text(tree, "webserver.listen_address", "0.0.0.0")
    try:
        ipaddress.ip_address(address)
    except ValueError as error:
        raise SettingError(f'webserver listen address "{address}" is not a valid IP address') from error
    return WebSettings(
        enabled=enabled,
        listen_address=address,
        listen_port=get_int(tree, "webserver.listen_port", 8765, high=65_535),
        healthz_path=get_text(tree, "webserver.k8s_healthz_endpoint", "/healthz"),
        threadiness=get_int(tree, "webserver.threadiness", 0, high=1024),
        ssl_enabled=get_bool(tree, "webserver.ssl_enabled", False),
        ssl_certificate=get_text(tree, "webserver.ssl_certificate", "/etc/falco/falco.pem"),
        prometheus=get_bool(tree, "webserver.prometheus_metrics_enabled", False),
    )


def read_metrics(tree: Mapping) -> MetricsSettings:
    enabled = get_bool(tree, "metrics.enabled", False)
    interval = get_text(tree, "metrics.interval", "5000")
    return MetricsSettings(
        enabled=enabled,
        interval=interval,
        interval_ms=parse_duration_ms(interval),
        output_rule=get_bool(tree, "metrics.output_rule", False),
        output_file=get_text(tree, "metrics.output_file"),
        rules_counters=get_bool(tree, "metrics.rules_counters_enabled", True),
        resources=get_bool(tree, "metrics.resource_utilization_enabled", True),
        memory_in_mb=get_bool(tree, "metrics.convert_memory_to_mb", True),
        include_empty=get_bool(tree, "metrics.include_empty_values", False),
    )


def check_metrics(settings: MetricsSettings, prometheus: bool) -> None:
    """Raises ConfigError."""
    if not settings.enabled:
        return
    if settings.interval_ms < _INTERVAL_FLOOR_MS:
        raise ConfigError(
            f"Metrics interval must have a minimum value of {_INTERVAL_FLOOR_MS}ms and reflect a Prometheus compliant "
            "time duration format: https://prometheus.io/docs/prometheus/latest/querying/basics/#time-durations. "
            f"'metrics.interval' must be a time such as 15m or 1h30m, not '{settings.interval}'"
        )
    if not (settings.output_rule or settings.output_file or prometheus):
        raise ConfigError(
            "Metrics are enabled with no output configured. Please enable at least one output channel "
            "('metrics.output_rule', 'metrics.output_file' or 'webserver.prometheus_metrics_enabled')"
        )


def read_log(tree: Mapping) -> LogSettings:
    """Without any log_stderr or log_syslog, logs go to standard error; with one of them Falco's defaults hold."""
    given = has(tree, "log_stderr") or has(tree, "log_syslog")
    level = get_text(tree, "log_level", "info")
    if level not in LOG_LEVELS:
        raise ConfigError(f"Unknown log level {level}; known are {', '.join(LOG_LEVELS)}")
    library_level = get_text(tree, "libs_logger.severity", "info")
    if library_level not in _LIBRARY_LEVELS:
        raise ConfigError(f"Unknown sinsp log severity {library_level}; known are {', '.join(_LIBRARY_LEVELS)}")
    log_format = get_text(tree, "falcoeks.log_format", "falco")
    if log_format not in ("falco", "json"):
        raise ConfigError(f"'falcoeks.log_format' must be falco or json, not '{log_format}'")
    return LogSettings(
        stderr=get_bool(tree, "log_stderr", False) if given else True,
        syslog=get_bool(tree, "log_syslog", True) if given else False,
        level=level,
        iso8601=get_bool(tree, "time_format_iso_8601", False),
        json=log_format == "json",
    )
