"""The whole program from outside: a falco.yaml of the Helm chart's shape, events over the webhook, every signal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from .tools import (
    RULE,
    Receiver,
    Started,
    command,
    environment,
    event,
    events_file,
    free_port,
    receiver,
    run,
    started,
    until,
    write,
)

HELM_SHAPED = """
append_output: [{{suggested_output: true}}]
base_syscalls: {{all: false, custom_set: [], repair: false}}
buffer_format_base64: false
buffered_outputs: false
config_files: [{folder}/config.d]
engine: {{kind: nodriver, kmod: {{buf_size_preset: 4, drop_failed_exit: false}}}}
falco_libs: {{thread_table_size: 262144}}
file_output: {{enabled: true, filename: {folder}/events.txt, keep_alive: false}}
http_output:
  ca_bundle: ""
  ca_cert: ""
  ca_path: /etc/falco/certs/
  client_cert: /etc/falco/certs/client/client.crt
  client_key: /etc/falco/certs/client/client.key
  compress_uploads: false
  echo: false
  enabled: true
  insecure: false
  keep_alive: false
  max_consecutive_timeouts: 5
  mtls: false
  url: {hook}
  user_agent: falcosecurity/falco
json_include_message_property: false
json_include_output_fields_property: true
json_include_output_property: true
json_include_tags_property: true
json_output: true
libs_logger: {{enabled: true, severity: info}}
load_plugins: [k8saudit, json]
log_level: info
log_stderr: true
log_syslog: false
metrics:
  convert_memory_to_mb: true
  enabled: true
  include_empty_values: false
  interval: 1h
  kernel_event_counters_enabled: true
  output_rule: false
  resource_utilization_enabled: true
  rules_counters_enabled: true
output_timeout: 2000
outputs_queue: {{capacity: 0}}
plugins:
  - {{init_config: "", library_path: libk8saudit.so, name: k8saudit, open_params: "http://127.0.0.1:{port}/k8s-audit"}}
  - {{init_config: "", library_path: libjson.so, name: json}}
priority: debug
program_output: {{enabled: false, keep_alive: false, program: "jq '.'"}}
rule_matching: first
rules_files: [{folder}/rules]
stdout_output: {{enabled: true}}
syscall_event_drops: {{actions: [log, alert], max_burst: 1, rate: 0.03333, simulate_drops: false, threshold: 0.1}}
syscall_event_timeouts: {{max_consecutives: 1000}}
syslog_output: {{enabled: false}}
time_format_iso_8601: false
watch_config_files: {watch}
webserver:
  enabled: true
  k8s_healthz_endpoint: /healthz
  listen_port: {web}
  prometheus_metrics_enabled: true
  ssl_certificate: /etc/falco/falco.pem
  ssl_enabled: false
  threadiness: 0
