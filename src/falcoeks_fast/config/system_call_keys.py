"""The settings of Falco that only concern system calls, with their kinds: Falco checks them, and so does its verdict.

In: nothing. Out: `SYSTEM_CALL_KINDS` by path. Called by `verdict`. They have no effect here; `keys` names what stands
above them.
"""

from __future__ import annotations

from .keys import Kind

SYSTEM_CALL_KINDS = {
    "engine": Kind.MAP,
    "engine.kind": Kind.TEXT,
    "engine.kmod": Kind.MAP,
    "engine.kmod.buf_size_preset": Kind.INT,
    "engine.kmod.drop_failed_exit": Kind.BOOL,
    "engine.modern_ebpf": Kind.MAP,
    "engine.modern_ebpf.buf_size_preset": Kind.INT,
    "engine.modern_ebpf.cpus_for_each_buffer": Kind.INT,
    "engine.modern_ebpf.disable_iterators": Kind.BOOL,
    "engine.modern_ebpf.drop_failed_exit": Kind.BOOL,
    "engine.replay": Kind.MAP,
    "engine.replay.capture_file": Kind.TEXT,
    "syscall_event_timeouts": Kind.MAP,
    "syscall_event_timeouts.max_consecutives": Kind.INT,
    "syscall_event_drops": Kind.MAP,
    "syscall_event_drops.actions": Kind.LIST,
    "syscall_event_drops.max_burst": Kind.INT,
    "syscall_event_drops.rate": Kind.NUMBER,
    "syscall_event_drops.simulate_drops": Kind.BOOL,
    "syscall_event_drops.threshold": Kind.NUMBER,
    "base_syscalls": Kind.MAP,
    "base_syscalls.all": Kind.BOOL,
    "base_syscalls.custom_set": Kind.LIST,
    "base_syscalls.repair": Kind.BOOL,
    "falco_libs": Kind.MAP,
    "falco_libs.snaplen": Kind.INT,
    "falco_libs.thread_table_auto_purging_interval_s": Kind.INT,
    "falco_libs.thread_table_auto_purging_thread_timeout_s": Kind.INT,
    "falco_libs.thread_table_size": Kind.INT,
    "libs_logger": Kind.MAP,
    "libs_logger.enabled": Kind.BOOL,
    "libs_logger.severity": Kind.TEXT,
    "capture": Kind.MAP,
    "capture.default_duration": Kind.INT,
    "capture.enabled": Kind.BOOL,
    "capture.max_file_size_mb": Kind.INT,
    "capture.mode": Kind.TEXT,
    "capture.path_prefix": Kind.TEXT,
    "buffer_format_base64": Kind.BOOL,
    "container_engines": Kind.ANY,
    "metrics.jemalloc_stats_enabled": Kind.BOOL,
    "metrics.kernel_event_counters_enabled": Kind.BOOL,
    "metrics.kernel_event_counters_per_cpu_enabled": Kind.BOOL,
    "metrics.kernel_iter_event_counters_enabled": Kind.BOOL,
    "metrics.libbpf_stats_enabled": Kind.BOOL,
    "metrics.state_counters_enabled": Kind.BOOL,
}
