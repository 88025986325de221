"""What the fuzz starts from: audit events, and the odd things that it puts into them.

Out: `seeds()`, texts as bytes. Recorded events of Falco's answers where they lie beside the checkout, else the EKS mix
alone; both with the odd shapes below.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from falcoeks_fast.bench.mix import Mix

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "conformance" / "events.jsonl"
LARGEST_SEED_BYTES = 12_000

KEYS = (
    "kind", "verb", "user", "level", "stage", "auditID", "sourceIPs", "userAgent", "objectRef", "requestURI",
    "annotations", "requestObject", "responseObject", "responseStatus", "stageTimestamp", "impersonatedUser",
    "requestReceivedTimestamp", "username", "groups", "resource", "namespace", "name", "subresource", "spec",
    "metadata",
    "containers", "initContainers", "ephemeralContainers", "securityContext", "privileged", "runAsUser", "capabilities",
    "add", "volumes", "hostPath", "path", "rules", "verbs", "subjects", "roleRef", "items", "data", "code", "image", "",
)  # fmt: skip

VALUES = (
    b"null", b"true", b"false", b"{}", b"[]", b'""', b"0", b"-0", b"-1", b"1e999", b"1.5E-7", b"9" * 400, b"NaN",
    b"-inf",
    b"18446744073709551616", b"+1", b"0x10", b"1.", b"tru", b"nul", b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u0000"',
    b'"\\uD83D\\uDE00"', b'"\xff\xfe"', b'"\xed\xa0\x80"', b'"\xc3"', b'"a\\u0000b"', b'"\\q"', b'"\\u12"',
    b'"\n\t\x01"',
    b"[null]", b"[[],[[]]]", b"[{},null,3,\"x\"]", b'{"":{}}', b'{"a":1,"a":2}', b'"Event"', b'"EventList"', b'"get"',
    b'"2026-01-02T03:04:05Z"', b'"1969-12-31T23:59:59.999999999Z"', b'"9999-99-99T99:99:99Z"',
    b'"%00/../?x=%zz&y=%20&x="',
    b'[{"op":"add","path":"/spec","value":{"containers":[{"securityContext":{"privileged":true}}]}}]',
    b'{"containers":[null,{},{"image":null},{"image":"a:b@c"}],"volumes":null}',
    b'{"volumes":[null,{"name":"x"},{"hostPath":null},{"hostPath":{"path":"/etc"}}]}', b'"' + b"x" * 3000 + b'"',
)  # fmt: skip

NOISE = (
    b"\0", b"\xff", b"\\", b'"', b"\\u", b"\\ud83d", b"\xe2\x80\xa8", b"\r\n", b"\t", b" ", b"{", b"}", b"[",
    b"]", b":",
    b",", b"[Truncated...]", b"\x7f", b"\xf0\x9f\x98\x80", b"/", b"\\/", b"e", b"-", b"\xef\xbb\xbf",
)  # fmt: skip

AUDIT: dict[str, Any] = {
    "kind": "Event",
    "apiVersion": "audit.k8s.io/v1",
    "level": "RequestResponse",
    "auditID": "00000000-0000-4000-8000-000000000001",
    "stage": "ResponseComplete",
    "requestURI": "/api/v1/namespaces/default/pods?dryRun=All&x=1",
    "verb": "create",
    "user": {"username": "alice", "groups": ["system:masters", "a"], "extra": {"arn": ["arn:aws:x"]}},
    "sourceIPs": ["10.0.0.1", "::1"],
    "userAgent": "kubectl/v1.31.1",
    "objectRef": {"resource": "pods", "namespace": "default", "name": "web", "apiVersion": "v1"},
    "responseStatus": {"metadata": {}, "code": 201},
    "requestObject": {
        "metadata": {"name": "web", "labels": {}},
        "spec": {
            "hostNetwork": True,
            "containers": [
                {
                    "name": "c",
                    "image": "reg:5000/a/b:1@sha256:0",
                    "securityContext": {"privileged": True, "runAsUser": 0},
                },
                {"name": "d", "image": "nginx", "args": ["-n", "x"], "ports": [{"hostPort": 80}]},
                {},
            ],
            "volumes": [{"name": "v", "hostPath": {"path": "/etc"}}, {"name": "e", "emptyDir": {}}],
        },
        "subjects": [{"kind": "ServiceAccount", "name": "s", "namespace": "n"}, {"kind": "User", "name": "u"}],
        "rules": [{"verbs": ["*"], "resources": ["pods"]}],
        "data": {"k": "password=1"},
    },
    "responseObject": {"metadata": {"name": "web"}, "status": None},
    "requestReceivedTimestamp": "2026-01-02T03:04:05.000000Z",
    "stageTimestamp": "2026-01-02T03:04:05.123456Z",
    "annotations": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": ""},
}


def _odd_texts() -> list[bytes]:
    whole = json.dumps(AUDIT).encode()
    item = json.dumps({key: value for key, value in AUDIT.items() if key != "kind"}).encode()
    return [
        whole,
        json.dumps(AUDIT, indent=2).encode(),
        json.dumps(dict(reversed(AUDIT.items()))).encode(),
        b'{"kind":"EventList","items":[' + item + b"," + item + b",null]}",
        b"[" + whole + b",[" + whole + b"],3]",
        whole + b"[Truncated...]",
        *(json.dumps(AUDIT | {"requestObject": json.loads(value)}).encode() for value in VALUES if _is_plain(value)),
    ]


def _is_plain(value: bytes) -> bool:
    try:
        json.loads(value)
    except ValueError:
        return False
    return True


@cache
def seeds(recorded: Path = RECORDED) -> tuple[bytes, ...]:
    """Texts to begin with, the same on every run."""
    found = [*_odd_texts(), *Mix(seed=11).events(400)]
    if recorded.is_file():
        found += [line for line in recorded.read_bytes().splitlines() if line]
    return tuple(text for text in found if len(text) <= LARGEST_SEED_BYTES)
