"""The outcome of Falco's schema check, which the start-up lines show for each configuration file."""

from __future__ import annotations

import pytest

from falcoeks_fast.config.keys import FALCO_KEYS, SYSTEM_CALL_ONLY
from falcoeks_fast.config.system_call_keys import SYSTEM_CALL_KINDS
from falcoeks_fast.config.tree import parse_yaml
from falcoeks_fast.config.verdict import falco_verdict

TYPE = "Value type not permitted by 'type' constraint."
EMPTY = "Object should have no fewer than 1 properties."


def unknown(name: str) -> str:
    return (
        "Object contains a property that could not be validated using 'properties' or 'additionalProperties' "
        f"constraints: '{name}'."
    )


@pytest.mark.parametrize(
    "text",
    [
        "engine: {kind: nodriver, modern_ebpf: {cpus_for_each_buffer: 2, buf_size_preset: 4, drop_failed_exit: false}}",
        "base_syscalls: {all: true, custom_set: [a, b], repair: false}",
        "syscall_event_drops: {threshold: .1, actions: [log, alert], rate: 1e3, max_burst: 1, simulate_drops: false}",
        "plugins: [{name: a, library_path: b, init_config: ~}, {name: a, library_path: b, init_config: {x: y}}]",
        "output_timeout: '05'",
        "output_timeout: +5",
        "json_output: 'true'",
        "rule_files: [a]",
        "capture: {}",
        "static_fields: {a: ~}",
        "container_engines: {docker: {enabled: true}}",
        "config_files: [a, {path: x, strategy: append}]",
        "append_output: [{suggested_output: true, extra_fields: [ka.verb, {a: b}]}]",
        "falcoeks: {shadow: true, nonsense: 1}",
        "rules: []",
    ],
)
def test_ok(text: str) -> None:
    assert falco_verdict(parse_yaml(text, "x")) == "ok"


@pytest.mark.parametrize(
    ("text", "failed"),
    [
        ("zulu: 1\nalpha: 2\n", f": {unknown('zulu')}"),
        ("rules_file: x", f": {unknown('rules_file')}"),
        ("grpc: {enabled: false}", f": {unknown('grpc')}"),
        ("modern_bpf: true", f": {unknown('modern_bpf')}"),
        ("alpha: 1\nwebserver: {zulu: 1, enabled: x}\n", f"[webserver][enabled]: {TYPE}"),
        ("webserver: {enabled: x}\nbase_syscalls: {all: x}\n", f"[base_syscalls][all]: {TYPE}"),
        ("engine: {}", "[engine]: Missing required property 'kind'."),
        ("engine: {a: 1}", f"[engine]: {unknown('a')}"),
        ("engine: {a: 1, kmod: {}}", f"[engine][kmod]: {EMPTY}"),
        ("engine: {kind: nodriver, kmod: {buf_size_preset: x}}", f"[engine][kmod][buf_size_preset]: {TYPE}"),
        ("engine: {kind: nodriver, gvisor: {config: x}}", f"[engine]: {unknown('gvisor')}"),
        ("program_output: {enabled: false}", "[program_output]: Missing required property 'program'."),
        ("plugins: [{name: a}]", "[plugins][0]: Missing required property 'library_path'."),
        ("plugins: [{name: a, library_path: ~}]", f"[plugins][0][library_path]: {TYPE}"),
        ("libs_logger: {enabled: true, x: y}", f"[libs_logger]: {unknown('x')}"),
        ("falco_libs: {}", f"[falco_libs]: {EMPTY}"),
        ("falco_libs: [1]", f"[falco_libs]: {TYPE}"),
        ("falco_libs: {thread_table_size: abc}", f"[falco_libs][thread_table_size]: {TYPE}"),
        ("capture: {foo: 1}", f"[capture]: {unknown('foo')}"),
        ("webserver: {}", f"[webserver]: {EMPTY}"),
        ("rules: [{disable: {}}]", f"[rules][0][disable]: {EMPTY}"),
        ("json_output: yes", f"[json_output]: {TYPE}"),
        ("output_timeout: 0x10", f"[output_timeout]: {TYPE}"),
        ("output_timeout: " + "9" * 20, f"[output_timeout]: {TYPE}"),
        ("load_plugins: k8saudit", f"[load_plugins]: {TYPE}"),
        ("rules_files: [~]", f"[rules_files][0]: {TYPE}"),
        ("metrics: {enabled: false, jemalloc_stats_enabled: x}", f"[metrics][jemalloc_stats_enabled]: {TYPE}"),
    ],
)
def test_failed(text: str, failed: str) -> None:
    assert falco_verdict(parse_yaml(text, "x")) == f"failed for <root>{failed}"


def test_settings_without_effect_are_named_above_those_that_are_checked() -> None:
    tops = {path if path.startswith("metrics.") else path.partition(".")[0] for path in SYSTEM_CALL_KINDS}
    assert tops <= set(SYSTEM_CALL_ONLY)
    assert not set(SYSTEM_CALL_KINDS) & {key.path for key in FALCO_KEYS}
