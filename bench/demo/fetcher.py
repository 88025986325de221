"""The unmodified fetcher as a child process: its configuration, its environment, its alerts line by line.

In: where the embedded CloudWatch Logs listens, and the rules. Out: `Fetcher`, whose `alerts` yields JSON alerts as they
come. Called by `demo.__main__`. Nothing here knows anything of falcoeks-fast but its command line and falco.yaml.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from falcoeks_fast.bench.pack_file import PACKS

PACK = PACKS / "eks.yaml"
COMMAND = (sys.executable, "-m", "falcoeks_fast", "run")
CLUSTER, REGION = "demo", "eu-central-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIADEMONSTRATION000", "AWS_SECRET_ACCESS_KEY": "demonstration"}

FALCO_YAML = """\
# Written by the demonstration, in Falco's own terms.
load_plugins: [k8saudit-eks, json]
plugins:
  - name: k8saudit-eks
    library_path: libk8saudit-eks.so
    init_config: {{region: "{region}", shift: {shift}, polling_interval: 2}}
    open_params: "{cluster}"
  - name: json
    library_path: libjson.so
    init_config: ""
rules_files: [{rules}]
rule_matching: all
json_output: {json}
stdout_output: {{enabled: true}}
webserver: {{enabled: false}}
watch_config_files: false
"""
DEMO_YAML = """\
# To measure the delay: each alert carries the id of its event.
append_output:
  - match: {source: k8s_audit}
    extra_fields: [ka.auditid]
# A second look at every window finds what became visible late. Two minutes behind by default; this run is too short.
falcoeks:
  passes: [{name: settled, lag: 8s}]
"""


def write_config(folder: Path, cluster: str, region: str, rules: Path, *, demo: bool) -> Path:
    """Write falco.yaml for the demonstration (JSON, audit id in each alert) or for a real cluster (text)."""
    text = FALCO_YAML.format(
        cluster=cluster,
        region=region,
        rules=json.dumps(str(rules)),
        json="true" if demo else "false",
        shift=30 if demo else 10,
    )
    path = folder / "falco.yaml"
    path.write_text(text + (DEMO_YAML if demo else ""), encoding="utf-8")
    return path


def demo_environment(endpoint: str, folder: Path) -> dict[str, str]:
    """The environment of the child: dummy credentials, the endpoint, state in a folder that goes away."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    return (
        kept
        | CREDENTIALS
        | {
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ENDPOINT_URL_LOGS": endpoint,
            "XDG_STATE_HOME": str(folder / "state"),
            "FALCO_HOSTNAME": "demo",
        }
    )


class Fetcher:
    """`falcoeks-fast run` under our eyes."""

    def __init__(self, config: Path, environment: dict[str, str], log: Path) -> None:
        self._log = log.open("wb")
        self.process = subprocess.Popen(
            [*COMMAND, "-c", str(config), "-U"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,
        )

    def lines(self) -> Iterator[dict[str, Any] | str]:
        """Alerts as dictionaries, any other line of standard output as text; ends when the child closes it."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            try:
                alert = json.loads(line)
            except ValueError:
                alert = None
            yield alert if isinstance(alert, dict) and "rule" in alert else line.decode(errors="replace").rstrip()

    def stop(self) -> None:
        """Ask it to end as Ctrl-C does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)

    def close(self) -> int:
        """Wait for its end; its exit code."""
        try:
            code = self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self._log.close()
        return code
