"""`--list-plugins` and `--plugin-info` (spec: cli 3.7).

In: names of plugins. Out: text. Called by `run`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from falcoeks_fast.config.plugins import PLUGIN_VERSIONS


@dataclass(frozen=True, slots=True)
class _About:
    description: str
    capabilities: tuple[str, ...]
    properties: dict[str, str]
    open_params: str


_STRING, _COUNT, _FLAG = "string", "integer", "boolean"
_ABOUT = {
    "k8saudit-eks": _About(
        "Read Kubernetes Audit Events for EKS from Cloudwatch Logs",
        ("Event Sourcing (ID=9, source='k8s_audit')", "Field Extraction"),
        {
            "profile": _STRING,
            "region": _STRING,
            "shift": _COUNT,
            "polling_interval": _COUNT,
            "buffer_size": _COUNT,
            "use_async": _FLAG,
            "max_event_size": _COUNT,
            "clusters": "array",
            "role_arn": _STRING,
            "external_id": _STRING,
            "account": _STRING,
            "endpoint_url": _STRING,
        },
        "default: Cluster Name",
    ),
    "k8saudit": _About(
        "Read Kubernetes Audit Events and monitor Kubernetes Clusters",
        ("Event Sourcing (ID=1, source='k8s_audit')", "Field Extraction"),
        {
            "sslCertificate": _STRING,
            "useAsync": _FLAG,
            "maxEventSize": _COUNT,
            "webhookMaxBatchSize": _COUNT,
        },
        "http://:9765/k8s-audit: webhook address, file or directory of JSON lines",
    ),
    "json": _About(
        "Implements extracting arbitrary fields from inputs formatted as JSON",
        ("Field Extraction",),
        {"useAsync": _FLAG},
        "",
    ),
}


def plugin_list(names: Sequence[str]) -> str:
    return f"{len(names)} Plugins Loaded:\n\n" + "\n".join(_block(name) for name in names)


def plugin_info(name: str) -> str:
    """Raises KeyError for a name that is not built in."""
    about = _ABOUT[name]
    properties = {key: {"type": kind} for key, kind in about.properties.items()}
    schema = {"$schema": "http://json-schema.org/draft-04/schema#", "type": "object", "properties": properties}
    params = f"Suggested open params:\n{about.open_params}\n"
    if not about.open_params:
        params = "No suggested open params available: plugin has no event sourcing capability\n"
    return f"{_block(name)}\nInit config schema type: JSON\n{json.dumps(schema, separators=(',', ':'))}\n\n{params}"


def _block(name: str) -> str:
    about = _ABOUT[name]
    capabilities = "".join(f"  - {capability}\n" for capability in about.capabilities)
    return (
        f"Name: {name}\nDescription: {about.description}\nContact: github.com/falcosecurity/plugins\n"
        f"Version: {PLUGIN_VERSIONS[name]}\nCapabilities: \n{capabilities}"
    )
