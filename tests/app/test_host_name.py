"""The host's name in alerts, and who decides on it."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from falcoeks_fast.app.generation import event_host_name, host_name
from falcoeks_fast.config.load import load_config

from .tools import events_file, run, write

CONFIG = """\
plugins: [{{name: k8saudit, library_path: libk8saudit.so, open_params: {events}}}]
rules_files: [{rules}]
json_output: true
stdout_output: {{enabled: true}}
falcoeks: {{compile: "off"}}
"""
RULE = "- {rule: r, desc: d, condition: ka.verb exists, output: '<%evt.hostname>', priority: INFO, source: k8s_audit}\n"


@pytest.mark.parametrize(("hostinfo", "name", "shown"), [("true", "h", "h"), ("false", "h", ""), ("true", "", "")])
def test_the_host_of_alerts_and_of_events(tmp_path: Path, hostinfo: str, name: str, shown: str) -> None:
    config = CONFIG.format(events=events_file(tmp_path / "e.jsonl", 1), rules=write(tmp_path / "r.yaml", RULE))
    more = ("-o", f"plugins_hostinfo={hostinfo}")
    done = run("run", "-c", write(tmp_path / "falco.yaml", config), *more, cwd=tmp_path, FALCO_HOSTNAME=name)
    (alert,) = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert alert["hostname"] == name
    assert alert["output_fields"]["evt.hostname"] == shown
    assert alert["output"].endswith(f" <{shown}>")


def test_the_host_of_metrics(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = load_config(write(tmp_path / "falco.yaml", "plugins_hostinfo: false\n"), (), {"HOME": str(tmp_path)})
    monkeypatch.setenv("FALCO_HOSTNAME", "h")
    assert (host_name(), event_host_name(config)) == ("h", "")
    monkeypatch.delenv("FALCO_HOSTNAME")
    assert (host_name(), event_host_name(config)) == (socket.gethostname(), "")
