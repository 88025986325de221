"""The fields that Falco has not: the core against the reference, and examples of what each is for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from falcoeks_fast.bench.field_docs import PAGE, page
from falcoeks_fast.engine import _core
from falcoeks_fast.rules import LoadSettings, RuleFile, load_rules
from falcoeks_fast.rules.fields.lookup import Argument, FieldClass, Fields
from falcoeks_fast.rules.fields.own import OWN_PLUGIN_VERSION
from falcoeks_fast.rules.language.ast import FieldRef
from falcoeks_fast.rules.language.parser import parse_condition
from falcoeks_fast.rules.lowering.lower import Lowering
from falcoeks_fast.rules.plan import Reader

from .own_events import own_events
from .reference import Reference

FIELDS = Fields()
KEYS = {
    "falcoeks.object": ("/spec/hostNetwork", "/rules", "/spec/containers/0/image"),
    "falcoeks.source.in": ("10.0.0.0/8", "::/0", "fd00::/8,8.8.8.8,172.16.0.0/12"),
    "falcoeks.workload.hostpath.reaches": ("/etc", "/", "/var/run/containerd,/root"),
}


def _names() -> list[str]:
    names = []
    for field in FIELDS.listing()[FieldClass.OWN]:
        if field.reader is Reader.META:
            continue
        arguments = KEYS[field.name] if field.argument is Argument.KEY else ("0",) * (field.argument is Argument.INDEX)
        names += [f"{field.name}[{argument}]" for argument in arguments]
        names += [] if field.argument is Argument.KEY else [field.name]
    return names


NAMES = _names()


def _scanner() -> _core.Scanner:
    lowering = Lowering(FIELDS)
    output = " ".join(f"%{name}" for name in NAMES).encode()
    lowering.add_rule("r", 4, "k8s_audit", (), parse_condition(b"evt.num exists"), output)
    plan = lowering.plan()
    rules = _core.RuleSet(plan.wire(), plan.predicate_digest(), _core.Format(json_output=True))
    return _core.Scanner(rules, _core.Numbering())


SCANNER = _scanner()


def values(event: bytes) -> dict[str, Any]:
    batch = SCANNER.scan_payload(event, _core.Origin())
    assert batch.events == 1
    found: dict[str, Any] = json.loads(batch.text)["output_fields"]
    return found


def _shown(value: object) -> object:
    if isinstance(value, list):
        return [item.decode("utf-8", "replace") for item in value]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


@settings(deadline=None, max_examples=250, suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large))
@given(own_events())
def test_values(event: bytes) -> None:
    found = values(event)
    reference = Reference(FIELDS)
    for name in NAMES:
        head, bracket, argument = name.partition("[")
        ref = FieldRef(head, argument.removesuffix("]").encode() if bracket else None, 0, len(name))
        assert found[name] == _shown(reference.value(ref, event)), name


POD = {"containers": [{"name": "a", "image": "reg.io:5000/x:1", "securityContext": {"privileged": True}}]}


@pytest.mark.parametrize(
    "body",
    [
        {"spec": POD},
        {"spec": {"template": {"spec": POD}}},
        {"spec": {"jobTemplate": {"spec": {"template": {"spec": POD}}}}},
        {"template": {"spec": POD}},
        {"spec": {"template": {"spec": {"containers": []}}, "ephemeralContainers": POD["containers"]}},
        {"spec": {"template": {"spec": {"initContainers": POD["containers"], "containers": [{"name": "b"}]}}}},
    ],
)
def test_one_set_of_fields_for_every_workload(body: dict[str, Any]) -> None:
    found = values(_event(requestObject=body))
    assert found["falcoeks.workload.privileged"] == "true"
    assert found["falcoeks.workload.image.repository"] == ["reg.io:5000/x"]


def test_a_json_patch_is_judged_by_the_answer() -> None:
    patch = [{"op": "add", "path": "/spec/template/spec/hostPID", "value": True}]
    answer = {"kind": "Deployment", "spec": {"template": {"spec": {**POD, "hostPID": True}}}}
    found = values(_event(verb="patch", requestObject=patch, responseObject=answer))
    assert found["falcoeks.workload.host_pid"] == "true"
    assert found["falcoeks.workload.privileged"] == "true"
    assert found["falcoeks.patch.paths"] == ["/spec/template/spec/hostPID"]
    assert found["falcoeks.patch.values"] == ["true"]


def test_a_merge_patch_is_judged_by_what_it_asks() -> None:
    asked = {"spec": {"template": {"spec": {"containers": [{"name": "a", "image": "x"}]}}}}
    answer = {"kind": "Deployment", "spec": {"template": {"spec": {**POD, "hostNetwork": True}}}}
    found = values(_event(verb="patch", requestObject=asked, responseObject=answer))
    assert found["falcoeks.workload.privileged"] == "false"
    assert found["falcoeks.object[/spec/containers/0/image]"] is None
    assert found["falcoeks.workload.image"] == ["x"]


def test_the_object_after_a_patch() -> None:
    rules = [{"apiGroups": [""], "resources": ["*"], "verbs": ["*"]}]
    patch = [{"op": "add", "path": "/rules/0/verbs/-", "value": "*"}]
    answer = {"kind": "ClusterRole", "rules": rules}
    assert values(_event(verb="patch", requestObject=patch, responseObject=answer))["falcoeks.role.verbs"] == ["*"]
    assert values(_event(verb="create", requestObject={"rules": rules}))["falcoeks.role.verbs"] == ["*"]
    refused = values(_event(verb="patch", requestObject={"rules": rules}, responseObject={"kind": "Status"}))
    assert refused["falcoeks.role.verbs"] is None


@pytest.mark.parametrize(
    ("dry", "event"),
    [
        ("true", {"verb": "create", "requestURI": "/a?fieldManager=x&dryRun=All"}),
        ("false", {"verb": "create", "requestURI": "/a"}),
        ("true", {"verb": "delete", "requestURI": "/a", "requestObject": {"dryRun": ["All"]}}),
        ("false", {"verb": "delete", "requestURI": "/a?dryRun=All", "requestObject": {"kind": "DeleteOptions"}}),
        ("false", {"verb": "delete", "requestURI": "/a?dryRun=All", "level": "Metadata"}),
        ("true", {"verb": "delete", "requestURI": "/a?dryRun=All", "level": "RequestResponse"}),
        ("false", {"verb": "create", "requestURI": "/x?dryRun=All", "objectRef": {"subresource": "exec"}}),
        ("false", {"verb": "create", "requestURI": "/x?dryRun=All", "objectRef": {"subresource": "token"}}),
        ("true", {"verb": "create", "requestURI": "/x?dryRun=All", "objectRef": {"subresource": "eviction"}}),
        ("false", {"verb": "get", "requestURI": "/x?dryRun=All"}),
    ],
)
def test_dry_runs(dry: str, event: dict[str, Any]) -> None:
    assert values(_event(**event))["falcoeks.dryrun"] == dry


@pytest.mark.parametrize(
    ("addresses", "peer", "public"),
    [
        (["1.1.1.1", "10.0.0.1"], "10.0.0.1", "false"),
        (["10.0.0.1", "8.8.8.8"], "8.8.8.8", "true"),
        (["100.64.3.3"], "100.64.3.3", "false"),
        (["2600:1f18::1"], "2600:1f18::1", "true"),
        (["::ffff:192.168.0.1"], "::ffff:192.168.0.1", "false"),
        (["host"], "host", None),
        ([], None, None),
    ],
)
def test_the_last_address_counts(addresses: list[str], peer: str | None, public: str | None) -> None:
    found = values(_event(sourceIPs=addresses))
    assert found["falcoeks.source.ip"] == peer
    assert found["falcoeks.source.public"] == public


def test_networks() -> None:
    found = values(_event(sourceIPs=["172.31.0.1"]))
    assert found["falcoeks.source.in[10.0.0.0/8]"] == "false"
    assert found["falcoeks.source.in[fd00::/8,8.8.8.8,172.16.0.0/12]"] == "true"


def test_a_mount_reaches_what_is_above_and_below() -> None:
    for path, reaches in (
        ("/etc/ssl", "true"),
        ("/", "true"),
        ("//etc", "true"),
        ("/etcd", "false"),
        ("/srv", "false"),
    ):
        volumes = {"spec": {"volumes": [{"hostPath": {"path": path}}]}}
        assert values(_event(requestObject=volumes))["falcoeks.workload.hostpath.reaches[/etc]"] == reaches, path


def test_who_is_behind_a_user() -> None:
    extra = {
        "arn": ["arn:aws:sts::1:assumed-role/x/y"],
        "sessionName": ["y"],
        "accessKeyId": ["ASIA"],
        "authentication.kubernetes.io/credential-id": ["JTI=1"],
        "authentication.kubernetes.io/pod-name": ["p"],
        "authentication.kubernetes.io/node-name": ["n"],
    }
    found = values(_event(user={"username": "u", "extra": extra}))
    names = ("arn", "session_name", "access_key_id", "credential_id", "pod_name", "node_name")
    assert [found[f"falcoeks.user.{name}"] for name in names] == [value[0] for value in extra.values()]


def test_the_plugin_of_our_own_fields_is_always_there() -> None:
    text = "- required_plugin_versions: [{{name: falcoeks, version: {}}}]\n"
    assert load_rules([RuleFile("a", text.format(OWN_PLUGIN_VERSION).encode())], LoadSettings(plugins={})).successful
    newer = load_rules([RuleFile("a", text.format("99.0.0").encode())], LoadSettings(plugins={}))
    assert "falcoeks" in (newer.requirement_error or "")


def _event(**members: Any) -> bytes:
    event = {"kind": "Event", "auditID": "id", "stageTimestamp": "2026-01-02T03:04:05Z", **members}
    return json.dumps(event).encode()


def test_the_page_on_the_fields_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m falcoeks_fast.bench.field_docs"
