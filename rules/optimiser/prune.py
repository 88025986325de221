"""Passes over the plan that leave out what nothing needs.

In: a plan. Out: an equivalent, smaller one. Called by `optimise`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from falcoeks_fast.rules.plan import AtomOp, NodeKind, Operand, OperandKind, OutputField, Plan, RulePlan, Segment

_CLASS_OPS = frozenset((AtomOp.CLASS, AtomOp.LIST_ALL, AtomOp.LIST_ANY))


def drop_unused(plan: Plan) -> Plan:
    """Leave out nodes, atoms, operands and slots that no rule reaches, and number the others anew."""
    nodes = _closure(
        (rule.root for rule in plan.rules),
        lambda i: plan.nodes[i].args if plan.nodes[i].kind is not NodeKind.ATOM else (),
    )
    atoms = _numbering(plan.nodes[i].args[0] for i in nodes if plan.nodes[i].kind is NodeKind.ATOM)
    needed = {plan.atoms[i].operand for i in atoms} | {plan.atoms[i].rhs for i in atoms}
    for rule in plan.rules:
        needed.update(_shown(rule))
    needed.discard(-1)
    operands = _closure(needed, lambda i: plan.operands[i].args)
    slots = _numbering(plan.operands[i].slot for i in operands if plan.operands[i].kind is OperandKind.SLOT)

    def operand(i: int) -> Operand:
        it = plan.operands[i]
        slot = slots[it.slot] if it.kind is OperandKind.SLOT else -1
        return replace(it, slot=slot, args=tuple(operands[arg] for arg in it.args))

    def segment(it: Segment) -> Segment:
        return it if it.operand < 0 else replace(it, operand=operands[it.operand])

    def field(it: OutputField) -> OutputField:
        number = operands[it.operand] if it.operand >= 0 else -1
        return replace(it, operand=number, template=tuple(map(segment, it.template)))

    return replace(
        plan,
        slots=tuple(plan.slots[i] for i in slots),
        operands=tuple(map(operand, operands)),
        atoms=tuple(
            replace(
                plan.atoms[i],
                operand=operands[plan.atoms[i].operand],
                rhs=operands[plan.atoms[i].rhs] if plan.atoms[i].rhs >= 0 else -1,
            )
            for i in atoms
        ),
        nodes=tuple(
            replace(
                plan.nodes[i],
                args=tuple(
                    (atoms if plan.nodes[i].kind is NodeKind.ATOM else nodes)[arg] for arg in plan.nodes[i].args
                ),
            )
            for i in nodes
        ),
        rules=tuple(
            replace(
                rule,
                root=nodes[rule.root],
                output=tuple(map(segment, rule.output)),
                output_fields=tuple(map(field, rule.output_fields)),
            )
            for rule in plan.rules
        ),
    )


def prune_constants(plan: Plan) -> Plan:
    """Forget constants that no test tells from "any other value", and classes with them."""
    telling: dict[int, set[int]] = {}
    used: set[int] = set()
    for atom in plan.atoms:
        if atom.op in _CLASS_OPS:
            used.add(atom.operand)
            classes = set(atom.classes)
            if 1 in classes:
                count = len(plan.operands[atom.operand].interned)
                classes = set(range(2, count + 2)) - classes
            telling.setdefault(atom.operand, set()).update(classes)
    renumbered: dict[int, dict[int, int]] = {}
    operands: list[Operand] = []
    for i, operand in enumerate(plan.operands):
        kept = sorted(telling.get(i, ()))
        if len(kept) != len(operand.interned):
            renumbered[i] = {1: 1} | {old: 2 + new for new, old in enumerate(kept)}
            operand = replace(operand, interned=tuple(operand.interned[old - 2] for old in kept))
        operands.append(operand)
    if not renumbered:
        return plan
    atoms = []
    for atom in plan.atoms:
        moved = renumbered.get(atom.operand)
        if moved is not None and atom.op in _CLASS_OPS:
            atom = replace(atom, classes=tuple(moved[c] for c in atom.classes if c in moved))
        atoms.append(atom)
    return replace(plan, operands=tuple(operands), atoms=tuple(atoms))


def _shown(rule: RulePlan) -> Iterable[int]:
    for segment in rule.output:
        yield segment.operand
    for field in rule.output_fields:
        yield field.operand
        for segment in field.template:
            yield segment.operand


def _closure(roots: Iterable[int], refers: Callable[[int], Iterable[int]]) -> dict[int, int]:
    """Everything that can be reached, in the old order, with its new number."""
    seen: set[int] = set()
    stack = list(roots)
    while stack:
        i = stack.pop()
        if i not in seen:
            seen.add(i)
            stack.extend(refers(i))
    return _numbering(seen)


def _numbering(items: Iterable[int]) -> dict[int, int]:
    return {old: new for new, old in enumerate(sorted(set(items)))}
