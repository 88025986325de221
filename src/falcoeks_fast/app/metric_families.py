"""What `/metrics` shows: Falco's names, and ours under `falcoeks_`.

In: the running program. Out: metric families. Called by the web server's threads.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable

from falcoeks_fast.engine.metrics import Family, MetricKind, label_name
from falcoeks_fast.engine.resources import boot_time_ns, read_resources
from falcoeks_fast.engine.statistics import EventCounts, RuleFacts
from falcoeks_fast.poller.status import ClusterStatus
from falcoeks_fast.versions import FALCO_VERSION

from .generation import event_host_name
from .moments import Moments
from .view import View

_COUNTER, _GAUGE = MetricKind.COUNTER, MetricKind.GAUGE


def metric_families(view: View, moments: Moments, elapsed_s: float) -> list[Family]:
    """Everything, in Falco's order, then ours. `elapsed_s`: since the start."""
    families = _falco(view, moments, elapsed_s)
    if view.config.metrics.rules_counters:
        families.append(_rule_matches(view.statistics.totals().rules))
    if view.config.metrics.resources:
        families += _resources(moments)
    families += _outputs(view) + _events(view) + _clusters(view) + _program(view, moments)
    return families + _rule_costs(view)


def _gauge(name: str, value: int | float = 1, help: str = "", **labels: str) -> Family:
    family = Family(name, _GAUGE, help) if help else Family(name, _GAUGE)
    return family.add(value, labels)


def _falco(view: View, moments: Moments, elapsed_s: float) -> list[Family]:
    prefix = "falcosecurity_falco"
    rules_files = Family(f"{prefix}_sha256_rules_files_info", _GAUGE)
    for name, digest in view.loaded.digests:
        rules_files.add(1, {"file_name": os.path.basename(name), "sha256": digest})
    config_files = Family(f"{prefix}_sha256_config_files_info", _GAUGE)
    for name, digest in config_digests(view):
        config_files.add(1, {"file_name": os.path.basename(name), "sha256": digest})
    dispatcher = view.dispatcher
    drops = sum(state.dropped for state in dispatcher.states()) if dispatcher is not None else 0
    return [
        _gauge(f"{prefix}_version_info", version=FALCO_VERSION),
        rules_files,
        config_files,
        _gauge("falcosecurity_scap_engine_name_info", engine_name="source_plugin", evt_source="k8s_audit"),
        _gauge(f"{prefix}_kernel_release_info", kernel_release=platform.release()),
        _gauge("falcosecurity_evt_hostname_info", hostname=event_host_name(view.config)),
        Family(f"{prefix}_outputs_queue_num_drops_total", _COUNTER).add(drops),
        _gauge(f"{prefix}_reload_timestamp_nanoseconds", moments.reloaded_ns),
        _gauge(f"{prefix}_start_timestamp_nanoseconds", moments.started_ns),
        Family(f"{prefix}_duration_seconds_total", _COUNTER).add(int(elapsed_s)),
        _gauge(f"{prefix}_host_boot_timestamp_nanoseconds", boot_time_ns()),
        _gauge(f"{prefix}_host_num_cpus_total", os.cpu_count() or 0),
    ]


def config_digests(view: View) -> list[tuple[str, str]]:
    """Name and SHA-256 of each configuration file that the user named."""
    return [(file.path, file.digest) for file in view.config.files if file.named]


def _rule_matches(rules: Iterable[tuple[RuleFacts, int]]) -> Family:
    family = Family("falcosecurity_falco_rules_matches_total", _COUNTER)
    for facts, count in rules:
        labels = {"priority": str(facts.priority), "rule_name": facts.name, "source": facts.source}
        labels |= {label_name(f"tag_{tag}"): "true" for tag in facts.tags}
        family.add(count, labels)
    return family


def _resources(moments: Moments) -> list[Family]:
    found = read_resources(moments.monotonic_s)
    prefix = "falcosecurity_falco"
    return [
        _gauge(f"{prefix}_cpu_usage_ratio", found.cpu_ratio),
        _gauge(f"{prefix}_memory_rss_bytes", found.rss),
        _gauge(f"{prefix}_memory_vsz_bytes", found.vsz),
        _gauge(f"{prefix}_memory_pss_bytes", found.pss),
        _gauge(f"{prefix}_container_memory_used_bytes", found.container_memory),
        _gauge(f"{prefix}_host_cpu_usage_ratio", found.host_cpu_ratio),
        _gauge(f"{prefix}_host_memory_used_bytes", found.host_memory),
        _gauge(f"{prefix}_host_procs_running_total", found.host_processes_running),
        _gauge(f"{prefix}_host_open_fds_total", found.host_open_files),
    ]


def _outputs(view: View) -> list[Family]:
    states = view.dispatcher.states() if view.dispatcher is not None else []
    rows = (
        ("queued", _GAUGE, "Alerts waiting in the queue of an output"),
        ("delivered", _COUNTER, "Alerts that an output has delivered"),
        ("retried", _COUNTER, "Attempts that an output repeated"),
        ("refused", _COUNTER, "Alerts that the receiver refused for good, see the dead letters"),
        ("dropped", _COUNTER, "Alerts that an output lost"),
        ("spooled", _GAUGE, "Alerts on disk until the receiver takes them"),
        ("spooled_bytes", _GAUGE, "Bytes of alerts on disk"),
        ("damaged", _COUNTER, "Records of the spool that were incomplete or damaged and were cut off"),
    )
    families = []
    for name, kind, text in rows:
        family = Family(f"falcoeks_output_{name}{'_total' if kind is _COUNTER else ''}", kind, text)
        for state in states:
            family.add(getattr(state, name), {"output": state.name})
        families.append(family)
    up = Family("falcoeks_output_up", _GAUGE, "Whether an output works")
    for state in states:
        up.add(0 if state.trouble else 1, {"output": state.name})
    return [*families, up]


