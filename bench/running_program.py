"""The program over a simulated CloudWatch and a receiver of alerts, watched while it runs.

In: a folder, addresses, settings. Out: its log, memory and descriptors as they are now. Called by the soak of delivery.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from .program import COMMAND, environment

_CONFIG = """
plugins:
  - name: k8saudit-eks
    library_path: libk8saudit-eks.so
    init_config: {{region: eu-west-1, shift: 60, polling_interval: 1, account: "123456789012", endpoint_url: "{aws}"}}
    open_params: soak
  - {{name: json, library_path: libjson.so, init_config: ""}}
load_plugins: [k8saudit-eks, json]
rules_files: [{folder}/rules.yaml]
watch_config_files: false
json_output: true
stdout_output: {{enabled: false}}
http_output: {{enabled: true, url: "http://127.0.0.1:{port}/"}}
webserver: {{enabled: false}}
falcoeks:
  state_dir: {folder}/state
  alert_id: true
  passes: [{{name: settled, lag: 10s}}]
  outputs: {{queue_bytes: {queue_bytes}}}
"""
RULE = """
- rule: {name}
  desc: alerts on every event of the soak
  condition: ka.verb in (get, list, create, update)
  output: "%ka.auth.reason %ka.auditid"
  priority: NOTICE
  source: k8s_audit
"""
"""About 2 kB of alert for each event, which ends in the event's serial number."""
_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIAINVENTED", "AWS_SECRET_ACCESS_KEY": "x", "AWS_EC2_METADATA_DISABLED": "true"}
_RESIDENT = re.compile(r"^VmRSS:\s+(\d+) kB", re.MULTILINE)


class SoakError(Exception):
    """Something that the soak waited for never came. The text says what."""


class RunningProgram:
    """`falcoeks-fast run`. All lives in one folder add to one log."""

    def __init__(self, folder: Path, aws_url: str, port: int, *, queue_bytes: int = 8 << 20) -> None:
        self._folder = folder
        self._log = folder / "log"
        text = _CONFIG.format(folder=folder, aws=aws_url, port=port, queue_bytes=queue_bytes)
        (folder / "falco.yaml").write_text(text, encoding="utf-8")
        self.write_rule("Everything")
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                [*COMMAND, "run", "-c", str(folder / "falco.yaml")],
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=environment(folder, _CREDENTIALS),
            )
        self.pid = self._child.pid

    def write_rule(self, name: str) -> None:
        (self._folder / "rules.yaml").write_text(RULE.format(name=name), encoding="utf-8")

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    @property
    def alive(self) -> bool:
        return self._child.poll() is None

    @property
    def resident_bytes(self) -> int:
        found = _RESIDENT.search(Path(f"/proc/{self.pid}/status").read_text())
        return int(found.group(1)) * 1024 if found else 0

    @property
    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def wait(self, condition: Callable[[], object], what: str, patience_s: float) -> None:
        """Raises SoakError if the condition does not come true, or the program ends."""
        deadline = time.monotonic() + patience_s
        while not condition():
            if not self.alive:
                raise SoakError(f"the program ended with {self._child.returncode}: {self.log[-400:]}")
            if time.monotonic() > deadline:
                raise SoakError(f"never came: {what}: {self.log[-400:]}")
            time.sleep(0.02)

    def reload(self) -> None:
        """SIGHUP, and wait until the new rules are in force."""
        before = self.log.count("rules from")
        self._child.send_signal(signal.SIGHUP)
        self.wait(lambda: self.log.count("rules from") > before, "the end of a reload", 20.0)

    def kill(self) -> None:
        """kill -9."""
        self._child.kill()
        self._child.wait()

    def stop(self) -> None:
        if self.alive:
            self._child.terminate()
            try:
                self._child.wait(30.0)
            except subprocess.TimeoutExpired:
                self.kill()
