"""The writing part of the EKS mix: controllers, kubelets, add-ons, people and pipelines, and a few huge objects.

In: a `SimulatedCluster`. Out: iterators of templates, one for each category. Called by `mix_templates`. Nothing here is
an attack: a rule pack must stay quiet on it.
"""

from __future__ import annotations

from collections.abc import Iterator

from falcoeks_fast.bench import mix_bodies as bodies
from falcoeks_fast.bench.mix_cluster import DAEMONS, PEOPLE, Json, Pod, SimulatedCluster, plain_user
from falcoeks_fast.bench.mix_event import Template, audit_event, object_ref, template

KUBELET = "kubelet/v1.33.5 (linux/amd64) kubernetes/113cf36"
KCM = "kube-controller-manager/v1.33.5 (linux/amd64) kubernetes/113cf36"
KUBECTL = "kubectl/v1.33.3 (darwin/arm64) kubernetes/80779bd"
FAST_US, WRITE_US = 9_000, 40_000
FULL = "RequestResponse"


def _controller(cluster: SimulatedCluster, name: str) -> tuple[Json, str]:
    """(user, user agent) of a loop in the controller manager."""
    agent = f"{KCM}/system:serviceaccount:kube-system:{name}"
    return cluster.service_account_user("kube-system", name), agent


def kubelet_status(cluster: SimulatedCluster) -> Iterator[Template]:
    """Status patches: 14 of 15 of pods, the rest of nodes with their list of images."""
    pods = cluster.pods
    for number, pod in enumerate(pods):
        ref = object_ref("pods", pod.namespace, pod.name, "status")
        user = cluster.node_user(pod.node)
        event = audit_event(
            "patch",
            user,
            pod.node.ip,
            KUBELET,
            ref=ref,
            level=FULL,
            request=bodies.pod_status_patch(pod),
            response=bodies.running_pod(cluster, pod),
        )
        yield template(event, WRITE_US)
        if number % 14 == 0:
            node = pod.node
            event = audit_event(
                "patch",
                cluster.node_user(node),
                node.ip,
                KUBELET,
                ref=object_ref("nodes", "", node.name, "status"),
                query="timeout=10s",
                level=FULL,
                request=bodies.node_status_patch(node),
                response=bodies.node_body(cluster, node, cluster.rng.randint(40, 130)),
            )
            yield template(event, WRITE_US)


def writes(cluster: SimulatedCluster) -> Iterator[Template]:
    """Everything else that controllers and add-ons write."""
    for pod in cluster.pods:
        yield from _rollout(cluster, pod)
    for pod in cluster.daemon_pods[: len(DAEMONS) * 3]:
        user, agent = _controller(cluster, "daemon-set-controller")
        spec = bodies.daemon_spec(pod.app)
        yield template(_pod_create(cluster, pod, spec, user, agent), WRITE_US)
    addon_manager = cluster.wesley_user("eks:addon-manager")
    for daemon in DAEMONS[:4]:
        stored = bodies.workload_body(
            cluster, "DaemonSet", daemon, "kube-system", bodies.daemon_spec(daemon), stored=True
        )
        stored["metadata"]["annotations"] = bodies.last_applied(
            bodies.workload_body(cluster, "DaemonSet", daemon, "kube-system", bodies.daemon_spec(daemon), stored=False)
        )
        ref = object_ref("daemonsets", "kube-system", daemon)
        event = audit_event(
            "patch",
            addon_manager,
            cluster.control_plane_ip(),
            "eks-addon-manager/v0.0.0 (linux/amd64) kubernetes/$Format",
            ref=ref,
            query="fieldManager=eks&force=true",
            level=FULL,
            request=bodies.workload_body(
                cluster, "DaemonSet", daemon, "kube-system", bodies.daemon_spec(daemon), stored=False
            ),
            response=stored,
        )
        yield template(event, WRITE_US)
    hook = bodies.webhook_body(cluster, "kyverno-resource-validating", 3, bundle_bytes=1400)
    cainjector = cluster.operator_user("cert-manager", "cert-manager-cainjector")
    event = audit_event(
        "patch",
        cainjector[0],
        cainjector[1],
        "cainjector/v1.18.2 (linux/amd64) cert-manager/v1.18.2",
        ref=object_ref("validatingwebhookconfigurations", "", "kyverno-resource-validating"),
        level=FULL,
        request={"webhooks": hook["webhooks"]},
        response=hook,
    )
    yield template(event, WRITE_US)