def _rule_costs(view: View) -> list[Family]:
    if view.sampler is None:
        return []
    cost = Family("falcoeks_rule_cost_nanoseconds", _GAUGE, "CPU time of a rule alone for each event, sampled")
    events = Family("falcoeks_rule_sampled_events", _GAUGE, "Events on which a rule's cost was sampled")
    matches = Family("falcoeks_rule_sampled_matches", _GAUGE, "How many of these the rule matched")
    for it in view.sampler.costs():
        labels = {"rule_name": it.rule}
        cost.add(it.ns, labels)
        events.add(it.events, labels)
        matches.add(it.matches, labels)
    spent = Family("falcoeks_rule_costs_cpu_seconds_total", _COUNTER, "CPU time that measuring the rules took")
    return [cost, events, matches, spent.add(view.sampler.spent_s)]


_EVENT_HELP = {
    "events": "Audit events evaluated",
    "messages": "Log events, lines or payloads looked at",
    "repeated": "Messages recognised as seen before",
    "malformed": "Messages that are not JSON",
    "not_audit": "Messages that are no audit event",
    "bad_time": "Events without a usable time",
    "oversize": "Events larger than max_event_size",
    "truncated": "Events cut by CloudWatch Logs, evaluated on what is there",
    "prefiltered": "Events of which the prefilter said that no rule can match",
    "alerts": "Alerts",
    "suppressed": "Alerts of before a restart that were not delivered again",
    "collapsed": "Repeats of alerts that were held back, see falcoeks.suppress",
    "unaccepted": "Alerts that an output which promises delivery did not take; their events are read again",
}


def _events(view: View) -> list[Family]:
    by_input: dict[str, EventCounts] = view.statistics.totals().by_input
    families = []
    for name, text in _EVENT_HELP.items():
        family = Family(f"falcoeks_{name}_total", _COUNTER, text)
        for input_name, counts in by_input.items():
            family.add(getattr(counts, name), {"input": input_name})
        families.append(family)
    return families


def _clusters(view: View) -> list[Family]:
    status = view.input.status()
    if status is None:
        return []
    lag = Family("falcoeks_lag_seconds", _GAUGE, "How far behind the clock a cluster's log is read completely")
    backlog = Family("falcoeks_backlog_seconds", _GAUGE, "Log to be read when calls are left over")
    lateness = Family("falcoeks_lateness_seconds", _GAUGE, "Ingestion minus event time, by quantile")
    windows = Family("falcoeks_windows_open", _GAUGE, "Windows read but not yet accepted")
    up = Family("falcoeks_cluster_up", _GAUGE, "Whether a cluster's log can be read")
    for cluster in status.clusters:
        labels = _cluster_labels(cluster)
        lag.add(cluster.lag_ms / 1000, labels)
        backlog.add(cluster.backlog_ms / 1000, labels)
        windows.add(cluster.windows_open, labels)
        up.add(0 if cluster.trouble or cluster.state in ("failed", "retrying") else 1, labels)
        for quantile, value_ms in cluster.lateness_ms.items():
            lateness.add(value_ms / 1000, labels | {"quantile": quantile})
    counted = [_cluster_counter(status.clusters, *row) for row in _CLUSTER_COUNTERS]
    calls = Family("falcoeks_calls_per_second", _GAUGE, "FilterLogEvents calls that the budget allows now")
    for budget in status.budgets:
        calls.add(budget.calls_per_s, {"budget": budget.name})
    return [lag, backlog, lateness, windows, up, *counted, calls]


_CLUSTER_COUNTERS = (
    ("late", "falcoeks_late_total", "Events first seen by a trailing pass"),
    ("calls", "falcoeks_calls_total", "FilterLogEvents calls"),
    ("throttles", "falcoeks_throttles_total", "FilterLogEvents calls that were throttled"),
    ("pages", "falcoeks_pages_total", "Pages read"),
    ("bytes", "falcoeks_fetched_bytes_total", "Bytes of pages"),
    ("windows_read_again", "falcoeks_windows_read_again_total", "Windows read again after a failure"),
)


def _cluster_counter(clusters: Iterable[ClusterStatus], attribute: str, name: str, text: str) -> Family:
    family = Family(name, _COUNTER, text)
    for cluster in clusters:
        family.add(getattr(cluster.counters, attribute), _cluster_labels(cluster))
    return family


def _cluster_labels(cluster: ClusterStatus) -> dict[str, str]:
    return {"cluster": cluster.cluster, "region": cluster.region, "account": cluster.account}


def _program(view: View, moments: Moments) -> list[Family]:
    rules = view.loaded.result.counts[0]
    return [
        _gauge("falcoeks_compiled", int(view.predicates.compiled), "Whether compiled predicates are in use"),
        _gauge("falcoeks_rules_loaded", rules, "Rules that run"),
        Family("falcoeks_reloads_total", _COUNTER, "Configurations taken over").add(moments.reloads),
        Family("falcoeks_failed_reloads_total", _COUNTER, "Configurations refused").add(moments.failed_reloads),
    ]
