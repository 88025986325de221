"""Metrics snapshots: Falco's regular internal alert, and lines of a file.

In: the running program. Out: an alert or a line at each interval, if events were evaluated meanwhile. Called by the
main loop's tick.
"""

from __future__ import annotations

import json
import os
import platform
import re
import time
from pathlib import Path

from falcoeks_fast.engine.internal_alerts import (
    INFORMATIONAL,
    METRICS_SNAPSHOT,
    FieldValue,
    InternalFormat,
    internal_alert,
)
from falcoeks_fast.engine.outputs.parcel import Alert
from falcoeks_fast.engine.resources import Resources, boot_time_ns, read_resources
from falcoeks_fast.versions import FALCO_VERSION

from .generation import event_host_name, host_name
from .metric_families import config_digests
from .moments import Moments
from .view import View

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_:]+")


class Snapshots:
    """Used by one thread."""

    def __init__(self, view: View, moments: Moments) -> None:
        self._view = view
        self._moments = moments
        self._next = time.monotonic() + view.config.metrics.interval_ms / 1000
        self._sample = 0
        self._events_before = 0
        self._time_before = 0.0

    def due_in_s(self) -> float:
        return max(self._next - time.monotonic(), 0.0)

    def take(self) -> Alert | None:
        """The alert of a snapshot that is due, if `metrics.output_rule`; a line for the file is written too.

        Raises OSError if the file cannot be written.
        """
        now = time.monotonic()
        settings = self._view.config.metrics
        if now < self._next:
            return None
        self._next = now + settings.interval_ms / 1000
        events = self._view.statistics.totals().events.events
        if events == self._events_before:
            return None
        time_ns = time.time_ns()
        fields = self._fields(events, time_ns, now)
        self._events_before, self._time_before = events, now
        if settings.output_file:
            self._sample += 1
            line = {"output_fields": dict(sorted(fields.items())), "sample": self._sample}
            append_text(settings.output_file, json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
        if not settings.output_rule:
            return None
        alerts = self._view.config.alerts
        style = InternalFormat(alerts.json_output, alerts.iso8601, host_name())
        return internal_alert(style, METRICS_SNAPSHOT, INFORMATIONAL, "Falco metrics snapshot", fields, time_ns)

    def _fields(self, events: int, time_ns: int, now: float) -> dict[str, FieldValue]:
        view, settings = self._view, self._view.config.metrics
        dispatcher = view.dispatcher
        totals = view.statistics.totals()
        fields: dict[str, FieldValue] = {
            "evt.time": time_ns,
            "evt.source": "k8s_audit",
            "evt.hostname": event_host_name(view.config),
            "falco.version": FALCO_VERSION,
            "falco.kernel_release": platform.release(),
            "falco.host_boot_ts": boot_time_ns(),
            "falco.host_num_cpus": os.cpu_count() or 0,
            "falco.start_ts": self._moments.started_ns,
            "falco.reload_ts": self._moments.reloaded_ns,
            "falco.duration_sec": int(now - self._moments.monotonic_s),
            "falco.outputs_queue_num_drops": (
                sum(state.dropped for state in dispatcher.states()) if dispatcher is not None else 0
            ),
            "scap.engine_name": "source_plugin",
            "scap.n_drops_perc": 0.0,
            "falco.num_evts": events,
            "falco.num_evts_prev": self._events_before,
        }
        if self._time_before:
            rate = (events - self._events_before) / max(now - self._time_before, 0.001)
            fields["falco.evts_rate_sec"] = round(rate, 1)
        for kind, digests in (("rules", view.loaded.digests), ("config", config_digests(view))):
            for name, digest in digests:
                fields[f"falco.sha256_{kind}_file.{snapshot_name(os.path.basename(name)).replace(':', '_')}"] = digest
        if settings.rules_counters:
            fields["falco.rules.matches_total"] = totals.alerts
            counts = {facts.name: count for facts, count in totals.rules}
            if settings.include_empty:
                counts = {rule.name: 0 for rule in view.loaded.result.rules if rule.running} | counts
            fields |= {f"falco.rules.{snapshot_name(name)}": count for name, count in counts.items()}
        if settings.resources:
            fields |= resource_fields(read_resources(self._moments.monotonic_s), in_mb=settings.memory_in_mb)
        return fields


def resource_fields(found: Resources, *, in_mb: bool) -> dict[str, FieldValue]:
    """Memory in megabytes, or in kB and bytes as Falco names them."""
    fields: dict[str, FieldValue] = {
        "falco.cpu_usage_perc": round(found.cpu_ratio * 100, 1),
        "falco.host_cpu_usage_perc": round(found.host_cpu_ratio * 100, 1),
        "falco.host_procs_running": found.host_processes_running,
        "falco.host_open_fds": found.host_open_files,
    }
    for name, size in (("memory_rss", found.rss), ("memory_vsz", found.vsz), ("memory_pss", found.pss)):
        fields[f"falco.{name}_{'mb' if in_mb else 'kb'}"] = round(size / 1e6, 1) if in_mb else size // 1024
    container, host = found.container_memory, found.host_memory
    if in_mb:
        fields["falco.container_memory_used_mb"] = round(container / 1e6, 1)
        fields["falco.host_memory_used_mb"] = round(host / 1e6, 1)
    else:
        fields["falco.container_memory_used_bytes"] = container
        fields["falco.host_memory_used_kb"] = host // 1024
    return fields


def snapshot_name(name: str) -> str:
    """A rule's name as part of a field name, as Falco makes it."""
    return re.sub("_+", "_", _NOT_IN_NAMES.sub("_", name)).rstrip("_")


def append_text(path: str, text: str) -> None:
    """Raises OSError."""
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(text)
