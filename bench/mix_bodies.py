"""Kubernetes objects as they stand in `requestObject` and `responseObject` of the generated audit events.

In: a `SimulatedCluster`. Out: plain dictionaries in the key order in which the API server writes them. Called by
`mix_templates` and by the demo.
"""

from __future__ import annotations

import json

from falcoeks_fast.bench.mix_cluster import ECR, EKS_ECR, Json, Node, Pod, SimulatedCluster

CREATED = "2026-11-02T09:14:31Z"


def status_body(reason: str, message: str, code: int) -> Json:
    """A `Status` object: the response to a refused write."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }


def managed_fields(manager: str, paths: list[str], *, subresource: str = "") -> list[Json]:
    """`metadata.managedFields`, the bulk of most response objects."""
    entry: Json = {
        "manager": manager,
        "operation": "Update",
        "apiVersion": "v1",
        "time": CREATED,
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:metadata": {"f:labels": {".": {}, **{f"f:{path}": {} for path in paths}}}, "f:spec": {}},
    }
    entry["fieldsV1"]["f:spec"] = {f"f:{path}": {".": {}, "f:name": {}, "f:value": {}} for path in paths}
    if subresource:
        entry["subresource"] = subresource
    return [entry]


def metadata(cluster: SimulatedCluster, name: str, namespace: str = "", manager: str = "", **more: object) -> Json:
    """Object metadata as stored (with uid, resourceVersion) and, with `manager`, its managed fields."""
    meta: Json = {"name": name}
    if namespace:
        meta["namespace"] = namespace
    meta |= {
        "uid": cluster.uid(),
        "resourceVersion": str(cluster.rng.randint(40_000_000, 99_999_999)),
        "generation": cluster.rng.randint(1, 40),
        "creationTimestamp": CREATED,
        **more,
    }
    if manager:
        meta["managedFields"] = managed_fields(manager, ["app.kubernetes.io~1name", "containers", "replicas"])
    return meta


def container(name: str, image: str, **more: object) -> Json:
    return {
        "name": name,
        "image": image,
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "env": [
            {"name": "LOG_LEVEL", "value": "info"},
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}},
            {"name": "DATABASE_URL", "valueFrom": {"secretKeyRef": {"name": f"{name}-db", "key": "url"}}},
        ],
        "resources": {"limits": {"memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "256Mi"}},
        "volumeMounts": [
            {
                "name": "kube-api-access-x7k2p",
                "readOnly": True,
                "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
            }
        ],
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
        **more,
    }


def app_image(app: str, build: int) -> str:
    return f"{ECR}/shop/{app}:1.{build % 90}.{build % 7}"


def pod_spec(app: str, image: str, **more: object) -> Json:
    """An ordinary application's pod spec."""
    return {
        "containers": [container(app, image, securityContext={"allowPrivilegeEscalation": False})],
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": app,
        "serviceAccount": app,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "fsGroup": 10001},
        "schedulerName": "default-scheduler",
        **more,
    }


