"""One audit event in the API server's key order, and its reusable form with holes for ids and times.

In: what a request was. Out: `audit_event` dictionaries and `Template`s (the message as it stands in a log line, and
escaped as it stands in a FilterLogEvents body). Called by `mix_templates` and by the demo.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from falcoeks_fast.bench.mix_cluster import Json

HOLES = ("@AUDITID@", "@RECEIVED@", "@STAGETIME@")
RESOURCE_GROUPS = {
    "leases": "coordination.k8s.io",
    "endpointslices": "discovery.k8s.io",
    "deployments": "apps",
    "daemonsets": "apps",
    "replicasets": "apps",
    "statefulsets": "apps",
    "controllerrevisions": "apps",
    "jobs": "batch",
    "cronjobs": "batch",
    "tokenreviews": "authentication.k8s.io",
    "subjectaccessreviews": "authorization.k8s.io",
    "selfsubjectaccessreviews": "authorization.k8s.io",
    "clusterroles": "rbac.authorization.k8s.io",
    "clusterrolebindings": "rbac.authorization.k8s.io",
    "roles": "rbac.authorization.k8s.io",
    "rolebindings": "rbac.authorization.k8s.io",
    "networkpolicies": "networking.k8s.io",
    "ingresses": "networking.k8s.io",
    "horizontalpodautoscalers": "autoscaling",
    "validatingwebhookconfigurations": "admissionregistration.k8s.io",
    "poddisruptionbudgets": "policy",
    "storageclasses": "storage.k8s.io",
    "csinodes": "storage.k8s.io",
    "customresourcedefinitions": "apiextensions.k8s.io",
    "certificates": "cert-manager.io",
    "applications": "argoproj.io",
    "nodeclaims": "karpenter.sh",
    "events": "events.k8s.io",
    "certificatesigningrequests": "certificates.k8s.io",
}


@dataclass(frozen=True, slots=True)
class Template:
    """An event with three holes, `%b` each: auditID, requestReceivedTimestamp, stageTimestamp."""

    plain: bytes
    escaped: bytes
    latency_us: int  # upper bound of stageTimestamp - requestReceivedTimestamp

    def fill(self, audit_id: bytes, received: bytes, stage: bytes, *, escaped: bool = False) -> bytes:
        return (self.escaped if escaped else self.plain) % (audit_id, received, stage)


def object_ref(resource: str, namespace: str = "", name: str = "", subresource: str = "", **more: str) -> Json:
    """`objectRef` in its order, empty members left out."""
    group = RESOURCE_GROUPS.get(resource, "")
    ref = {
        "resource": resource,
        "namespace": namespace,
        "name": name,
        "uid": more.get("uid", ""),
        "apiGroup": group,
        "apiVersion": "v1",
        "resourceVersion": more.get("resource_version", ""),
        "subresource": subresource,
    }
    return {key: value for key, value in ref.items() if value}


def resource_uri(ref: Json, query: str = "") -> str:
    """The request path of an object reference."""
    group = ref.get("apiGroup")
    path = f"/apis/{group}/v1" if group else "/api/v1"
    if "namespace" in ref:
        path += f"/namespaces/{ref['namespace']}"
    path += f"/{ref['resource']}"
    for key in ("name", "subresource"):
        if key in ref:
            path += f"/{ref[key]}"
    return path + (f"?{query}" if query else "")


def failure(code: int, ref: Json | None, message: str = "") -> Json:
    """`responseStatus` of a refused request."""
    reason = {401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict"}.get(code, "Invalid")
    status: Json = {"metadata": {}, "status": "Failure", "message": message or reason, "reason": reason}
    if ref is not None:
        details = {"name": ref.get("name"), "group": ref.get("apiGroup"), "kind": ref["resource"]}
        status["details"] = {key: value for key, value in details.items() if value}
    return status | {"code": code}


def audit_event(
    verb: str,
    user: Json,
    source_ip: str,
    agent: str,
    *,
    ref: Json | None = None,
    uri: str = "",
    query: str = "",
    level: str = "Metadata",
    stage: str = "ResponseComplete",
    code: int = 200,
    message: str = "",
    request: Json | list[Json] | None = None,
    response: Json | None = None,
    impersonated: Json | None = None,
    decision: str = "allow",
    reason: str = "",
    annotations: Json | None = None,
) -> Json:
    """An event as the API server logs it, with holes (`HOLES`) for its id and times."""
    event: Json = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": level,
        "auditID": HOLES[0],
        "stage": stage,
        "requestURI": uri or resource_uri(ref or {"resource": ""}, query),
        "verb": verb,
        "user": user,
    }
    if impersonated is not None:
        event["impersonatedUser"] = impersonated
    event["sourceIPs"] = [source_ip]
    event["userAgent"] = agent
    if ref is not None:
        event["objectRef"] = ref
    if code >= 400:
        event["responseStatus"] = failure(code, ref, message)
    else:
        event["responseStatus"] = {"metadata": {}, "code": code}
    if request is not None:
        event["requestObject"] = request
    if response is not None:
        event["responseObject"] = response
    event["requestReceivedTimestamp"] = HOLES[1]
    event["stageTimestamp"] = HOLES[2]
    event["annotations"] = annotations or {
        "authorization.k8s.io/decision": decision,
        "authorization.k8s.io/reason": reason,
    }
    return event


def go_json(value: object) -> str:
    """Compact JSON as Go writes it: `<`, `>` and `&` escaped, other characters as they are."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def template(event: Json, latency_us: int) -> Template:
    """The reusable form of an event made by `audit_event`."""
    plain = go_json(event)
    return Template(_with_holes(plain), _with_holes(json.dumps(plain, ensure_ascii=False)[1:-1]), latency_us)


def _with_holes(text: str) -> bytes:
    text = text.replace("%", "%%")
    for hole in HOLES:
        text = text.replace(hole, "%b", 1)
    return text.encode()
