"""falco.yaml: what is read, how it is merged, and what is said about it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcoeks_fast.config import (
    Config,
    ConfigError,
    PluginError,
    check_plugins,
    load_config,
    require_metrics,
    require_outputs,
)
from falcoeks_fast.config.duration import parse_duration_ms
from falcoeks_fast.config.environment import expand
from falcoeks_fast.config.keys import KEYS
from falcoeks_fast.config.model import AuditSettings, EksSettings, Level
from falcoeks_fast.config.schema import json_schema
from falcoeks_fast.config.tree import Mapping, parse_yaml
from falcoeks_fast.config.values import to_bool, to_int

from .tools import write

DOCUMENTED = """
plugins:
  - name: k8saudit-eks
    library_path: libk8saudit-eks.so
    init_config: {region: "us-east-1", profile: "default", shift: 10, polling_interval: 10, use_async: false}
    open_params: "my-cluster"
  - name: json
    library_path: libjson.so
    init_config: ""
load_plugins: [k8saudit-eks, json]
"""


def load(tmp_path: Path, text: str, *options: str, **environment: str) -> Config:
    return load_config(write(tmp_path / "falco.yaml", text), options, environment | {"HOME": str(tmp_path)})


def warnings(config: Config) -> list[str]:
    return [notice.text for notice in config.notices if notice.level is Level.WARNING]


def test_the_plugins_documented_configuration(tmp_path: Path) -> None:
    config = load(tmp_path, DOCUMENTED)
    eks = config.plugins[0].settings
    assert isinstance(eks, EksSettings)
    assert (eks.clusters[0].name, eks.clusters[0].region, eks.clusters[0].profile) == (
        "my-cluster",
        "us-east-1",
        "default",
    )
    assert (eks.shift_s, eks.polling_interval_s) == (10, 10)
    assert config.plugins[1].settings is None
    assert config.outputs.enabled == ("stdout",)
    assert config.log.stderr
    assert not config.log.syslog
    assert not warnings(config)
    assert config.files[0].verdict == "ok"


def test_code_defaults_apply_where_keys_are_absent(tmp_path: Path) -> None:
    config = load(tmp_path, "stdout_output: {enabled: true}\n")
    assert not config.alerts.json_output
    assert config.alerts.include_output
    assert not config.web.enabled
    assert config.web.listen_port == 8765
    assert config.priority == 7
    assert not config.match_all
    assert config.watch_config_files
    assert config.outputs.queue.output_timeout_s == 2.0


def test_a_wrong_scalar_becomes_the_default_with_a_warning(tmp_path: Path) -> None:
    config = load(tmp_path, "json_output: maybe\nwebserver: {listen_port: abc}\n")
    assert not config.alerts.json_output
    assert config.web.listen_port == 8765
    assert [text.partition(": ")[0].rpartition("/")[2] for text in warnings(config)] == [
        "falco.yaml:1:1",
        "falco.yaml:2:13",
    ]


def test_a_scalar_where_a_mapping_must_stand_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError,
        match=r'^Config error at key "webserver.enabled": .*falco\.yaml:1:12: .webserver. must be a mapping',
    ):
        load(tmp_path, "webserver: on\n")


@pytest.mark.parametrize("word", ["true", "True", "TRUE", "yes", "On", "Y"])
def test_booleans_of_yaml_1_1(word: str) -> None:
    assert to_bool(word) is True


@pytest.mark.parametrize(
    ("text", "value"), [("10", 10), ("0x1F", 31), ("010", 8), ("-3", -3), ("1e3", None), ("", None)]
)
def test_integers(text: str, value: int | None) -> None:
    assert to_int(text) == value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${X}", "xval"),
        ("a${X}${X}b", "axvalxvalb"),
        ("${NO}", ""),
        ("$${X}", "${X}"),
        ("$${${X}}", "${xval}"),
        ("$X $$X", "$X $$X"),
        ("${X", "${X"),
        ("${X:-d}", ""),
        ("${X}-$Y-${X}", "xval-$Y-${X}"),
        ("${NEST}", "xval!"),
    ],
)
def test_environment_variables(text: str, expected: str) -> None:
    assert expand(text, {"X": "xval", "Y": "y", "NEST": "${X}!"}) == expected


def test_a_variable_that_names_itself_comes_to_an_end() -> None:
    assert "${LOOP}" not in expand("${LOOP}", {"LOOP": "a${LOOP}"})[:10]


def test_variables_make_booleans_but_no_keys(tmp_path: Path) -> None:
    config = load(tmp_path, 'json_output: "${FLAG}"\nstdout_output:\n  enabled: ${FLAG}\n', FLAG="true")
    assert config.alerts.json_output
    assert config.outputs.stdout


@given(st.text(alphabet="ab${}:-$", max_size=30))
def test_expansion_never_fails(text: str) -> None:
    assert isinstance(expand(text, {"a": "${b}", "b": "${a}"}), str)


def test_included_files_replace_whole_mappings_and_append_sequences(tmp_path: Path) -> None:
    directory = tmp_path / "config.d"
    directory.mkdir()
    write(directory / "b.yaml", "webserver: {listen_port: 9000}\nrules_files: [b.yaml]\n")
    write(directory / "a.anything", "rules_files: [a.yaml]\n")
    text = f"config_files: [{directory}]\nrules_files: [main.yaml]\nwebserver: {{enabled: true, listen_port: 1}}\n"
    config = load(tmp_path, text)
    assert config.rules_files == ("main.yaml", "a.yaml", "b.yaml")
    assert (config.web.enabled, config.web.listen_port) == (False, 9000)
    assert [file.named for file in config.files] == [True, False, False]


@pytest.mark.parametrize(
    ("strategy", "rules", "priority"),
    [("append", ("m", "i"), 3), ("override", ("i",), 3), ("add-only", ("m",), 4), ("nonsense", ("m", "i"), 3)],
)
def test_strategies(tmp_path: Path, strategy: str, rules: tuple[str, ...], priority: int) -> None:
    included = write(tmp_path / "inc.yaml", "rules_files: [i]\npriority: error\n")
    text = f"config_files: [{{path: {included}, strategy: {strategy}}}]\nrules_files: [m]\npriority: warning\n"
    config = load(tmp_path, text)
    assert (config.rules_files, config.priority) == (rules, priority)


def test_missing_included_files_are_skipped_and_nesting_is_refused(tmp_path: Path) -> None:
    assert load(tmp_path, "config_files: [/no/such/file]\n").rules_files is None
    nested = write(tmp_path / "nested.yaml", "config_files: []\n")
    with pytest.raises(
        ConfigError, match=r"^Config error: 'config_files' directive in included config file .*nested.yaml"
    ):
        load(tmp_path, f"config_files: [{nested}]\n")
    with pytest.raises(ConfigError, match=r"^Config error: .config_files. directive tried to recursively include main"):
        load(tmp_path, f"config_files: [{tmp_path / 'falco.yaml'}]\n")


def test_options_win_over_files_and_later_over_earlier(tmp_path: Path) -> None:
    config = load(tmp_path, "priority: error\n", "priority=warning", "priority=notice", "webserver.listen_port=9")
    assert config.priority == 5
    assert config.web.listen_port == 9


def test_misspelt_keys_are_named_with_the_nearest_one(tmp_path: Path) -> None:
    config = load(tmp_path, "webservr: {}\nhttp_output:\n  enabled: false\n  url_: x\n")
    assert warnings(config)[0].endswith(
        "falco.yaml:1:1: unknown setting 'webservr', ignored; did you mean 'webserver'?"
    )
    assert "falco.yaml:4:3: unknown setting 'http_output.url_', ignored; did you mean 'url'?" in warnings(config)[1]


def test_a_misspelt_key_of_our_own_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"falco\.yaml:2:3: unknown setting 'falcoeks\.shadw'; did you mean 'shadow'"):
        load(tmp_path, "falcoeks:\n  shadw: true\n")
    with pytest.raises(ConfigError, match="must be true or false, not 'perhaps'"):
        load(tmp_path, "falcoeks: {shadow: perhaps}\n")


def test_extra_fields(tmp_path: Path) -> None:
    """A template may be empty: whether that is an error depends on the rules it is for."""
    config = load(tmp_path, "append_output: [{extra_fields: [ka.verb, {f: x}, {g: ''}, {h: }, ka.verb]}]\n")
    (entry,) = config.append_output
    assert entry.fields == (("ka.verb", None), ("f", "x"), ("g", ""), ("h", "null"))


def test_system_call_settings_are_accepted_with_one_line(tmp_path: Path) -> None:
    config = load(tmp_path, "engine: {kind: nodriver, kmod: {a: 1}}\nbase_syscalls: {all: true}\nfalco_libs: {}\n")
    lines = [notice.text for notice in config.notices if "system-call" in notice.text]
    assert lines == [
        "Ignoring 4 settings that only apply to system-call monitoring: engine.kind, engine.kmod, base_syscalls.all, "
        "falco_libs"
    ]
    assert not warnings(config)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("priority: loud", 'Unknown priority "loud"--must be one of emergency, alert'),
        ("rule_matching: some", 'Unknown rule matching strategy "some"'),
        ("log_level: loud", "Unknown log level loud"),
        ("webserver: {listen_address: here}", 'webserver listen address "here" is not a valid IP address'),
        ("rules_files: []\nrules_file: x", "both 'rules_files' and 'rules_file' keys set"),
        ("rules: [{enable: {}}]", "needs 'enable' or 'disable'"),
        ("append_output: [{extra_fields: [{a: b}, {a: c}]}]", "names 'a' twice"),
        ("append_output: [{extra_fields: [a, {a: c}]}]", "names 'a' twice"),
        ("append_output: [{extra_fields: [{a: b, c: d}]}]", "must be a field, or one name with a template"),
        ("append_output: [{extra_fields: [{}]}]", "must be a field, or one name with a template"),
        ("append_output: [{extra_fields: [{a: [b]}]}]", "must be a field, or one name with a template"),
        ("append_output: [{extra_fields: [~]}]", "must be a field, or one name with a template"),
        ("file_output: {enabled: true}", "no filename"),
        ("http_output: {enabled: true}", "no url"),
        ("http_output: {enabled: true, url: 'ftp://x'}", "must begin with http"),
        ("metrics: 3", 'Config error at key "metrics.enabled": '),
        ("program_output: {enabled: true}", "no program"),
        ("load_plugins: [x]", "Cannot load plugin 'x': plugin config not found"),
        ("plugins: [{name: k8saudt, library_path: x}]", "did you mean 'k8saudit'"),
        ("plugins: [{name: json, library_path: ../x}]", "must not leave"),
        ("engine: {kind: magic}", "engine.kind 'magic' is not a valid kind"),
        ("engine: {kind: ebpf}", "engine.kind 'ebpf' is not a valid kind"),
        ("engine: {kind: gvisor}", "engine.kind 'gvisor' is not a valid kind"),
        ("engine: {kind: kmod, kmod: 4}", "'engine.kmod' must be a mapping"),
        ("falco_libs: 512", "falco.yaml:1:13: 'falco_libs' must be a mapping"),
        ("base_syscalls: 1", "'base_syscalls' must be a mapping"),
        ("syscall_event_drops: x", "'syscall_event_drops' must be a mapping"),
        ("syscall_event_timeouts: 3", "'syscall_event_timeouts' must be a mapping"),
        ("plugins: [{name: json, library_path: x, init_config: []}]", "must be a mapping of settings, or JSON text"),
        ("engine: {kind: replay}", "replay of .scap files is not supported"),
        ("falcoeks: {passes: [{name: early, lag: 2m}]}", "needs a name"),
        ("falcoeks: {ready_lag: soon}", "must be a time such as"),
    ],
)
def test_fatal_mistakes(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text + "\n")
    assert message in str(caught.value)


def test_mappings_of_other_kinds_of_the_engine_are_not_looked_at(tmp_path: Path) -> None:
    assert load(tmp_path, "engine: {kind: nodriver, kmod: 4, modern_ebpf: x}\n").plugins == ()


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ("{enabled: true}", "Metrics interval must have a minimum value of 100ms"),
        ("{enabled: true, interval: ~, output_rule: true}", "not 'null'"),
        ("{enabled: true, interval: 1s}", "Metrics are enabled with no output configured"),
    ],
)
def test_metrics_that_cannot_work_are_found_when_they_are_needed(tmp_path: Path, metrics: str, message: str) -> None:
    config = load(tmp_path, f"metrics: {metrics}\n")
    with pytest.raises(ConfigError) as caught:
        require_metrics(config)
    assert message in str(caught.value)


def test_only_the_first_document_counts(tmp_path: Path) -> None:
    for rest in ("---\npriority: error\n", "...\nnot: [yaml\n"):
        config = load(tmp_path, f"---\npriority: notice\n{rest}")
        assert config.priority == 5
        assert [text.partition(": ")[2][:34] for text in warnings(config)] == ["only the first YAML document count"]
    assert not warnings(load(tmp_path, "---\npriority: notice\n...\n"))


def test_yaml_errors_name_line_and_column(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^Cannot read config file \(.*falco\.yaml\): error at line 2, column 4"):
        load(tmp_path, "a: 1\n  b: 2\n")
    with pytest.raises(ConfigError, match="expected a mapping"):
        load(tmp_path, "- a\n")


def test_all_outputs_off_is_an_error_and_none_named_is_stdout(tmp_path: Path) -> None:
    off = load(tmp_path, "stdout_output: {enabled: false}\n")
    with pytest.raises(ConfigError, match="No output configured"):
        require_outputs(off)
    none = load(tmp_path, "priority: debug\n")
    require_outputs(none)
    assert any("standard output" in note for note in none.output_notes)


@pytest.mark.parametrize(
    ("init", "message"),
    [
        ("'{x'", "error in plugin k8saudit-eks: init config is not a valid json"),
        ("'[]'", "error in plugin k8saudit-eks init config: In <root>, Value type not permitted"),
        ("{clusters: [~]}", "must be a name or a mapping with 'name'"),
        ("{polling_interval: soon}", r"In <root>[polling_interval], Value type not permitted by 'type' constraint."),
        ("{clusters: [{nam: x}]}", "unknown setting 'nam' of a cluster; did you mean 'name'"),
        ("{clusters: [a, a]}", "names cluster 'a' twice"),
    ],
)
def test_bad_plugin_settings(tmp_path: Path, init: str, message: str) -> None:
    config = load(
        tmp_path, f"plugins: [{{name: k8saudit-eks, library_path: x, init_config: {init}, open_params: ''}}]\n"
    )
    with pytest.raises(PluginError) as caught:
        check_plugins(config.plugins)
    assert message in str(caught.value)


def test_two_plugins_with_the_same_fields_exclude_each_other(tmp_path: Path) -> None:
    config = load(tmp_path, "plugins: [{name: k8saudit, library_path: x}, {name: k8saudit-eks, library_path: x}]\n")
    with pytest.raises(ConfigError, match="is overlapping for source 'k8s_audit'"):
        check_plugins(config.plugins)


def test_plugin_settings_take_any_scalar_for_a_text_and_json_text(tmp_path: Path) -> None:
    for init in ("{profile: on, region: 123}", '\'{"profile": "on", "region": 123, "shift": 0}\''):
        config = load(tmp_path, f"plugins: [{{name: k8saudit-eks, init_config: {init}, open_params: ' c '}}]\n")
        eks = config.plugins[0].settings
        assert isinstance(eks, EksSettings)
        assert (eks.clusters[0].name, eks.clusters[0].profile, eks.clusters[0].region) == ("c", "on", "123")
        assert eks.shift_s == 1


def test_several_clusters_inherit_what_they_leave_out(tmp_path: Path) -> None:
    init = "{region: eu-west-1, clusters: [one, {name: two, region: us-east-1, role_arn: r}]}"
    config = load(tmp_path, f"plugins: [{{name: k8saudit-eks, init_config: {init}}}]\n")
    eks = config.plugins[0].settings
    assert isinstance(eks, EksSettings)
    assert [(entry.name, entry.region, entry.role_arn) for entry in eks.clusters] == [
        ("one", "eu-west-1", ""),
        ("two", "us-east-1", "r"),
    ]


def test_load_plugins_chooses_and_orders(tmp_path: Path) -> None:
    plugins = "plugins: [{name: json, library_path: a}, {name: k8saudit, library_path: b, open_params: f.json}]\n"
    assert [plugin.name for plugin in load(tmp_path, plugins).plugins] == ["json", "k8saudit"]
    chosen = load(tmp_path, plugins + "load_plugins: k8saudit\n")
    assert [plugin.name for plugin in chosen.plugins] == ["k8saudit"]
    assert isinstance(chosen.plugins[0].settings, AuditSettings)
    assert load(tmp_path, plugins + "load_plugins: []\n").plugins == ()
    skipped = load(tmp_path, plugins + "load_plugins: [container, json]\n")
    assert [plugin.name for plugin in skipped.plugins] == ["json"]
    assert any("container" in notice.text for notice in skipped.notices)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("1h30m", 5_400_000), ("100ms", 100), ("1m", 60_000), ("1 d", 86_400_000), ("5000", 0), ("1m1h", 0), ("", 0)],
)
def test_durations(text: str, milliseconds: int) -> None:
    assert parse_duration_ms(text) == milliseconds


def test_the_schema_knows_every_key_of_the_table() -> None:
    shown = json.dumps(json_schema())
    for path in KEYS:
        name = path.rpartition(".")[2].replace("[]", "")
        if name != "*":
            assert f'"{name}"' in shown


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        tree = parse_yaml(text, "fuzz.yaml")
    except ConfigError as error:
        refusal = str(error)
    else:
        refusal = "" if isinstance(tree, Mapping) else "of another kind"
    assert not refusal or "fuzz.yaml" in refusal