def daemon_spec(daemon: str) -> Json:
    """Pod spec of an EKS add-on that runs on every node, with the host access it really has."""
    spec = pod_spec(daemon, f"{EKS_ECR}/eks/{daemon}:v1.29.1-eksbuild.1")
    main = spec["containers"][0]
    spec["tolerations"] = [{"operator": "Exists"}]
    spec["priorityClassName"] = "system-node-critical"
    spec["securityContext"] = {}
    main["securityContext"] = {"privileged": daemon in ("kube-proxy", "ebs-csi-node")}
    spec["serviceAccountName"] = spec["serviceAccount"] = "ebs-csi-node-sa" if daemon == "ebs-csi-node" else daemon
    if daemon == "aws-node":
        spec["containers"][0] = container(
            daemon,
            f"{EKS_ECR}/amazon-k8s-cni:v1.19.0-eksbuild.1",
            securityContext={"capabilities": {"add": ["NET_ADMIN", "NET_RAW"]}},
        )
        init = container("aws-vpc-cni-init", f"{EKS_ECR}/amazon-k8s-cni-init:v1.19.0-eksbuild.1")
        spec["initContainers"] = [{**init, "securityContext": {"privileged": True}}]
    if daemon != "ebs-csi-node":
        spec["hostNetwork"] = True
    if daemon == "node-exporter":
        main["image"] = "quay.io/prometheus/node-exporter:v1.9.0"
        spec["hostPID"] = True
        spec["volumes"] = [{"name": "root", "hostPath": {"path": "/", "type": ""}}]
    elif daemon == "ebs-csi-node":
        spec["volumes"] = [{"name": "kubelet-dir", "hostPath": {"path": "/var/lib/kubelet", "type": "Directory"}}]
    elif daemon == "aws-node":
        spec["volumes"] = [
            {"name": "cni-bin-dir", "hostPath": {"path": "/opt/cni/bin", "type": ""}},
            {"name": "cni-net-dir", "hostPath": {"path": "/etc/cni/net.d", "type": ""}},
            {"name": "log-dir", "hostPath": {"path": "/var/log/aws-routed-eni", "type": "DirectoryOrCreate"}},
        ]
    else:
        spec["volumes"] = [{"name": "xtables-lock", "hostPath": {"path": "/run/xtables.lock", "type": "FileOrCreate"}}]
    return spec


def pod_body(cluster: SimulatedCluster, pod: Pod, spec: Json, *, stored: bool) -> Json:
    """A pod as a controller asks for it, or (`stored`) as the API server answers."""
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": pod.app, "uid": cluster.uid(), "controller": True}
    meta: Json = {"generateName": f"{pod.app}-", "labels": {"app": pod.app}, "ownerReferences": [owner]}
    if stored:
        meta = metadata(cluster, pod.name, pod.namespace, "kube-controller-manager", **meta)
        spec = {**spec, "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists"}]}
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": meta,
        "spec": spec,
        "status": {"phase": "Pending", "qosClass": "Burstable"} if stored else {},
    }


def pod_status_patch(pod: Pod) -> Json:
    """What a kubelet sends when the state of a pod changes."""
    conditions = [
        {"lastTransitionTime": CREATED, "status": "True", "type": kind}
        for kind in ("PodReadyToStartContainers", "ContainersReady", "Ready")
    ]
    state = {
        "containerID": f"containerd://{pod.uid.replace('-', '') * 2}",
        "image": app_image(pod.app, 17),
        "imageID": f"{app_image(pod.app, 17)}@sha256:{pod.uid.replace('-', '') * 2}",
        "lastState": {},
        "name": pod.app,
        "ready": True,
        "restartCount": 0,
        "started": True,
        "state": {"running": {"startedAt": CREATED}},
    }
    return {
        "metadata": {"uid": pod.uid},
        "status": {
            "$setElementOrder/conditions": [{"type": condition["type"]} for condition in conditions],
            "conditions": conditions,
            "containerStatuses": [state],
            "phase": "Running",
            "podIP": pod.ip,
            "podIPs": [{"ip": pod.ip}],
        },
    }


def running_pod(cluster: SimulatedCluster, pod: Pod) -> Json:
    body = pod_body(cluster, pod, pod_spec(pod.app, app_image(pod.app, 17), nodeName=pod.node.name), stored=True)
    body["status"] = pod_status_patch(pod)["status"]
    return body


def node_status_patch(node: Node) -> Json:
    kinds = ("MemoryPressure", "DiskPressure", "PIDPressure", "Ready")
    return {
        "status": {
            "$setElementOrder/conditions": [{"type": kind} for kind in kinds],
            "conditions": [
                {"lastHeartbeatTime": CREATED, "message": f"kubelet has no {kind}", "type": kind} for kind in kinds
            ],
        }
    }