def _rollout(cluster: SimulatedCluster, pod: Pod) -> Iterator[Template]:
    """A pod's life as its controllers write it."""
    user, agent = _controller(cluster, "replicaset-controller")
    spec = bodies.pod_spec(pod.app, bodies.app_image(pod.app, 17))
    yield template(_pod_create(cluster, pod, spec, user, agent), WRITE_US)
    binding = {"metadata": {"name": pod.name, "uid": pod.uid}, "target": {"kind": "Node", "name": pod.node.name}}
    event = audit_event(
        "create",
        plain_user("system:kube-scheduler"),
        "::1",
        "kube-scheduler/v1.33.5 (linux/amd64) kubernetes/113cf36/scheduler",
        ref=object_ref("pods", pod.namespace, pod.name, "binding"),
        level=FULL,
        code=201,
        request={"kind": "Binding", "apiVersion": "v1", **binding},
        response={"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201},
    )
    yield template(event, WRITE_US)
    user, agent = _controller(cluster, "deployment-controller")
    name = f"{pod.app}-{cluster.rng.getrandbits(36):09x}"
    stored = bodies.workload_body(cluster, "ReplicaSet", name, pod.namespace, spec, stored=True)
    event = audit_event(
        "update",
        user,
        "::1",
        agent,
        ref=object_ref("replicasets", pod.namespace, name),
        level=FULL,
        request=stored,
        response=stored,
    )
    yield template(event, WRITE_US)
    user, agent = _controller(cluster, "replicaset-controller")
    event = audit_event(
        "delete",
        user,
        "::1",
        agent,
        ref=object_ref("pods", pod.namespace, pod.name),
        level=FULL,
        request={"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": pod.uid}},
        response=bodies.running_pod(cluster, pod),
    )
    yield template(event, WRITE_US)


def _pod_create(cluster: SimulatedCluster, pod: Pod, spec: Json, user: Json, agent: str) -> Json:
    return audit_event(
        "create",
        user,
        "::1",
        agent,
        ref=object_ref("pods", pod.namespace),
        level=FULL,
        code=201,
        request=bodies.pod_body(cluster, pod, spec, stored=False),
        response=bodies.pod_body(cluster, pod, spec, stored=True),
        annotations={
            "authorization.k8s.io/decision": "allow",
            "authorization.k8s.io/reason": 'RBAC: allowed by ClusterRoleBinding "system:controller:pods"',
            "pod-security.kubernetes.io/enforce-policy": "privileged:latest",
        },
    )


def people(cluster: SimulatedCluster) -> Iterator[Template]:
    """People look around, one opens a shell now and then; a pipeline deploys."""
    reason = 'RBAC: allowed by ClusterRoleBinding "engineers" of ClusterRole "engineer" to Group "platform:engineers"'
    for person in PEOPLE:
        user, ip = cluster.person_user(person), cluster.office_ip()
        for pod in cluster.pods[:: len(cluster.pods) // 8]:
            lookups = (
                ("list", object_ref("pods", pod.namespace), "limit=500"),
                ("get", object_ref("pods", pod.namespace, pod.name), ""),
                ("get", object_ref("pods", pod.namespace, pod.name, "log"), f"container={pod.app}&tailLines=100"),
                ("get", object_ref("deployments", pod.namespace, pod.app), ""),
                ("list", object_ref("nodes"), "limit=500"),
            )
            for verb, ref, query in lookups:
                event = audit_event(
                    verb,
                    user,
                    ip,
                    KUBECTL,
                    ref=ref,
                    query=query,
                    level="Request",
                    reason=reason,
                    stage="ResponseComplete",
                )
                yield template(event, FAST_US)
    pipeline = cluster.person_user("run-8812", role="ci-deployer")
    for pod in cluster.pods[::4]:
        spec = bodies.pod_spec(pod.app, bodies.app_image(pod.app, 18))
        request = bodies.workload_body(cluster, "Deployment", pod.app, pod.namespace, spec, stored=False)
        response = bodies.workload_body(cluster, "Deployment", pod.app, pod.namespace, spec, stored=True)
        response["metadata"]["annotations"] = bodies.last_applied(request)
        event = audit_event(
            "patch",
            pipeline,
            "198.51.100.24",
            "helm/v3.18.4",
            ref=object_ref("deployments", pod.namespace, pod.app),
            query="fieldManager=helm",
            level=FULL,
            request=request,
            response=response,
            reason='RBAC: allowed by RoleBinding "deployer/shop" of ClusterRole "deployer" to User "ci-deployer"',
        )
        yield template(event, WRITE_US)
    for person, pod in zip(PEOPLE, cluster.pods[3:], strict=False):
        query = f"command=sh&command=-c&command=ls+%2Fapp&container={pod.app}&stdin=true&stdout=true&tty=true"
        event = audit_event(
            "get" if person < "c" else "create",
            cluster.person_user(person),
            cluster.office_ip(),
            KUBECTL,
            ref=object_ref("pods", pod.namespace, pod.name, "exec"),
            query=query,
            level="Request",
            stage="ResponseStarted",
            code=101,
            reason=reason,
        )
        yield template(event, FAST_US)


def big_objects(cluster: SimulatedCluster) -> Iterator[Template]:
    """50 kB to 1 MB: an object of a chart with everything inlined, a web of webhooks, a node full of images."""
    user, agent = _controller(cluster, "deployment-controller")
    for size in (50_000, 70_000, 90_000, 120_000, 240_000, 900_000):
        app = cluster.rng.choice(cluster.pods)
        spec = bodies.pod_spec(app.app, bodies.app_image(app.app, 3))
        spec["containers"][0]["env"].append({"name": "INLINE_CONFIG", "value": 'a: "b\\n"\n' * (size // 32)})
        body = bodies.workload_body(cluster, "ReplicaSet", app.app, app.namespace, spec, stored=True)
        event = audit_event(
            "update",
            user,
            "::1",
            agent,
            ref=object_ref("replicasets", app.namespace, app.app),
            level=FULL,
            request=body,
            response=body,
        )
        yield template(event, WRITE_US)
