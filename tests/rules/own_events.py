"""Random audit events that have to do with the fields of our own: workloads, patches, dry runs, addresses.

`own_events()` gives them as bytes, odd shapes among them.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

_TEXTS = st.sampled_from(("", "a", "nginx:1.2", "reg.io:5000/team/app:1@sha256:ff", "Unconfined", "é", 'q"q', "a\0b"))
_ODD = st.sampled_from((None, True, False, 0, 7, "true", [], [None], {}, {"name": "x"}, ["a", ["b"], 3]))
_ADDRESSES = (
    "10.1.2.3", "100.64.0.1", "100.128.0.1", "172.15.0.1", "172.16.0.1", "172.31.255.255", "172.32.0.0", "8.8.8.8",
    "203.0.113.9", "::1", "fe80::1%eth0", "fd00:ec2::254", "2600:1f18::1", "::ffff:10.0.0.1", "::ffff:8.8.8.8",
    "64:ff9b::a00:1", "64:ff9b::808:808", "255.255.255.255", "198.19.0.1", "", "localhost", "1.2.3", "1.2.3.4.5", "g::",
    "192.0.2.7", "192.0.0.5", "192.0.1.5", "1:2:3:4:5:6:7:8:9:10:11:12:13:14:15:16:17:18:19:20:21:22:23:24:25",
)  # fmt: skip
_PATHS = (
    "/", "", ".", "/etc", "//etc", "/./etc/", "/etc/../root", "/../etc", "/etcd", "/etc/shadow", "/var", "/var/run/",
    "/var/run/containerd/x", "run", "/var/lib/kubelet/../kubelet/pods",
)  # fmt: skip


def _mostly(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 14).flatmap(lambda n: _ODD if n == 0 else inner)


def _some(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """An object with some of these members, in a random order."""
    made = st.fixed_dictionaries({}, optional={key: _mostly(value) for key, value in members.items()})
    return st.builds(lambda d, order: dict(order.sample(list(d.items()), len(d))), made, st.randoms())


def _many(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(_mostly(inner), max_size=2)


def _context() -> st.SearchStrategy[Any]:
    return _some(
        privileged=st.booleans(),
        allowPrivilegeEscalation=st.booleans(),
        runAsUser=st.integers(0, 2),
        runAsGroup=st.integers(0, 2),
        procMount=_TEXTS,
        capabilities=_some(add=_many(_TEXTS)),
        seccompProfile=_some(type=_TEXTS),
        appArmorProfile=_some(type=_TEXTS),
        windowsOptions=_some(hostProcess=st.booleans()),
    )


def _containers() -> st.SearchStrategy[Any]:
    return _many(
        _some(
            name=_TEXTS,
            image=_TEXTS,
            command=_many(_TEXTS),
            args=_many(_TEXTS),
            ports=_many(_some(hostPort=st.integers(0, 9), containerPort=st.integers(0, 9))),
            securityContext=_context(),
        )
    )


def _pod_spec() -> dict[str, st.SearchStrategy[Any]]:
    projected = _some(sources=_many(_some(serviceAccountToken=_some(audience=_TEXTS))))
    return {
        "containers": _containers(),
        "initContainers": _containers(),
        "ephemeralContainers": _containers(),
        "securityContext": _context(),
        "volumes": _many(_some(name=_TEXTS, hostPath=_some(path=st.sampled_from(_PATHS)), projected=projected)),
        "hostNetwork": st.booleans(),
        "hostPID": st.booleans(),
        "hostIPC": st.booleans(),
        "shareProcessNamespace": st.booleans(),
        "serviceAccountName": _TEXTS,
        "serviceAccount": _TEXTS,
        "nodeName": _TEXTS,
    }


def _body() -> st.SearchStrategy[Any]:
    template = _some(spec=_some(**_pod_spec()))
    job = _some(spec=_some(template=template))
    pod = _some(**_pod_spec())
    rule = _some(verbs=_many(_TEXTS), resources=_many(_TEXTS), apiGroups=_many(_TEXTS), resourceNames=_many(_TEXTS))
    return _some(
        kind=st.sampled_from(("Pod", "Status", "DeleteOptions")),
        spec=pod | _some(template=template) | _some(jobTemplate=job) | _some(template=template, **_pod_spec()),
        template=template,
        rules=_many(rule),
        dryRun=_many(st.sampled_from(("All", "x"))),
    )


def _patch() -> st.SearchStrategy[Any]:
    return _many(_some(op=st.sampled_from(("add", "remove")), path=_TEXTS, value=_mostly(_TEXTS)))


def own_events() -> st.SearchStrategy[bytes]:
    """Audit events, one JSON text each."""
    verbs = ("get", "create", "update", "patch", "patch", "delete", "deletecollection")
    uris = ("/a", "/a?dryRun=All", "/a?x=%zz&dryRun=All", "/a?dryRun=&dryRun=All", "/a?dry%52un=All", "/a?dryRun=All#x")
    parts = st.sampled_from(("", "exec", "token", "status"))
    event = st.fixed_dictionaries(
        {"kind": st.just("Event"), "stageTimestamp": st.just("2026-01-02T03:04:05Z")},
        optional={
            "auditID": st.just("id"),
            "level": _mostly(st.sampled_from(("Metadata", "Request", "RequestResponse"))),
            "verb": _mostly(st.sampled_from(verbs)),
            "requestURI": _mostly(st.sampled_from(uris)),
            "sourceIPs": _mostly(st.lists(_mostly(st.sampled_from(_ADDRESSES)), max_size=2)),
            "objectRef": _mostly(_some(subresource=parts)),
            "requestObject": _mostly(_body() | _patch()),
            "responseObject": _mostly(_body()),
            "user": _mostly(_some(uid=_TEXTS, extra=_some(arn=_many(_TEXTS)))),
            "impersonatedUser": _mostly(_some(groups=_many(_TEXTS))),
        },
    )
    audited = st.builds(lambda made, add: {"auditID": "id"} | made if add else made, event, st.integers(0, 9).map(bool))
    return audited.map(lambda made: json.dumps(made).encode())