def node_body(cluster: SimulatedCluster, node: Node, image_count: int) -> Json:
    """A node; its list of images makes it one of the largest common objects."""
    images = [
        {
            "names": [f"{ECR}/shop/image-{number}@sha256:{cluster.rng.getrandbits(256):064x}"],
            "sizeBytes": cluster.rng.randint(10_000_000, 900_000_000),
        }
        for number in range(image_count)
    ]
    labels = {
        "kubernetes.io/hostname": node.name,
        "node.kubernetes.io/instance-type": "m6i.2xlarge",
        "topology.kubernetes.io/zone": "eu-central-1b",
        "eks.amazonaws.com/nodegroup": "general-20250114",
        "eks.amazonaws.com/capacityType": "ON_DEMAND",
    }
    return {
        "kind": "Node",
        "apiVersion": "v1",
        "metadata": metadata(cluster, node.name, "", "kubelet", labels=labels),
        "spec": {"providerID": f"aws:///eu-central-1b/{node.instance_id}"},
        "status": {
            "capacity": {"cpu": "8", "ephemeral-storage": "83873772Ki", "memory": "32386584Ki", "pods": "58"},
            "allocatable": {"cpu": "7910m", "ephemeral-storage": "76224326324", "memory": "31369752Ki", "pods": "58"},
            **node_status_patch(node)["status"],
            "addresses": [{"type": "InternalIP", "address": node.ip}, {"type": "Hostname", "address": node.name}],
            "images": images,
            "nodeInfo": {"kernelVersion": "6.1.112-122.189.amzn2023.x86_64", "kubeletVersion": "v1.33.5-eks-113cf36"},
        },
    }


def workload_body(cluster: SimulatedCluster, kind: str, name: str, namespace: str, spec: Json, *, stored: bool) -> Json:
    """A Deployment, DaemonSet, StatefulSet, ReplicaSet or Job around a pod spec."""
    template = {"metadata": {"labels": {"app": name}}, "spec": spec}
    meta: Json = {"name": name, "namespace": namespace, "labels": {"app": name, "team": namespace}}
    if stored:
        meta = metadata(cluster, name, namespace, "argocd-controller", labels=meta["labels"])
    body_spec: Json = {"selector": {"matchLabels": {"app": name}}, "template": template}
    if kind in ("Deployment", "StatefulSet", "ReplicaSet"):
        body_spec = {"replicas": 3, **body_spec}
    group = "batch/v1" if kind == "Job" else "apps/v1"
    status = {"observedGeneration": 7, "replicas": 3, "updatedReplicas": 3} if stored else {}
    return {"kind": kind, "apiVersion": group, "metadata": meta, "spec": body_spec, "status": status}


def endpoints_body(cluster: SimulatedCluster, name: str, namespace: str, pods: list[Pod]) -> Json:
    addresses = [
        {
            "ip": pod.ip,
            "nodeName": pod.node.name,
            "targetRef": {"kind": "Pod", "namespace": pod.namespace, "name": pod.name, "uid": pod.uid},
        }
        for pod in pods
    ]
    return {
        "kind": "Endpoints",
        "apiVersion": "v1",
        "metadata": metadata(cluster, name, namespace, "kube-controller-manager"),
        "subsets": [{"addresses": addresses, "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}]}],
    }


def webhook_body(cluster: SimulatedCluster, name: str, hooks: int, *, bundle_bytes: int) -> Json:
    """A webhook configuration as cert-manager's CA injector writes it: one CA bundle for each hook."""
    bundle = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t" * (bundle_bytes // 36)
    return {
        "kind": "ValidatingWebhookConfiguration",
        "apiVersion": "admissionregistration.k8s.io/v1",
        "metadata": metadata(cluster, name, "", "cainjector"),
        "webhooks": [
            {
                "name": f"rule-{number}.{name}.example.com",
                "clientConfig": {"service": {"namespace": "kyverno", "name": name}, "caBundle": bundle},
                "rules": [{"operations": ["CREATE", "UPDATE"], "apiGroups": ["*"], "resources": ["pods/*"]}],
                "failurePolicy": "Ignore",
                "sideEffects": "NoneOnDryRun",
            }
            for number in range(hooks)
        ],
    }


def last_applied(body: Json) -> Json:
    """The annotation of `kubectl apply`: JSON inside JSON, hence backslashes in the log."""
    text = json.dumps(body, separators=(",", ":")) + "\n"
    return {"kubectl.kubernetes.io/last-applied-configuration": text}
