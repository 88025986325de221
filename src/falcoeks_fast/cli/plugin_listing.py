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
    contact: str = "github.com/falcosecurity/plugins"


_NO_PARAMS = (
    "No suggested open params available: plugin has not been configured, or it does not implement the open params "
    "suggestion functionality"
)
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
        "",
    ),
    "json": _About(
        "implements extracting arbitrary fields from inputs formatted as JSON",
        ("Field Extraction",),
        {"useAsync": _FLAG},
        "",
        contact="github.com/falcosecurity/plugins/",
    ),
}


def plugin_list(names: Sequence[str]) -> str:
    return f"{len(names)} Plugins Loaded:\n\n" + "".join(f"{_block(name)}\n" for name in names) + "\n"


def plugin_info(name: str) -> str:
    """Raises KeyError for a name that is not built in."""
    about = _ABOUT[name]
    properties = {key: {"type": kind} for key, kind in about.properties.items()}
    schema = {"$schema": "http://json-schema.org/draft-04/schema#", "type": "object", "properties": properties}
    params = f"Suggested open params:\n{about.open_params}\n\n" if about.open_params else ""
    if not params and len(about.capabilities) > 1:
        params = f"{_NO_PARAMS}\n\n"
    return f"{_block(name)}\nInit config schema type: JSON\n{json.dumps(schema, separators=(',', ':'))}\n\n{params}"


def _block(name: str) -> str:
    about = _ABOUT[name]
    capabilities = "".join(f"  - {capability}\n" for capability in about.capabilities)
    return (
        f"Name: {name}\nDescription: {about.description}\nContact: {about.contact}\n"
        f"Version: {PLUGIN_VERSIONS[name]}\nCapabilities: \n{capabilities}"
    )
