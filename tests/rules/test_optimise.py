"""Lowering and every pass keep the meaning of conditions; each pass does what it is there for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falcoeks_fast.rules.fields.lookup import Fields
from falcoeks_fast.rules.language.expand import resolve_macros
from falcoeks_fast.rules.language.parser import parse_condition
from falcoeks_fast.rules.lowering.lower import Lowering
from falcoeks_fast.rules.optimiser.cost import static_cost
from falcoeks_fast.rules.optimiser.optimise import PASSES, fold, optimise
from falcoeks_fast.rules.plan import AtomOp, NodeKind, Plan

from . import strategies
from .plan_model import PlanModel, show
from .reference import Reference

GOLDEN = Path(__file__).parent / "golden_plan"
MACROS = {
    "writes": "ka.verb in (create, update, patch)",
    "pods": "ka.target.resource = pods and not ka.target.subresource exists",
    "busy": "(ka.user.name startswith a or ka.user.name endswith z or ka.user.groups intersects (x)"
    " or ka.uri contains q)",
}
CASES = {
    "classes": [
        "ka.verb = get or ka.verb = list or ka.verb in (watch, get)",
        "ka.verb in (get, list, watch) and ka.verb != list and not ka.verb = watch",
        "ka.verb != get or ka.verb != list",
        "not ka.verb = get and not ka.verb = list",
        "ka.verb exists and not ka.verb in (get, list)",
        "ka.user.groups in (a, b, c) and ka.user.groups in (b, c, d)",
        "ka.user.groups intersects (a) or ka.user.groups intersects (b)",
    ],
    "constants": [
        "ka.verb in () or ka.uri contains x",
        "ka.verb = get and ka.verb = list",
        "not not ka.verb = get",
        "not (ka.verb in ())",
        "ka.uri contains '' and ka.uri contains ''",
        "ka.verb = allof (a, b) or ka.verb != oneof (a, b)",
    ],
    "order": [
        "ka.uri regex '[a-z]+' and ka.req.pod.containers.image intersects (x) and ka.verb = get and ka.stage != x",
        "jevt.obj contains a or ka.user.name != b or ka.user.name = b",
    ],
    "shared": [
        "writes and pods and busy",
        "not writes and not pods and busy",
        "pods or (writes and not busy)",
    ],
}


def plan_of(*conditions: str) -> Plan:
    trees = {name: parse_condition(text.encode()) for name, text in MACROS.items()}
    lowering = Lowering(Fields())
    resolved = {}
    for i, text in enumerate(conditions):
        expr = resolve_macros(parse_condition(text.encode()), lambda name, inside: trees.get(name))
        resolved[i] = expr
        lowering.add_rule(f"r{i}", 4, "k8s_audit", (), expr, b"%ka.verb")
    return lowering.plan()


@settings(deadline=None, max_examples=150)
@given(st.lists(strategies.conditions(), min_size=1, max_size=3), st.lists(strategies.events(), min_size=1, max_size=5))
def test_every_pass_keeps_the_meaning(conditions: list[str], events: list[bytes]) -> None:
    compare(conditions, events)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(strategies.class_conditions(), min_size=1, max_size=3),
    st.lists(strategies.class_events(), min_size=1, max_size=8),
)
def test_every_pass_keeps_the_meaning_of_class_tests(conditions: list[str], events: list[bytes]) -> None:
    compare(conditions, events)


def compare(conditions: list[str], events: list[bytes]) -> None:
    plan = plan_of(*conditions)
    reference = Reference(Fields())
    trees = [parse_condition(text.encode()) for text in conditions]
    wanted = [[reference.evaluate(tree, event) for tree in trees] for event in events]
    for step in (lambda p: p, *PASSES):
        plan = step(plan)
        check_shape(plan)
        assert [PlanModel(plan).fires(event) for event in events] == wanted, show(plan)


def check_shape(plan: Plan) -> None:
    """Indices point backwards and into their tables; classes are sorted and in range."""
    for i, operand in enumerate(plan.operands):
        assert all(0 <= arg < i for arg in operand.args)
        assert len(set(operand.interned)) == len(operand.interned)
    for atom in plan.atoms:
        assert list(atom.classes) == sorted(set(atom.classes))
        assert all(1 <= c < 2 + len(plan.operands[atom.operand].interned) for c in atom.classes)
    for i, node in enumerate(plan.nodes):
        limit = len(plan.atoms) if node.kind is NodeKind.ATOM else i
        assert all(0 <= arg < limit for arg in node.args)
        assert node.memo < plan.memo_cells


@pytest.mark.parametrize("name", CASES)
def test_plans_after_each_pass(name: str) -> None:
    """UPDATE_GOLDEN=1 writes the files anew."""
    plan = plan_of(*CASES[name])
    written = f"conditions\n{''.join(f'r{i}: {text}' + chr(10) for i, text in enumerate(CASES[name]))}"
    steps: list[tuple[str, Callable[[Plan], Plan]]] = [("lower", lambda p: p)]
    for label, step in steps + [(step.__name__, step) for step in PASSES]:
        plan = step(plan)
        written += f"\nafter {label}\n{show(plan)}"
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(written)
    assert path.read_text() == written


def test_optimise_leaves_nothing_unused() -> None:
    plan = optimise(plan_of(*CASES["shared"], *CASES["classes"]))
    reached = {rule.root for rule in plan.rules}
    for i in reversed(range(len(plan.nodes))):
        if i in reached and plan.nodes[i].kind is not NodeKind.ATOM:
            reached.update(plan.nodes[i].args)
    assert reached == set(range(len(plan.nodes)))
    atoms = {plan.nodes[i].args[0] for i in reached if plan.nodes[i].kind is NodeKind.ATOM}
    assert atoms == set(range(len(plan.atoms)))


def test_a_large_shared_group_gets_a_memo_cell() -> None:
    plan = optimise(plan_of("busy and writes", "not busy and pods", "ka.verb = x"))
    marked = [node for node in plan.nodes if node.memo >= 0]
    assert plan.memo_cells == 1
    assert [len(node.args) for node in marked] == [4]


def test_not_equal_to_one_of_very_many_stays_small() -> None:
    others = ", ".join(f"w{i}" for i in range(2000))
    plan = plan_of(f"ka.user.name in ({others})", *(f"ka.user.name != w{i}" for i in range(500)))
    assert sum(len(atom.classes) for atom in plan.atoms) < 4000
    event = b'{"kind":"Event","auditID":"a","stageTimestamp":"2026-01-02T03:04:05Z","user":{"username":"w7"}}'
    fired = PlanModel(optimise(plan)).fires(event)
    assert fired == [True] + [i != 7 for i in range(500)]


def test_dear_comparisons_come_last() -> None:
    plan = plan_of("ka.uri regex '[a-z]+'", "jevt.obj contains x", "ka.req.pod.host_network = true", "ka.verb = get")
    costs = {atom.op: static_cost(plan, i) for i, atom in enumerate(plan.atoms)}
    classes = [static_cost(plan, i) for i, atom in enumerate(plan.atoms) if atom.op is AtomOp.CLASS]
    assert classes[1] < classes[0] < costs[AtomOp.CONTAINS] < costs[AtomOp.REGEX]


def test_a_rule_that_can_never_fire_is_folded() -> None:
    plan = fold(plan_of("ka.verb in () and ka.uri exists"))
    assert plan.nodes[plan.rules[0].root].kind is NodeKind.FALSE
