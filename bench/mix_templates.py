"""The categories of the EKS mix: which events, how often. The shares are those published for EKS clusters.

In: a `SimulatedCluster`. Out: `build(cluster)`, a list of (weight, template) whose weights add up to about 100 (per
cent of all events). Called by `mix`. Levels follow the audit policy that AWS publishes: leases, secrets and config maps
without bodies, writes of core and apps objects with request and response.
"""

from __future__ import annotations

from collections.abc import Iterator

from falcoeks_fast.bench import mix_bodies as bodies
from falcoeks_fast.bench.mix_cluster import APPS, EKS_USERS, NAMESPACES, OPERATORS, Json, SimulatedCluster, plain_user
from falcoeks_fast.bench.mix_event import Template, audit_event, object_ref, template
from falcoeks_fast.bench.mix_writes import big_objects, kubelet_status, people, writes

Weighted = tuple[float, Template]

KUBELET = "kubelet/v1.33.5 (linux/amd64) kubernetes/113cf36"
KCM = "kube-controller-manager/v1.33.5 (linux/amd64) kubernetes/113cf36"
SCHEDULER = "kube-scheduler/v1.33.5 (linux/amd64) kubernetes/113cf36/leader-election"
FAST_US, WRITE_US, WATCH_US = 9_000, 40_000, 590_000_000

LEASES, PROBES, READS, WATCHES = 35.0, 18.0, 20.0, 10.0
WATCH_STARTS = 7.9  # with the execs of people: 8 % of all events are ResponseStarted
STATUS_PATCHES, ENDPOINTS, WRITES, TOKENS, CONFIG_READS, PEOPLE = 3.0, 4.0, 4.0, 1.0, 4.0, 1.0
BIG = 0.025  # one in 4,000: 50 kB to 1 MB
REFUSED = 0.03


def build(cluster: SimulatedCluster) -> list[Weighted]:
    """All templates with their weights."""
    groups = [
        (LEASES * (1 - REFUSED), leases(cluster)),
        (PROBES, probes(cluster)),
        (READS * (1 - REFUSED), reads(cluster)),
        (WATCH_STARTS, watches(cluster, "ResponseStarted")),
        (WATCHES - WATCH_STARTS, watches(cluster, "ResponseComplete")),
        (STATUS_PATCHES, kubelet_status(cluster)),
        (ENDPOINTS, endpoints(cluster)),
        (WRITES - BIG, writes(cluster)),
        (TOKENS, token_requests(cluster)),
        (CONFIG_READS * (1 - REFUSED), config_reads(cluster)),
        (PEOPLE, people(cluster)),
        (BIG, big_objects(cluster)),
        ((LEASES + READS + CONFIG_READS) * REFUSED + 1.2, refusals(cluster)),
    ]
    weighted: list[Weighted] = []
    for share, group in groups:
        events = list(group)
        weighted += [(share / len(events), event) for event in events]
    return weighted


def bound(role: str, subject: str) -> str:
    """The authorizer's reason."""
    return f'RBAC: allowed by ClusterRoleBinding "{role}" of ClusterRole "{role}" to {subject}'


def _operator(cluster: SimulatedCluster, namespace: str, name: str) -> tuple[Json, str, str, str]:
    user, ip = cluster.operator_user(namespace, name)
    agent = f"{name}/v1.14.2 (linux/amd64) kubernetes/5b2cf7c"
    return user, ip, agent, bound(name, f'ServiceAccount "{name}/{namespace}"')


def _eks_user(cluster: SimulatedCluster, name: str) -> tuple[Json, str, str, str]:
    agent = f"{name.removeprefix('eks:')}/v0.0.0 (linux/amd64) kubernetes/$Format"
    return plain_user(name), cluster.control_plane_ip(), agent, bound(name, f'User "{name}"')


