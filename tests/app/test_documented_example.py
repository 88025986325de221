"""The configuration and the rule of the plugin's documentation, as they stand there."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

from falcoeks_fast.bench.fake_cloudwatch.server import FakeServer
from falcoeks_fast.bench.fake_cloudwatch.service import FakeCloudWatch
from falcoeks_fast.bench.fake_cloudwatch.store import LogStore

from .test_cloudwatch_program import CREDENTIALS
from .tools import started, until, write

CONFIG = """\
plugins:
  - name: k8saudit-eks
    library_path: libk8saudit-eks.so
    init_config: {region: "us-east-1", profile: "default", shift: 10, polling_interval: 10, use_async: false, buffer_size: 500}
    open_params: "my-cluster"
  - name: json
    library_path: libjson.so
    init_config: ""
load_plugins: [k8saudit-eks, json]
"""  # noqa: E501
RULES = """\
- required_engine_version: 15
- required_plugin_versions:
  - name: k8saudit-eks
    version: 0.1.0
- rule: Dummy rule
  desc: >
    Dummy rule
  condition: >
    ka.verb in (get,create,delete,update)
  output: user=%ka.user.name verb=%ka.verb target=%ka.target.name target.namespace=%ka.target.namespace resource=%ka.target.resource
  priority: WARNING
  source: k8s_audit
  tags: [k8s]
"""  # noqa: E501


def test_it_prints_the_documented_alert_and_statistics(tmp_path: Path) -> None:
    service = FakeCloudWatch(call_s=0.01)
    store = service.groups["/aws/eks/my-cluster/cluster"] = LogStore([])
    now_ms = time.time_ns() // 1_000_000
    event = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": "5d6c1a3e-7b1f-4a57-9d5b-0f8f1d3c2b4a",
        "stage": "ResponseComplete",
        "requestURI": "/api/v1/namespaces/kube-system/configmaps/eks-certificates-controller",
        "verb": "get",
        "user": {"username": "eks:certificate-controller", "groups": ["system:authenticated"]},
        "sourceIPs": ["10.0.142.229"],
        "userAgent": "controller-manager/v0.0.0",
        "objectRef": {"resource": "configmaps", "namespace": "kube-system", "name": "eks-certificates-controller"},
        "responseStatus": {"metadata": {}, "code": 200},
        "stageTimestamp": datetime.now(UTC).strftime("%Y-%m-%dT16:07:42.045023Z"),
    }
    store.put_text(now_ms, json.dumps(event), visible_ms=now_ms)
    config, rules = write(tmp_path / "falco.yaml", CONFIG), write(tmp_path / "rules.yaml", RULES)
    with FakeServer(service) as server:
        aws = {**CREDENTIALS, "AWS_ENDPOINT_URL": server.url, "XDG_STATE_HOME": str(tmp_path), "TZ": "UTC"}
        state = f"falcoeks.state_dir={tmp_path}/state"
        with started("run", "-c", config, "-r", rules, "-o", state, cwd=tmp_path, **aws) as process:
            until(lambda: "Warning" in process.out, "the alert")
            assert process.stop() == 0
    assert process.out == (
        "16:07:42.045023000: Warning user=eks:certificate-controller verb=get target=eks-certificates-controller "
        "target.namespace=kube-system resource=configmaps\n"
        "Events detected: 1\n"
        "Rule counts by severity:\n"
        "   WARNING: 1\n"
        "Triggered rules by rule name:\n"
        "   Dummy rule: 1\n"
    )
    assert process.err.count("No output is configured") == 1
