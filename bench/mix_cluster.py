"""The cluster that the generated audit log is about: nodes, workloads, and who calls the API server.

In: a seed. Out: `SimulatedCluster`, whose methods give `user` objects and names as an EKS API server logs them
(aws-iam-authenticator puts the IAM identity into `user.extra`; projected tokens carry pod and node). Called by
`mix_bodies` and `mix_templates`. Nothing here depends on the wall clock.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

ACCOUNT = "111122223333"
REGION = "eu-central-1"
ECR = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
EKS_ECR = f"602401143452.dkr.ecr.{REGION}.amazonaws.com"

NAMESPACES = ("shop", "payments", "search", "ingress", "monitoring", "argocd", "batch", "staging")
APPS = ("cart", "catalog", "checkout", "ledger", "mailer", "orders", "pricing", "ranking", "sessions", "stock")
DAEMONS = ("aws-node", "kube-proxy", "ebs-csi-node", "eks-pod-identity-agent", "node-exporter")
# Controllers of the control plane that log in with the service account named like them.
KCM_CONTROLLERS = (
    "replicaset-controller",
    "deployment-controller",
    "daemon-set-controller",
    "endpointslice-controller",
    "endpoint-controller",
    "job-controller",
    "cronjob-controller",
    "generic-garbage-collector",
    "resourcequota-controller",
    "namespace-controller",
    "root-ca-cert-publisher",
)
EKS_USERS = (
    "eks:certificate-controller",
    "eks:fargate-scheduler",
    "eks:k8s-metrics",
    "eks:cloud-controller-manager",
    "eks:vpc-resource-controller",
    "eks:authenticator",
    "eks:cluster-event-watcher",
)
# (namespace, service account) of add-ons and operators that talk to the API server all day.
OPERATORS = (
    ("kube-system", "aws-node"),
    ("kube-system", "coredns"),
    ("kube-system", "ebs-csi-controller-sa"),
    ("kube-system", "aws-load-balancer-controller"),
    ("kube-system", "metrics-server"),
    ("karpenter", "karpenter"),
    ("argocd", "argocd-application-controller"),
    ("cert-manager", "cert-manager"),
    ("external-secrets", "external-secrets"),
    ("monitoring", "prometheus"),
    ("monitoring", "kube-state-metrics"),
)
PEOPLE = ("alice", "bruno", "chiara", "deniz")
BASE32 = "bcdfghjklmnpqrstvwxz2456789"


@dataclass(frozen=True, slots=True)
class Node:
    """One EC2 node."""

    name: str
    ip: str
    instance_id: str
    uid: str


@dataclass(frozen=True, slots=True)
class Pod:
    """One running pod."""

    namespace: str
    app: str
    name: str
    uid: str
    ip: str
    node: Node


class SimulatedCluster:
    """Everything that has a name in the simulated cluster; the same for the same seed."""

    def __init__(self, seed: int, node_count: int = 24) -> None:
        self.rng = random.Random(seed)
        self.nodes = [self._node(number) for number in range(node_count)]
        self.pods = [
            self._pod(namespace, app)
            for namespace in NAMESPACES
            for app in self.rng.sample(APPS, 5)
            for _ in range(self.rng.randint(1, 3))
        ]
        self.daemon_pods = [self._daemon_pod(daemon, node) for node in self.nodes for daemon in DAEMONS]

    def uid(self) -> str:
        digits = f"{self.rng.getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"

    def suffix(self, length: int = 5) -> str:
        return "".join(self.rng.choices(BASE32, k=length))

    def _node(self, number: int) -> Node:
        ip = f"10.0.{16 + number % 3 * 16}.{10 + number * 3}"
        name = f"ip-{ip.replace('.', '-')}.{REGION}.compute.internal"
        return Node(name, ip, f"i-0{self.rng.getrandbits(64):016x}", self.uid())

    def _pod_ip(self) -> str:
        return f"10.0.{self.rng.randint(64, 95)}.{self.rng.randint(2, 250)}"

    def _pod(self, namespace: str, app: str) -> Pod:
        name = f"{app}-{self.rng.getrandbits(36):09x}-{self.suffix()}"
        return Pod(namespace, app, name, self.uid(), self._pod_ip(), self.rng.choice(self.nodes))

    def _daemon_pod(self, daemon: str, node: Node) -> Pod:
        namespace = "monitoring" if daemon == "node-exporter" else "kube-system"
        return Pod(namespace, daemon, f"{daemon}-{self.suffix()}", self.uid(), node.ip, node)

    def node_user(self, node: Node) -> Json:
        """The kubelet of a node: an IAM role session named like the instance."""
        return self._iam_user(
            f"system:node:{node.name}",
            "eks-nodes-20250114",
            node.instance_id,
            groups=["system:nodes", "system:authenticated"],
        )

    def person_user(self, person: str, role: str = "PlatformEngineer") -> Json:
        """A human or a pipeline with an IAM role that an access entry maps."""
        name = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{person}"
        return self._iam_user(name, role, person, groups=["platform:engineers", "system:authenticated"])

    def wesley_user(self, name: str) -> Json:
        """An EKS service user that comes through AWS's own role (node manager, add-on manager)."""
        role, session = "AWSWesleyClusterManagerLambda-NodeManagerRole-1BCD2EFGH", "1750123456789012345"
        user = self._iam_user(name, role, session, groups=["system:authenticated", name])
        user["extra"]["arn"] = [f"arn:aws:sts::{EKS_ECR[:12]}:assumed-role/{role}/{session}"]
        return user

    def _iam_user(self, username: str, role: str, session: str, groups: list[str]) -> Json:
        principal = f"AROA{self.rng.getrandbits(80):020X}"[:21]
        return {
            "username": username,
            "uid": f"aws-iam-authenticator:{ACCOUNT}:{principal}",
            "groups": groups,
            "extra": {
                "accessKeyId": [f"ASIA{self.rng.getrandbits(64):016X}"],
                "arn": [f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{session}"],
                "canonicalArn": [f"arn:aws:iam::{ACCOUNT}:role/{role}"],
                "principalId": [principal],
                "sessionName": [session],
                "sigs.k8s.io/aws-iam-authenticator/principalId": [principal],
            },
        }

    def service_account_user(self, namespace: str, name: str, pod: Pod | None = None) -> Json:
        """A service account; with `pod`, by a projected token that names pod and node."""
        user: Json = {
            "username": f"system:serviceaccount:{namespace}:{name}",
            "uid": self.uid(),
            "groups": ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"],
        }
        if pod is not None:
            user["extra"] = {
                "authentication.kubernetes.io/credential-id": [f"JTI={self.uid()}"],
                "authentication.kubernetes.io/node-name": [pod.node.name],
                "authentication.kubernetes.io/node-uid": [pod.node.uid],
                "authentication.kubernetes.io/pod-name": [pod.name],
                "authentication.kubernetes.io/pod-uid": [pod.uid],
            }
        return user

    def operator_user(self, namespace: str, name: str) -> tuple[Json, str]:
        """(user, source address) of an add-on or operator."""
        node = self.rng.choice(self.nodes)
        pod = Pod(namespace, name, f"{name}-{self.suffix(9)}-{self.suffix()}", self.uid(), self._pod_ip(), node)
        return self.service_account_user(namespace, name, pod), pod.ip

    def control_plane_ip(self) -> str:
        return f"172.16.{self.rng.randint(32, 63)}.{self.rng.randint(2, 250)}"

    def office_ip(self) -> str:
        return f"203.0.113.{self.rng.randint(10, 40)}"


def plain_user(name: str, *groups: str) -> Json:
    """A user without IAM or token details, e.g. a component of the control plane."""
    return {"username": name, "groups": [*groups, "system:authenticated"]}
