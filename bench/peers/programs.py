"""The peers that are programs: jq, and a Falco binary with the k8saudit plugin if one is named.

In: a folder of pages. Out: alerts, CPU seconds and events, like the peers in Python. Called by `compare`. Their CPU
is that of the whole process, start included: give them enough events.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from falcoeks_fast.bench.peers.run_python import audit_id
from falcoeks_fast.bench.peers.task import RULES_YAML, Alert

LONGEST_LINE_BYTES = 64 * 1024  # of Falco's file source
JQ_PROGRAM = r"""
.events[].message | fromjson | . as $e
| (if .objectRef.resource == "secrets" and .stage == "ResponseComplete" and (.verb == "get" or .verb == "list")
      and .responseStatus.code == 200 and ((.user.username // "") | startswith("system:kube-") | not)
   then "secret read\t" + $e.auditID else empty end),
  (if .objectRef.resource == "pods" and (.verb == "get" or .verb == "create")
      and (.objectRef.subresource == "exec" or .objectRef.subresource == "attach")
   then "exec into a pod\t" + $e.auditID else empty end),
  (if .stage == "ResponseComplete" and .responseStatus.code == 403 then "refused\t" + $e.auditID else empty end)
"""

FALCO_YAML = """\
plugins:
  - name: k8saudit
    library_path: libk8saudit.so
    init_config: ""
    open_params: "{events}"
  - name: json
    library_path: libjson.so
    init_config: ""
load_plugins: [k8saudit, json]
rules_files: ["{rules}"]
rule_matching: all
json_output: true
stdout_output: {{enabled: true}}
engine: {{kind: nodriver}}
buffered_outputs: true
webserver: {{enabled: false}}
"""


class PeerError(Exception):
    """A peer failed or is absent. The text says why."""


def jq(folder: Path) -> tuple[list[Alert], float, int]:
    """Raises PeerError."""
    program = shutil.which("jq")
    if program is None:
        raise PeerError("jq is not installed")
    pages = sorted(map(str, folder.glob("page-*.json")))
    output, cpu_s = _run([program, "-r", JQ_PROGRAM, *pages])
    alerts = [(rule, audit) for rule, _, audit in (line.partition("\t") for line in output.decode().splitlines())]
    return alerts, cpu_s, events_in(folder)


def falco(binary: Path, folder: Path) -> tuple[list[Alert], float, int]:
    """Falco reads JSON lines, and none of 64 KiB or more, which would end it. Taking pages apart is not counted.

    Raises PeerError.
    """
    pages = (json.loads(path.read_bytes())["events"] for path in sorted(folder.glob("page-*.json")))
    lines = [event["message"].encode() + b"\n" for page in pages for event in page]
    lines = [line for line in lines if len(line) < LONGEST_LINE_BYTES]
    events = folder / "events.jsonl"
    events.write_bytes(b"".join(lines))
    rules, config = folder / "task.yaml", folder / "falco.yaml"
    requirement = "- required_plugin_versions:\n    - name: k8saudit\n      version: 0.1.0\n"
    rules.write_text(requirement + RULES_YAML, encoding="utf-8")
    config.write_text(FALCO_YAML.format(events=events, rules=rules), encoding="utf-8")
    output, cpu_s = _run([str(binary), "-c", str(config), "--disable-source", "syscall"])
    alerts = []
    for line in output.splitlines():
        if line.startswith(b"{"):
            alerts.append((json.loads(line)["rule"], audit_id(line)))
    return alerts, cpu_s, len(lines)


def events_in(folder: Path) -> int:
    return sum(len(json.loads(path.read_bytes())["events"]) for path in folder.glob("page-*.json"))


def _run(command: list[str]) -> tuple[bytes, float]:
    before = os.times()
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=600)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PeerError(f"{command[0]}: {error}") from error
    after = os.times()
    if done.returncode:
        raise PeerError(
            f"{command[0]} ended with exit code {done.returncode}: {done.stderr[-300:].decode('utf-8', 'replace')}"
        )
    return done.stdout, after.children_user + after.children_system - before.children_user - before.children_system
