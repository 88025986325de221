"""Every setting that falco.yaml may hold: the one table behind validation, `--config-schema` and the documentation.

In: nothing. Out: `KEYS` by path and `SYSTEM_CALL_ONLY`, `REMOVED`. Called by `schema` and by the test that compares
docs/configuration.md with it. A path ending in `[]` stands for the elements of a sequence, `*` for any name.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    TEXT = "string"
    BOOL = "boolean"
    INT = "integer"
    NUMBER = "number"
    LIST = "array"
    MAP = "object"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Key:
    """`default` is what applies when the key is absent, as it would be written."""

    path: str
    kind: Kind
    default: str
    doc: str


def _table(rows: str) -> tuple[Key, ...]:
    keys = []
    for row in rows.strip().splitlines():
        path, kind, default, doc = (cell.strip() for cell in row.split("|", 3))
        keys.append(Key(path, Kind[kind.upper()], default, doc))
    return tuple(keys)


FALCO_KEYS = _table(
    """
    rules_files | list | the pack of this program | Rules files and directories, read in this order.
    rules_file | list | | Deprecated spelling of rules_files.
    rule_files | list | | Accepted by Falco's own schema and without effect there and here.
    rules | list | | Rules to switch on and off after loading, in order.
    rules[] | map | | One selection.
    rules[].enable | map | | Rules to switch on.
    rules[].enable.rule | text | | Name, `*` stands for anything.
    rules[].enable.tag | text | | Exact tag.
    rules[].disable | map | | Rules to switch off.
    rules[].disable.rule | text | | Name, `*` stands for anything.
    rules[].disable.tag | text | | Exact tag.
    priority | text | debug | Rules less severe than this are not evaluated.
    rule_matching | text | first | `first`: one alert per event; `all`: one per matching rule.
    append_output | list | | Text and fields to add to the output of rules.
    append_output[] | map | | One addition.
    append_output[].match | map | | Which rules; all given parts must hold.
    append_output[].match.source | text | | Event source of the rule.
    append_output[].match.tags | list | | Tags that the rule must all carry.
    append_output[].match.rule | text | | Exact rule name.
    append_output[].extra_output | text | | Template added to the text of the alert.
    append_output[].extra_fields | list | | Fields added to output_fields: `field`, or `name: template`.
    append_output[].suggested_output | bool | false | Add the fields that a plugin suggests.
    static_fields | map | | Constants that rules can use as `static.<name>`.
    static_fields.* | text | | The value.
    watch_config_files | bool | true | Reload when a configuration or rules file changes.
    config_files | list | | Further configuration files or directories, merged in order.
    config_files[] | any | | A path, or `path` with `strategy`.
    config_files[].path | text | | File or directory.
    config_files[].strategy | text | append | append, override or add-only.
    load_plugins | list | all of `plugins` | Which plugins to use, in this order.
    plugins | list | | Plugins and their settings.
    plugins[] | map | | One plugin.
    plugins[].name | text | | k8saudit-eks, k8saudit or json.
    plugins[].library_path | text | | Accepted; there is no library to load.
    plugins[].init_config | any | | The plugin's settings.
    plugins[].open_params | text | | What to read: cluster name, file, directory or webhook address.
    plugins_hostinfo | bool | true | Without it `evt.hostname` is empty; all else stays.
    json_output | bool | false | Alerts as JSON lines.
    json_include_output_property | bool | true | Put `output` into JSON alerts.
    json_include_message_property | bool | false | Put `message` into JSON alerts.
    json_include_output_fields_property | bool | true | Put `output_fields` into JSON alerts.
    json_include_tags_property | bool | true | Put `tags` into JSON alerts.
    time_format_iso_8601 | bool | false | Times as ISO 8601 in UTC instead of local time.
    buffered_outputs | bool | false | Accepted; alerts are always written at once.
    outputs_queue | map | | Queues between evaluation and outputs.
    outputs_queue.capacity | int | 0 | Alerts that one output may hold back; 0: only the limit in bytes.
    output_timeout | int | 2000 | Milliseconds for the outputs to end at a stop, and until a stuck output is reported.
    stdout_output | map | | Alerts to standard output.
    stdout_output.enabled | bool | false | Switch.
    syslog_output | map | | Alerts to syslog.
    syslog_output.enabled | bool | false | Switch.
    file_output | map | | Alerts to a file.
    file_output.enabled | bool | false | Switch.
    file_output.keep_alive | bool | false | Keep the file open between alerts.
    file_output.filename | text | | The file.
    program_output | map | | Alerts to a program's standard input.
    program_output.enabled | bool | false | Switch.
    program_output.keep_alive | bool | false | One process for all alerts.
    program_output.program | text | | Command line for /bin/sh.
    http_output | map | | Alerts to a web hook, one POST each.
    http_output.enabled | bool | false | Switch.
    http_output.url | text | | http or https URL.
    http_output.user_agent | text | falcosecurity/falco | User-Agent header.
    http_output.insecure | bool | false | Do not check the certificate.
    http_output.ca_cert | text | | File with the CA's certificate.
    http_output.ca_bundle | text | | File with several CA certificates.
    http_output.ca_path | text | /etc/ssl/certs | Directory of CA certificates.
    http_output.mtls | bool | false | Show a client certificate.
    http_output.client_cert | text | /etc/ssl/certs/client.crt | Client certificate.
    http_output.client_key | text | /etc/ssl/certs/client.key | Its key.
    http_output.echo | bool | false | Print the answers to standard output.
    http_output.compress_uploads | bool | false | Ask the receiver for compressed answers; bodies are sent as they are.
    http_output.keep_alive | bool | false | TCP keep-alive probes.
    http_output.max_consecutive_timeouts | int | 5 | Repeats after a timeout when delivery is not promised.
    webserver | map | | Health, versions and metrics.
    webserver.enabled | bool | false | Switch.
    webserver.threadiness | int | 0 | Requests answered at once; 0: number of processors.
    webserver.listen_port | int | 8765 | Port.
    webserver.listen_address | text | 0.0.0.0 | IPv4 or IPv6 address.
    webserver.k8s_healthz_endpoint | text | /healthz | Path of the liveness answer.
    webserver.prometheus_metrics_enabled | bool | false | Serve /metrics (with metrics.enabled).
    webserver.ssl_enabled | bool | false | HTTPS.
    webserver.ssl_certificate | text | /etc/falco/falco.pem | One PEM file with certificate and key.
    metrics | map | | Counters about the program itself.
    metrics.enabled | bool | false | Switch.
    metrics.interval | text | 5000 | Time between two snapshots, such as 1h30m.
    metrics.output_rule | bool | false | Snapshots as alerts.
    metrics.output_file | text | | Snapshots as lines of this file.
    metrics.rules_counters_enabled | bool | true | Counters per rule.
    metrics.resource_utilization_enabled | bool | true | CPU and memory.
    metrics.plugins_metrics_enabled | bool | true | Accepted, no effect: these plugins have none.
    metrics.convert_memory_to_mb | bool | true | Memory in snapshots as megabytes.
    metrics.include_empty_values | bool | false | Also write counters that are zero.
    log_stderr | bool | false (true if no log_* key is given) | Log to standard error.
    log_syslog | bool | true (false if no log_* key is given) | Log to syslog.
    log_level | text | info | emergency alert critical error warning notice info debug.
    """
)

OWN_KEYS = _table(
    """
    falcoeks | map | | Settings of this program.
    falcoeks.field_fixes | list | | Corrections of field values by name, or `all`; docs/compatibility.md names them.
    falcoeks.alert_id | bool | false | Put the alert id into output_fields as `falcoeks.alert_id`.
    falcoeks.raw_text | bool | false | Leave control characters in text alerts, as Falco 0.44 does.
    falcoeks.shadow | bool | false | Evaluate and count, deliver nothing.
    falcoeks.state_dir | text | /var/lib/falcoeks-fast (root), else in ~/.local/state | Checkpoints and dead letters.
    falcoeks.cache_dir | text | /var/cache/falcoeks-fast (root), else in ~/.cache | Compiled rules.
    falcoeks.dead_letter_dir | text | dead-letters in state_dir | Alerts that a receiver refused for good.
    falcoeks.compile | text | auto | `auto`: compile in the background if there is a compiler; `off`: never.
    falcoeks.compiled | text | | Bundle made by `falcoeks-fast compile`: `PATH` or `PATH@sha256:HEX`.
    falcoeks.prefilter | bool | true | Skip events of which a look at the bytes says that no rule can match.
    falcoeks.fetch_threads | int | 8 | Threads that fetch and evaluate pages.
    falcoeks.ceiling_calls_per_second | number | 5 | Most FilterLogEvents calls per second and account and region.
    falcoeks.max_catch_up | text | 24h | How far back a start after a pause goes.
    falcoeks.passes | list | settled, 2m | Cursors that read every window once more, trailing the clock.
    falcoeks.passes[] | map | | One pass.
    falcoeks.passes[].name | text | | Shown in status and metrics.
    falcoeks.passes[].lag | text | | How far it trails the clock, such as 2m; 5s at least.
    falcoeks.suppress | list | | Repeats of alerts to hold back; docs/delivery.md explains it.
    falcoeks.suppress[] | map | | One rule.
    falcoeks.suppress[].rule | text | | The rule's name, or `*` for all others.
    falcoeks.suppress[].by | list | | Fields in which repeats agree; none: every alert of the rule is a repeat.
    falcoeks.suppress[].window | text | 10m | How long after an alert its repeats are held back.
    falcoeks.suppress[].keep | text | first | Which alert is delivered; there is no other choice.
    falcoeks.rule_costs | bool | true | Measure what rules cost, for /metrics, in at most 0.5 % of the CPU time.
    falcoeks.ready_lag | text | 2m | /readyz answers 503 when a cluster is further behind than this.
    falcoeks.status_interval | text | 1m | Time between two status lines in the log; 0s: none.
    falcoeks.log_format | text | falco | `falco` or `json`.
    falcoeks.outputs | map | | Queues and promises of the outputs.
    falcoeks.outputs.queue_bytes | int | 8388608 | Bytes of alerts that one output may hold back.
    falcoeks.outputs.at_least_once | list | http | Outputs that promise delivery: http, file, stdout, program, syslog.
    falcoeks.outputs.spool_dir | text | spool in state_dir | Where these outputs keep what their receiver does not take.
    falcoeks.outputs.spool_bytes | int | 268435456 | Most bytes that one of them keeps there; 0: no spool, only memory.
    falcoeks.outputs.http_timeout | text | 10s | Time for one request.
    falcoeks.outputs.retry_delay_max | text | 30s | Longest pause between two attempts.
    """
)

SYSTEM_CALL_ONLY = (
    "engine",
    "syscall_event_timeouts",
    "syscall_event_drops",
    "base_syscalls",
    "falco_libs",
    "capture",
    "buffer_format_base64",
    "libs_logger",
    "metrics.state_counters_enabled",
    "metrics.kernel_event_counters_enabled",
    "metrics.kernel_event_counters_per_cpu_enabled",
    "metrics.kernel_iter_event_counters_enabled",
    "metrics.libbpf_stats_enabled",
    "metrics.jemalloc_stats_enabled",
    "syscall_buf_size_preset",
    "syscall_drop_failed_exit",
    "modern_bpf",
    "container_engines",
    "metadata_download",
)

REMOVED = {
    "grpc": "gRPC was removed from Falco 0.44; use http_output",
    "grpc_output": "gRPC was removed from Falco 0.44; use http_output",
    "outputs": "the rate limiter was removed from Falco 0.37; it has no effect",
}

KEYS = {key.path: key for key in FALCO_KEYS + OWN_KEYS}


def children(path: str) -> list[str]:
    """Names that may stand under a mapping of the table; `path` is empty at the top."""
    prefix = path + "." if path else ""
    names = {key[len(prefix) :].partition(".")[0].partition("[")[0] for key in KEYS if key.startswith(prefix)}
    names |= {name[len(prefix) :] for name in SYSTEM_CALL_ONLY if name.startswith(prefix)}
    if not path:
        names |= set(REMOVED)
    return sorted(name for name in names if name and name != "*" and "." not in name)