def leases(cluster: SimulatedCluster) -> Iterator[Template]:
    for node in cluster.nodes:
        ref = object_ref("leases", "kube-node-lease", node.name, uid=cluster.uid(), resource_version="81234567")
        user = cluster.node_user(node)
        for verb, query in (("update", "timeout=10s"), ("get", "timeout=10s")):
            event = audit_event(verb, user, node.ip, KUBELET, ref=ref, query=query, reason="")
            yield template(event, FAST_US)
    holders = [_eks_user(cluster, user) for user in EKS_USERS] + [_operator(cluster, *pair) for pair in OPERATORS]
    holders += [
        (plain_user("system:kube-controller-manager"), "::1", KCM + "/leader-election", ""),
        (plain_user("system:kube-scheduler"), "::1", SCHEDULER, ""),
    ]
    for user, ip, agent, reason in holders:
        name = str(user["username"]).rpartition(":")[2]
        ref = object_ref("leases", "kube-system", name, uid=cluster.uid(), resource_version="81234901")
        for verb in ("get", "update"):
            yield template(audit_event(verb, user, ip, agent, ref=ref, query="timeout=5s", reason=reason), FAST_US)


def probes(cluster: SimulatedCluster) -> Iterator[Template]:
    anonymous = {"username": "system:anonymous", "groups": ["system:unauthenticated"]}
    discovery = bound("system:discovery", 'Group "system:authenticated"')
    public = bound("system:public-info-viewer", 'Group "system:unauthenticated"')
    for uri in ("/livez", "/readyz", "/readyz?verbose", "/healthz", "/livez?exclude=kms-provider-0"):
        for agent in ("ELB-HealthChecker/2.0", "kube-probe/1.33+", "Go-http-client/2.0"):
            ip = cluster.control_plane_ip()
            event = audit_event("get", anonymous, ip, agent, uri=uri, reason=public, level="Request")
            yield template(event, FAST_US)
    callers = [_eks_user(cluster, user) for user in EKS_USERS] + [_operator(cluster, *pair) for pair in OPERATORS]
    for user, ip, agent, _ in callers:
        for uri in (
            "/apis/apps/v1?timeout=32s",
            "/api/v1?timeout=32s",
            "/apis?timeout=32s",
            "/apis/rbac.authorization.k8s.io/v1?timeout=32s",
            "/openapi/v3/apis/batch/v1?hash=5F21B8C9E5A1D3",
        ):
            event = audit_event("get", user, ip, agent, uri=uri, reason=discovery, level="Request")
            yield template(event, FAST_US)


def reads(cluster: SimulatedCluster) -> Iterator[Template]:
    kinds = ("pods", "services", "endpoints", "deployments", "nodes", "jobs", "serviceaccounts", "replicasets")
    metadata_kinds = ("endpointslices", "certificates", "applications", "nodeclaims")
    for number, pair in enumerate(OPERATORS * 6):
        user, ip, agent, reason = _operator(cluster, *pair)
        resource = (*kinds, *metadata_kinds)[number % 12]
        level = "Metadata" if resource in metadata_kinds else "Request"
        namespace = "" if resource in ("nodes", "nodeclaims") else NAMESPACES[number % len(NAMESPACES)]
        name = f"{APPS[number % len(APPS)]}-{cluster.suffix()}"
        ref = object_ref(resource, namespace, name)
        yield template(audit_event("get", user, ip, agent, ref=ref, level=level, reason=reason), FAST_US)
        ref = object_ref(resource, namespace)
        query = "limit=500&resourceVersion=0" if number % 2 else "labelSelector=app.kubernetes.io%2Fmanaged-by%3DHelm"
        event = audit_event("list", user, ip, agent, ref=ref, query=query, level=level, reason=reason)
        yield template(event, FAST_US)
    for pod in cluster.pods:
        user = cluster.node_user(pod.node)
        ref = object_ref("pods", pod.namespace, pod.name)
        yield template(audit_event("get", user, pod.node.ip, KUBELET, ref=ref, level="Request"), FAST_US)
    for name in EKS_USERS:
        user, ip, agent, reason = _eks_user(cluster, name)
        ref = object_ref("nodes")
        yield template(audit_event("list", user, ip, agent, ref=ref, level="Request", reason=reason), FAST_US)


