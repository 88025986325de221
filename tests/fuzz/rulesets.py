"""The rule sets that fuzzed events are held against.

Out: `RuleSource` values: plans, with their compiled modules where they were asked for. Called by the fuzz targets.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

import falcoeks_fast
from falcoeks_fast.bench.rulegen import RuleGenerator
from falcoeks_fast.engine import _core
from falcoeks_fast.rules import LoadSettings, RuleFile, load_rules
from falcoeks_fast.rules.code.build import SOMEBODY_WAITS, build
from falcoeks_fast.rules.code.emit import emit
from falcoeks_fast.rules.code.module import load_module
from falcoeks_fast.rules.fields.lookup import Fields
from falcoeks_fast.rules.fields.table import Argument, FieldClass
from falcoeks_fast.rules.plan import Plan

PACK = Path(falcoeks_fast.__file__).parent / "rules" / "packs" / "eks.yaml"
RECORDED = Path(__file__).resolve().parents[3] / "shared" / "conformance"
KEYED = {
    "ka.uri.param": "x",
    "ka.req.volume.hostpath": "/etc*",
    "ka.req.binding.subject.has_name": "u",
    "falcoeks.source.in": "10.0.0.0/8,::1",
}
NOT_OF_THE_EVENT = (FieldClass.EVT, FieldClass.OWN, FieldClass.STATIC)


@dataclass(frozen=True)
class RuleSource:
    """`timeless`: no condition asks for a time, a number or a fact that is not in the event's text."""

    name: str
    plan: Plan
    timeless: bool
    module: object | None = None

    def rule_set(self, *, compiled: bool = False, **options: bool) -> _core.RuleSet:
        alert_format = _core.Format(hostname="host", plugin="k8saudit-eks", **({"json_output": True} | options))
        rules = _core.RuleSet(self.plan.wire(), self.plan.predicate_digest(), alert_format, match_all=True)
        if compiled and self.module is not None:
            rules.attach(self.module)
        return rules


def rule(name: str, condition: str, output: str = "verb=%ka.verb user=%ka.user.name") -> dict[str, str]:
    return {
        "rule": name,
        "desc": name,
        "condition": condition,
        "output": output,
        "priority": "ERROR",
        "source": "k8s_audit",
    }


def plan_of(*contents: bytes, fixes: frozenset[str] = frozenset()) -> Plan:
    files = [RuleFile(f"{number}.yaml", content) for number, content in enumerate(contents)]
    result = load_rules(files, LoadSettings(field_fixes=fixes))
    assert result.successful, result.error_text
    assert result.plan is not None
    return result.plan


def _field_texts(*, of_event: bool) -> list[str]:
    texts = []
    for field in Fields():
        if of_event and field.group in NOT_OF_THE_EVENT:
            continue
        if field.argument is Argument.KEY:
            keys = [KEYED[field.name]] if field.name in KEYED else ["/requestObject/spec/containers/0/image", "/verb"]
            texts += [f"{field.name}[{key}]" for key in keys]
        else:
            texts.append(field.name)
            if field.argument is Argument.INDEX:
                texts += [f"{field.name}[0]", f"{field.name}[1]"]
    return texts


def _all_fields(*, of_event: bool) -> bytes:
    """Each field asked for, shown and compared."""
    texts = _field_texts(of_event=of_event)
    rules = [rule("all fields", "json.obj exists", " ".join(f"{text}=%{text}" for text in texts))]
    rules += [rule(f"has {text}", f"{text} exists", f"%20{text}") for text in texts]
    rules += [rule(f"lacks {text}", f"not {text} exists") for text in texts]
    return json.dumps(rules).encode()


def _operators() -> bytes:
    conditions = (
        "ka.verb in (get, create) and not ka.user.name startswith system:",
        "ka.user.groups intersects (system:masters, a) or ka.uri contains '/pods'",
        "tolower(ka.user.name) = alice",
        "basename(ka.uri) glob 'p*s*'",
        "len(ka.user.groups) > 1",
        "len(ka.uri) >= 40",
        "join('|', ka.user.groups) contains '|'",
        "concat(ka.verb, '/', ka.target.resource) in (create/pods, get/secrets)",
        "b64(ka.user.name) exists",
        "getopt(ka.req.pod.containers.args, 'n:')[n] = x",
        "ka.uri pmatch (/api, /apis)",
        "ka.uri iglob '*DRYRUN*'",
        "ka.response.code >= 200 and ka.response.code < 300",
        "ka.user.name = val(ka.impuser.name)",
        "ka.verb = val(json.value[/verb])",
        "json.value[/objectRef/resource] in (pods, secrets)",
        "ka.user.name regex '[a-z:]+'",
        "ka.verb startswith anyof (g, c) and not ka.verb endswith allof (t, e)",
        "not (ka.target.namespace in (kube-system, default) or ka.verb exists and not ka.auditid exists)",
        "ka.req.pod.containers.privileged intersects (true) and ka.req.pod.volumes.hostpath intersects (/etc)",
        "not ka.req.pod.containers.privileged intersects (true)",
    )
    return json.dumps([rule(condition, condition) for condition in conditions]).encode()


def _recorded_conditions() -> bytes | None:
    """Those of the recorded conditions that ask only for what is in the event."""
    path = RECORDED / "conditions.yaml"
    if not path.is_file():
        return None
    items = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
    timeless = [
        item for item in items if not any(word in str(item.get("condition", "")) for word in ("evt.", "falcoeks."))
    ]
    return json.dumps(timeless).encode()


@cache
def rule_sources(*, compiled: bool = False) -> tuple[RuleSource, ...]:
    """All rule sets. `compiled`: with their modules, which takes a compiler and seconds for each."""
    every = frozenset({"all"})
    named = [
        ("pack", plan_of(PACK.read_bytes()), False),
        ("generated", plan_of(RuleGenerator(5).rule_set(60).encode()), False),
        ("fields", plan_of(_all_fields(of_event=False)), False),
        ("fields of the event", plan_of(_all_fields(of_event=True)), True),
        ("fixed fields", plan_of(_all_fields(of_event=True), fixes=every), True),
        ("operators", plan_of(_operators()), True),
    ]
    if (conditions := _recorded_conditions()) is not None:
        named.append(("recorded conditions", plan_of(conditions), True))
        named.append(("community", plan_of((RECORDED / "k8s_audit_rules.yaml").read_bytes()), True))
    return tuple(
        RuleSource(name, plan, timeless, _module(plan) if compiled else None) for name, plan, timeless in named
    )


def _module(plan: Plan) -> object:
    source = emit(plan)
    return load_module(build(source, limits=SOMEBODY_WAITS), source.digest)