falcoeks: {{state_dir: {folder}/state, cache_dir: {folder}/cache, compile: "off", alert_id: true}}
"""


class Program:
    """The running program and the ways into it."""

    def __init__(self, folder: Path, process: Started, port: int, web: int) -> None:
        self.folder = folder
        self.process = process
        self._port = port
        self.web = web

    def post(self, *events: dict[str, Any]) -> None:
        body = json.dumps({"kind": "EventList", "items": list(events)}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}/k8s-audit", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200

    def get(self, path: str) -> tuple[int, str, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.web}{path}", timeout=10) as answer:
                return answer.status, answer.headers["Content-Type"], answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers["Content-Type"], error.read().decode()

    def file_alerts(self) -> list[dict[str, Any]]:
        path = self.folder / "events.txt"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@contextmanager
def program(folder: Path, hook: str, *, watch: str = "false", rules: str = RULE, more: str = "") -> Iterator[Program]:
    (folder / "rules").mkdir(exist_ok=True)
    if not (folder / "rules" / "a.yaml").exists():
        write(folder / "rules" / "a.yaml", rules)
    port, web = free_port(), free_port()
    text = HELM_SHAPED.format(folder=folder, hook=hook, port=port, web=web, watch=watch)
    config = write(folder / "falco.yaml", text + more)
    with started("run", "-c", config, "--disable-source", "syscall", cwd=folder) as process:
        process.logs("listening for audit events")
        yield Program(folder, process, port, web)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Program, Receiver]]:
    with receiver() as hook, program(tmp_path_factory.mktemp("helm"), hook.url) as running:
        running.post(event(1, user="al\u0007ice"), event(2, verb="list"))
        until(lambda: len(hook.bodies) == 1, "the alert at the receiver")
        until(lambda: running.file_alerts(), "the alert in the file")
        until(lambda: "Every get" in running.process.out, "the alert on standard output")
        yield running, hook


def test_falcosidekicks_payload(shared: tuple[Program, Receiver]) -> None:
    running, hook = shared
    payload = json.loads(hook.bodies[0])
    assert {"output", "priority", "rule", "time", "output_fields", "source", "tags", "hostname"} <= set(payload)
    assert payload["output"].startswith("03:04:05.123456000: Warning got user=al")
    assert payload["priority"] == "Warning"
    assert payload["time"] == "2026-01-02T03:04:05.123456000Z"
    assert payload["tags"] == ["demo", "k8s"]
    assert payload["output_fields"]["ka.user.name"] == "al\u0007ice"
    assert hook.headers[0]["content-type"] == "application/json"
    assert len(bytes.fromhex(hook.headers[0]["falcoeks-alert-id"])) == 16
    assert running.file_alerts() == [payload]
    assert json.loads(running.process.out.splitlines()[0]) == payload


def test_health_and_versions(shared: tuple[Program, Receiver]) -> None:
    running, _ = shared
    assert running.get("/healthz") == (200, "application/json", '{"status": "ok"}')
    assert running.get("/readyz")[0] == 200
    assert running.get("/nothing")[0] == 404
    status, kind, body = running.get("/versions")
    fields = json.loads(body)
    assert (status, kind) == (200, "application/json")
    assert fields["engine_version_semver"].count(".") == 2
    assert fields["engine_version"] == fields["engine_version_semver"].split(".")[1]
    assert fields["plugin_versions"] == {"json": "0.7.4", "k8saudit": "0.18.0"}


def test_metrics_are_accepted_by_a_parser(shared: tuple[Program, Receiver]) -> None:
    running, _ = shared
    status, kind, body = running.get("/metrics")
    assert (status, kind) == (200, "text/plain; version=0.0.4")
    families = {family.name: family for family in text_string_to_metric_families(body)}
    matches = families["falcosecurity_falco_rules_matches"].samples
    assert [(sample.labels["rule_name"], sample.labels["priority"], sample.value) for sample in matches] == [
        ("Every get", "4", 1.0)
    ]
    assert matches[0].labels["tag_k8s"] == "true"
    for name in (
        "falcosecurity_falco_version_info",
        "falcosecurity_falco_sha256_rules_files_info",
        "falcosecurity_falco_outputs_queue_num_drops",
        "falcosecurity_falco_reload_timestamp_nanoseconds",
        "falcosecurity_falco_memory_rss_bytes",
        "falcosecurity_falco_cpu_usage_ratio",
    ):
        assert name in families, name
    assert families["falcosecurity_falco_host_num_cpus_total"].type == "gauge"
    delivered = {sample.labels["output"]: sample.value for sample in families["falcoeks_output_delivered"].samples}
    assert delivered == {"file": 1.0, "stdout": 1.0, "http": 1.0}
    assert families["falcoeks_events"].samples[0].value == 2.0


def test_sigusr1_reopens_and_sigterm_ends_with_statistics(tmp_path: Path) -> None:
    with receiver() as hook, program(tmp_path, hook.url) as running:
        running.process.send(signal.SIGUSR1)
        running.process.logs("SIGUSR1 received, reopening outputs...")
        running.post(event(1))
        until(lambda: hook.bodies, "the alert")
        assert running.process.stop(signal.SIGTERM) == 0
    assert "SIGINT received, exiting..." in running.process.err
    assert running.process.out.endswith(
        "Events detected: 1\nRule counts by severity:\n   WARNING: 1\nTriggered rules by rule name:\n   Every get: 1\n"
    )


def test_sighup_takes_over_rules_or_keeps_the_old_ones(tmp_path: Path) -> None:
    rules = tmp_path / "rules" / "a.yaml"
    with receiver() as hook, program(tmp_path, hook.url) as running:
        running.post(event(1))
        write(rules, RULE.replace("ka.verb = get", "ka.nope = get"))
        running.process.send(signal.SIGHUP)
        failure = json.loads(until(lambda: hook.bodies[1:] and hook.bodies[1], "the failure's alert"))
        assert failure["rule"] == "Falco internal: hot restart failure"
        assert (failure["priority"], failure["source"], failure["output_fields"]) == ("Critical", "internal", {})
        assert failure["output"].startswith("Falco internal: hot restart failure: ")
        assert "ka.nope" in failure["output"]
        assert "tags" not in failure
        running.post(event(2))
        until(lambda: len(hook.bodies) == 3, "an alert of the old rules")
        write(rules, RULE.replace("Every get", "Renamed"))
        running.process.send(signal.SIGHUP)
        running.process.logs("SIGHUP received, restarting...")
        running.process.logs("Now 1 rules")
        running.post(event(3))
        until(lambda: len(hook.bodies) == 4, "an alert of the new rules")
        assert json.loads(hook.bodies[3])["rule"] == "Renamed"
        assert running.process.stop() == 0
    assert "Events detected: 3\n" in running.process.out
    assert "   Every get: 2\n" in running.process.out
    assert "   Renamed: 1\n" in running.process.out


def test_a_configmap_swap_is_noticed(tmp_path: Path) -> None:
    """As kubelet does it: the files are links through `..data`, which is replaced by a rename."""
    mount = tmp_path / "rules"
    for name, rule in (("first", "Every get"), ("second", "Swapped")):
        (mount / f"..{name}").mkdir(parents=True)
        write(mount / f"..{name}" / "a.yaml", RULE.replace("Every get", rule))
    (mount / "..data").symlink_to("..first")
    (mount / "a.yaml").symlink_to("..data/a.yaml")
    with receiver() as hook, program(tmp_path, hook.url, watch="true") as running:
        (mount / "..new").symlink_to("..second")
        os.rename(mount / "..new", mount / "..data")
        running.process.logs("SIGHUP received, restarting...")
        running.process.logs("Now 1 rules")
        running.post(event(1))
        until(lambda: hook.bodies, "the alert")
        assert json.loads(hook.bodies[0])["rule"] == "Swapped"


def test_outputs_change_with_a_reload_and_nothing_is_lost(tmp_path: Path) -> None:
    with receiver() as hook, program(tmp_path, hook.url) as running:
        config = tmp_path / "falco.yaml"
        running.post(event(1))
        text = config.read_text().replace("/events.txt", "/other.txt").replace("listen_port", "listen_porrt")
        config.write_text(text)
        running.process.send(signal.SIGHUP)
        running.process.logs("Now 1 rules")
        running.post(event(2))
        until((tmp_path / "other.txt").exists, "the new file")
        assert running.process.stop() == 0
    assert "The changed setting 'webserver' takes effect only after a restart" in running.process.err
    assert len(running.file_alerts()) == 1
    assert len(hook.bodies) == 2


def test_not_ready_while_a_receiver_is_down(tmp_path: Path) -> None:
    port = free_port()
    with program(tmp_path, f"http://127.0.0.1:{port}/") as running:
        assert running.get("/readyz")[0] == 200
        running.post(event(1))
        _, _, body = until(lambda: (found := running.get("/readyz"))[0] == 503 and found, "not ready")
        problems = json.loads(body)["problems"]
        assert problems[0]["part"] == "output http"
        assert "no connection" in problems[0]["problem"]
        assert running.get("/healthz")[0] == 200
        with receiver_at(port) as hook:
            until(lambda: hook.bodies, "the alert, late")
            until(lambda: running.get("/readyz")[0] == 200, "ready again")


@contextmanager
def receiver_at(port: int) -> Iterator[Receiver]:
    hook = Receiver(port=port)
    try:
        yield hook
    finally:
        hook.close()


def test_many_reloads_under_load_lose_and_repeat_nothing(tmp_path: Path) -> None:
    reloads, posted = 6, 0
    with receiver() as hook, program(tmp_path, hook.url) as running:
        pid = running.process.process.pid
        descriptors = 0
        for number in range(reloads):
            write(tmp_path / "rules" / "a.yaml", RULE.replace("Every get", f"Rule {number}"))
            running.process.send(signal.SIGHUP)
            wanted = number + 1
            while running.process.err.count("Now 1 rules") < wanted:
                running.post(*(event(posted + index) for index in range(20)))
                posted += 20
            if number == 2:
                descriptors = len(os.listdir(f"/proc/{pid}/fd"))
        until(lambda: len(running.file_alerts()) >= posted, "all alerts")
        assert len(os.listdir(f"/proc/{pid}/fd")) <= descriptors + 2
        assert running.process.stop() == 0
    ids = [alert["output"].rpartition("id=")[2] for alert in running.file_alerts()]
    assert ids == [event(number)["auditID"] for number in range(posted)]
    assert len({alert["rule"] for alert in running.file_alerts()}) >= reloads // 2


def test_shadow_mode_counts_and_delivers_nothing(tmp_path: Path) -> None:
    rules = write(tmp_path / "rules.yaml", RULE)
    events = write(tmp_path / "events.jsonl", json.dumps(event(1)) + "\n" + json.dumps(event(2)))
    outcome = run("run", "-r", rules, "--events", events, "-o", "falcoeks.shadow=true")
    assert outcome.returncode == 0
    assert outcome.stdout.startswith("Events detected: 2\n")
    assert "Shadow mode" in outcome.stderr


def test_a_port_in_use_and_an_unreadable_certificate_are_named(tmp_path: Path) -> None:
    rules = write(tmp_path / "rules.yaml", RULE)
    base = ("run", "-r", rules, "--events", "-", "-o", "webserver.enabled=true")
    with receiver() as hook:
        outcome = run(*base, "-o", "webserver.listen_address=127.0.0.1", "-o", f"webserver.listen_port={hook.port}")
    assert outcome.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {hook.port}" in outcome.stderr
    outcome = run(*base, "-o", "webserver.ssl_enabled=true", "-o", "webserver.ssl_certificate=/no.pem")
    assert outcome.returncode == 1
    assert "invalid webserver configuration" in outcome.stderr
    assert outcome.stdout.startswith("Events detected: 0\n")


def test_metrics_snapshots(tmp_path: Path) -> None:
    with receiver() as hook:
        target = tmp_path / "metrics.jsonl"
        more = (
            f"config_files: []\nmetrics: {{enabled: true, interval: 200ms, output_rule: true, output_file: {target}}}\n"
        )
        (tmp_path / "config.d").mkdir()
        write(tmp_path / "config.d" / "metrics.yaml", more.partition("\n")[2])
        with program(tmp_path, hook.url) as running:
            running.post(event(1), event(2))
            snapshot = json.loads(
                until(lambda: next((body for body in hook.bodies if b"snapshot" in body), None), "a snapshot")
            )
            assert snapshot["rule"] == "Falco internal: metrics snapshot"
            assert snapshot["output"] == "Falco metrics snapshot"
            fields = snapshot["output_fields"]
            assert fields["falco.num_evts"] == 2
            assert fields["falco.rules.Every_get"] == 2
            assert fields["falco.rules.matches_total"] == 2
            assert fields["evt.source"] == "k8s_audit"
            assert fields["falco.memory_rss_mb"] > 1
            assert list(fields) == sorted(fields)
            line = json.loads(target.read_text().splitlines()[0])
            assert (line["sample"], line["output_fields"]["falco.num_evts"]) == (1, 2)


def test_at_the_end_of_a_file_slow_readers_are_waited_for(tmp_path: Path) -> None:
    rules = write(tmp_path / "rules.yaml", RULE)
    events = events_file(tmp_path / "events.jsonl", 3_000)
    pause = 2.5  # longer than output_timeout
    pipeline = f'"$@" | (sleep {pause}; cat) | wc -l'
    shell = ["/bin/bash", "-c", pipeline, "sh", *command("run", "-r", rules, "--events", events)]
    outcome = subprocess.run(shell, env=environment(), capture_output=True, text=True, timeout=60, check=True)
    assert int(outcome.stdout) == 3_000 + 5


def test_alerts_that_nobody_took_at_the_end_of_a_file_are_an_error(tmp_path: Path) -> None:
    rules = write(tmp_path / "rules.yaml", RULE)
    events = events_file(tmp_path / "events.jsonl", 2)
    target = ("-o", "file_output.enabled=true", "-o", f"file_output.filename={tmp_path}/missing/alerts.txt")
    target += ("-o", "output_timeout=300")
    with started("run", "-r", rules, "--events", events, *target, cwd=tmp_path) as process:
        process.logs("failed to open output file")
        assert process.stop(signal.SIGINT) == 1
    assert "Error: 2 alerts were not delivered" in process.err


def test_a_reader_that_stopped_reading_does_not_keep_it_from_ending(tmp_path: Path) -> None:
    rules = write(tmp_path / "rules.yaml", RULE)
    events = events_file(tmp_path / "events.jsonl", 3_000)  # more alerts than a pipe holds
    silent, writer = os.pipe()
    process = subprocess.Popen(
        command("run", "-r", rules, "--events", events, "-o", "output_timeout=300"),
        env=environment(),
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writer)
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if "output timeout, the output is blocked" in line:
                break
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read()
        assert process.wait(20) == 1
    finally:
        os.close(silent)
    assert "stdout gives up" in rest
    assert "the statistics could not be printed" in rest
