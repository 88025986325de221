"""Null in falco.yaml: a section that is not there, the default, or the word `null`; as Falco takes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from falcoeks_fast.config import Config, ConfigError, check_plugins, load_config, require_metrics, require_outputs
from falcoeks_fast.config.model import AuditSettings, EksSettings, Level

from .tools import write

SECTIONS = (
    "webserver",
    "metrics",
    "engine",
    "stdout_output",
    "file_output",
    "syslog_output",
    "program_output",
    "http_output",
    "outputs_queue",
    "libs_logger",
    "static_fields",
    "falco_libs",
    "base_syscalls",
    "syscall_event_drops",
    "capture",
)
LISTS = ("rules", "append_output", "config_files", "plugins", "load_plugins")


def load(tmp_path: Path, text: str, *options: str, **environment: str) -> Config:
    return load_config(write(tmp_path / "falco.yaml", text), options, environment | {"HOME": str(tmp_path)})


@pytest.mark.parametrize("null", ["", "~", "null", "Null", "NULL"])
@pytest.mark.parametrize("section", [*SECTIONS, *LISTS])
def test_a_section_that_is_null_is_absent(tmp_path: Path, section: str, null: str) -> None:
    config = load(tmp_path, f"json_output: true\n{section}: {null}\n")
    check_plugins(config.plugins)
    require_metrics(config)
    assert config.alerts.json_output
    assert (config.selections, config.append_output, config.plugins) == ((), (), ())
    assert config.files[0].verdict == (f"failed for <root>[{section}]: Value type not permitted by 'type' constraint.")
    assert not [notice for notice in config.notices if notice.level is Level.WARNING and section != "static_fields"]


def test_an_output_that_is_null_is_off(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No output configured"):
        require_outputs(load(tmp_path, "stdout_output:\n"))


def test_switches_and_numbers_that_are_null_have_their_defaults(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "json_output: ~\nwatch_config_files:\noutput_timeout: null\nwebserver: {enabled: , listen_port: ~}\n"
        "outputs_queue: {capacity: ~}\nfalcoeks: ~\n",
    )
    assert (config.alerts.json_output, config.watch_config_files) == (False, True)
    assert config.outputs.queue.output_timeout_s == 2.0
    assert (config.web.enabled, config.web.listen_port) == (False, 8765)
    assert config.outputs.queue.capacity == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("log_level:", "Unknown log level null"),
        ("priority: ~", 'Unknown priority "null"--must be one of'),
        ("rule_matching: null", 'Unknown rule matching strategy "null"'),
        ("engine: {kind: }", "engine.kind 'null' is not a valid kind"),
        ("libs_logger: {severity: ~}", "Unknown sinsp log severity null"),
        ("webserver: {listen_address: ~}", 'webserver listen address "null" is not a valid IP address'),
        ("load_plugins: [~]", "Cannot load plugin 'null': plugin config not found"),
        ("rules_files: [a]\nrules_file:", "both 'rules_files' and 'rules_file' keys set"),
        ("log_level: ${NOPE}", "Unknown log level ;"),
        ("webserver: ${NOPE}", "'webserver' must be a mapping"),
        ("falcoeks: {state_dir: }", "'falcoeks.state_dir' must be a text, not null"),
        ("falcoeks: {shadow: ~}", "'falcoeks.shadow' must be true or false, not null"),
    ],
)
def test_a_text_that_is_null_is_the_word(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text + "\n")
    assert message in str(caught.value)


def test_a_rule_that_is_null_is_no_rule_that_exists(tmp_path: Path) -> None:
    config = load(tmp_path, "append_output: [{match: {rule: ~}, extra_output: x}, {match: ~, extra_output: y}]\n")
    assert [(entry.rule, entry.extra_output) for entry in config.append_output] == [("null", "x"), ("", "y")]
    assert [notice.text.partition(": ")[2] for notice in config.notices] == [
        "'append_output[0].match.rule' has no value, which counts as the text 'null', as in Falco"
    ]


@pytest.mark.parametrize("option", ["log_level=", "log_level=null", "webserver=~", "webserver="])
def test_an_option_is_never_null(tmp_path: Path, option: str) -> None:
    with pytest.raises(ConfigError, match=r"Unknown log level|'webserver' must be a mapping"):
        load(tmp_path, "json_output: true\n", option)


@pytest.mark.parametrize("init", ["", "~", "null", '""', "{}", '"{}"', "{sslCertificate: ~, maxEventSize: null}"])
def test_plugin_settings_that_are_null_have_their_defaults(tmp_path: Path, init: str) -> None:
    config = load(tmp_path, f"plugins:\n- name: k8saudit\n  library_path: x\n  init_config: {init}\n  open_params: ~\n")
    check_plugins(config.plugins)
    settings = config.plugins[0].settings
    assert settings == AuditSettings("")


def test_a_cluster_inherits_what_is_null(tmp_path: Path) -> None:
    init = "{region: eu-west-1, profile: ~, clusters: [{name: one, region: ~, role_arn: }]}"
    config = load(tmp_path, f"plugins: [{{name: k8saudit-eks, library_path: x, init_config: {init}}}]\n")
    settings = config.plugins[0].settings
    assert isinstance(settings, EksSettings)
    cluster = settings.clusters[0]
    assert (cluster.region, cluster.profile, cluster.role_arn) == ("eu-west-1", "", "")
