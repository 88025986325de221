"""The attack that the demonstration weaves into the ordinary traffic, step by step.

In: a `SimulatedCluster`. Out: `steps(cluster)`: what happens, the audit events of it, and the rules that must fire.
Called by `demo.writer` and by the tests of the rule pack. The events are as EKS logs them: no bodies for secrets, exec
at stage ResponseStarted, the answer's code beside the decision.
"""

from __future__ import annotations

from dataclasses import dataclass

from falcoeks_fast.bench import mix_bodies as bodies
from falcoeks_fast.bench.mix_cluster import ACCOUNT, Json, SimulatedCluster
from falcoeks_fast.bench.mix_event import audit_event, object_ref

STRANGER = "198.51.100.77"
FULL = "RequestResponse"
KUBECTL = "kubectl/v1.34.1 (linux/amd64) kubernetes/93248f9"
ALLOWED = 'RBAC: allowed by ClusterRoleBinding "engineers" of ClusterRole "engineer" to Group "platform:engineers"'


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `events` are audit events with holes; each of `rules` must alert on at least one of them.

    `late_seconds`: how long after their time the events become visible.
    """

    title: str
    events: list[Json]
    rules: tuple[str, ...]
    late_seconds: float = 0.0


def steps(cluster: SimulatedCluster) -> list[Step]:
    """The attack in the order in which it happens."""
    pod = cluster.pods[5]
    thief = cluster.service_account_user(pod.namespace, pod.app, pod)
    person = cluster.person_user("mallory", role="ContractorAccess")
    return [
        _anonymous_probe(),
        _token_in_hand(thief),
        Step(
            "all secrets of the cluster listed",
            [audit_event("list", thief, STRANGER, "curl/8.14.1", ref=object_ref("secrets"), query="limit=500")],
            ("EKS secrets listed cluster-wide",),
        ),
        Step(
            "a password read by name",
            [
                audit_event(
                    "get",
                    person,
                    STRANGER,
                    KUBECTL,
                    ref=object_ref("secrets", "payments", "ledger-db"),
                    reason=ALLOWED,
                )
            ],
            ("EKS secret read by a person",),
        ),
        _exec(cluster, person),
        _privileged_pod(cluster, person),
        _cluster_admin(cluster, person),
        _aws_auth(cluster, person),
        _agent_removed(cluster, person),
    ]


def _anonymous_probe() -> Step:
    nobody = {"username": "system:anonymous", "groups": ["system:unauthenticated"]}
    refused = [
        audit_event(
            "list",
            nobody,
            STRANGER,
            "Mozilla/5.0 zgrab/0.x",
            ref=object_ref(resource),
            code=403,
            decision="forbid",
            message=f'{resource} is forbidden: User "system:anonymous" cannot list resource "{resource}"',
        )
        for resource in ("secrets", "nodes", "namespaces")
    ]
    allowed = audit_event(
        "list",
        nobody,
        STRANGER,
        "Mozilla/5.0 zgrab/0.x",
        ref=object_ref("pods", "staging"),
        level="Request",
        reason='RBAC: allowed by RoleBinding "public/staging" of ClusterRole "view" to User "system:anonymous"',
    )
    return Step("anonymous probe, one answer", [*refused, allowed], ("EKS anonymous request succeeded",))


def _token_in_hand(thief: Json) -> Step:
    event = audit_event(
        "list",
        thief,
        STRANGER,
        "curl/8.14.1",
        ref=object_ref("namespaces"),
        level="Request",
        reason='RBAC: allowed by ClusterRoleBinding "app-view" of ClusterRole "view"',
    )
    return Step("a pod's token used with curl", [event], ("EKS service account token in hand tools",))


def _exec(cluster: SimulatedCluster, person: Json) -> Step:
    pod = cluster.pods[9]
    path = "%2Fvar%2Frun%2Fsecrets%2Feks.amazonaws.com%2Fserviceaccount%2Ftoken"
    event = audit_event(
        "get",
        person,
        STRANGER,
        KUBECTL,
        ref=object_ref("pods", pod.namespace, pod.name, "exec"),
        query=f"command=cat&command={path}&container={pod.app}&stdout=true",
        level="Request",
        stage="ResponseStarted",
        code=101,
        reason=ALLOWED,
    )
    return Step("exec into a pod to read its token for AWS", [event], ("EKS exec steals credentials",))


def _privileged_pod(cluster: SimulatedCluster, person: Json) -> Step:
    spec = bodies.pod_spec("toolbox", "docker.io/library/alpine:3.22", nodeName=cluster.nodes[0].name)
    spec["containers"][0]["securityContext"] = {"privileged": True}
    spec["volumes"] = [{"name": "host", "hostPath": {"path": "/", "type": ""}}]
    meta = {"name": "toolbox", "namespace": "staging"}
    request = {"kind": "Pod", "apiVersion": "v1", "metadata": meta, "spec": spec, "status": {}}
    response = {**request, "metadata": bodies.metadata(cluster, "toolbox", "staging", "kubectl-run")}
    event = audit_event(
        "create",
        person,
        STRANGER,
        KUBECTL,
        ref=object_ref("pods", "staging", "toolbox"),
        level=FULL,
        code=201,
        request=request,
        response=response,
        reason=ALLOWED,
    )
    return Step(
        "a privileged pod with the node's disk", [event], ("EKS privileged container", "EKS sensitive host path")
    )


def _cluster_admin(cluster: SimulatedCluster, person: Json) -> Step:
    subjects = [{"kind": "ServiceAccount", "name": "metrics-agent", "namespace": "staging"}]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    head = {"kind": "ClusterRoleBinding", "apiVersion": "rbac.authorization.k8s.io/v1"}
    event = audit_event(
        "create",
        person,
        STRANGER,
        KUBECTL,
        ref=object_ref("clusterrolebindings", "", "metrics-agent"),
        level=FULL,
        code=201,
        request={**head, "metadata": {"name": "metrics-agent"}, "subjects": subjects, "roleRef": role},
        response={
            **head,
            "metadata": bodies.metadata(cluster, "metrics-agent", "", "kubectl-create"),
            "subjects": subjects,
            "roleRef": role,
        },
        reason=ALLOWED,
    )
    title = "cluster-admin bound to a new account, visible only seconds later"
    return Step(title, [event], ("EKS cluster admin bound",), late_seconds=6.0)


def _aws_auth(cluster: SimulatedCluster, person: Json) -> Step:
    roles = f"- rolearn: arn:aws:iam::{ACCOUNT}:role/backup\n  username: backup\n  groups:\n  - system:masters\n"
    event = audit_event(
        "patch",
        person,
        STRANGER,
        KUBECTL,
        ref=object_ref("configmaps", "kube-system", "aws-auth"),
        query="fieldManager=kubectl-edit",
        level=FULL,
        request={"data": {"mapRoles": roles}},
        response={
            "kind": "ConfigMap",
            "apiVersion": "v1",
            "metadata": bodies.metadata(cluster, "aws-auth", "kube-system", "kubectl-edit"),
            "data": {"mapRoles": roles},
        },
        reason=ALLOWED,
    )
    return Step("an IAM role mapped to system:masters", [event], ("EKS aws-auth grants cluster admin",))


def _agent_removed(cluster: SimulatedCluster, person: Json) -> Step:
    event = audit_event(
        "delete",
        person,
        STRANGER,
        KUBECTL,
        ref=object_ref("daemonsets", "amazon-guardduty", "aws-guardduty-agent"),
        level=FULL,
        response={
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Success",
            "details": {"name": "aws-guardduty-agent", "group": "apps", "kind": "daemonsets", "uid": cluster.uid()},
        },
        reason=ALLOWED,
    )
    return Step("the GuardDuty agent deleted", [event], ("EKS security agent removed",))