def watches(cluster: SimulatedCluster, stage: str) -> Iterator[Template]:
    latency = FAST_US if stage == "ResponseStarted" else WATCH_US
    kinds = ("pods", "services", "nodes", "configmaps", "deployments", "networkpolicies", "customresourcedefinitions")
    for number, pair in enumerate(OPERATORS * 3):
        user, ip, agent, reason = _operator(cluster, *pair)
        ref = object_ref(kinds[number % len(kinds)])
        query = f"allowWatchBookmarks=true&resourceVersion=8{number:07d}&timeout=9m12s&timeoutSeconds=552&watch=true"
        level = "Metadata" if ref["resource"] == "configmaps" else "Request"
        event = audit_event("watch", user, ip, agent, ref=ref, query=query, level=level, stage=stage, reason=reason)
        yield template(event, latency)
    for node in cluster.nodes:
        for resource, level in (("configmaps", "Metadata"), ("services", "Request"), ("pods", "Request")):
            ref = object_ref(resource, "shop" if resource == "configmaps" else "")
            query = f"fieldSelector=spec.nodeName%3D{node.name}&timeoutSeconds=431&watch=true"
            user = cluster.node_user(node)
            event = audit_event("watch", user, node.ip, KUBELET, ref=ref, query=query, level=level, stage=stage)
            yield template(event, latency)


def endpoints(cluster: SimulatedCluster) -> Iterator[Template]:
    for controller, resource in (("endpointslice-controller", "endpointslices"), ("endpoint-controller", "endpoints")):
        user = cluster.service_account_user("kube-system", controller)
        agent = f"{KCM}/system:serviceaccount:kube-system:{controller}"
        for pod in cluster.pods[:40]:
            ref = object_ref(resource, pod.namespace, pod.app, uid=cluster.uid(), resource_version="83456789")
            if resource == "endpointslices":
                event = audit_event("update", user, "::1", agent, ref=ref)
            else:
                same = [other for other in cluster.pods if other.namespace == pod.namespace][:12]
                body = bodies.endpoints_body(cluster, pod.app, pod.namespace, same)
                event = audit_event(
                    "update", user, "::1", agent, ref=ref, level="RequestResponse", request=body, response=body
                )
            yield template(event, WRITE_US)


def token_requests(cluster: SimulatedCluster) -> Iterator[Template]:
    for pod in cluster.pods:
        user = cluster.node_user(pod.node)
        ref = object_ref("serviceaccounts", pod.namespace, pod.app, "token")
        event = audit_event("create", user, pod.node.ip, KUBELET, ref=ref, code=201)
        yield template(event, FAST_US)


def config_reads(cluster: SimulatedCluster) -> Iterator[Template]:
    """Three quarters config maps, one quarter secrets."""
    for pod in cluster.pods:
        user = cluster.node_user(pod.node)
        for name in (f"{pod.app}-config", "kube-root-ca.crt", f"{pod.app}-features"):
            ref = object_ref("configmaps", pod.namespace, name)
            yield template(audit_event("get", user, pod.node.ip, KUBELET, ref=ref), FAST_US)
        ref = object_ref("secrets", pod.namespace, f"{pod.app}-db")
        yield template(audit_event("get", user, pod.node.ip, KUBELET, ref=ref), FAST_US)


def refusals(cluster: SimulatedCluster) -> Iterator[Template]:
    """The 4xx of a healthy cluster: lost races, things not there yet, an agent without a permission."""
    for node in cluster.nodes:
        ref = object_ref("leases", "kube-node-lease", node.name)
        user = cluster.node_user(node)
        message = f'Operation cannot be fulfilled on leases "{node.name}": the object has been modified'
        event = audit_event("update", user, node.ip, KUBELET, ref=ref, code=409, message=message)
        yield template(event, WRITE_US)
    for pair in OPERATORS:
        user, ip, agent, reason = _operator(cluster, *pair)
        ref = object_ref("configmaps", pair[0], f"{pair[1]}-settings")
        message = f'configmaps "{ref["name"]}" not found'
        event = audit_event("get", user, ip, agent, ref=ref, code=404, message=message, reason=reason)
        yield template(event, FAST_US)
        ref = object_ref("storageclasses")
        message = f'storageclasses.storage.k8s.io is forbidden: User "{user["username"]}" cannot list resource'
        event = audit_event("list", user, ip, agent, ref=ref, code=403, message=message, decision="forbid")
        yield template(event, FAST_US)
