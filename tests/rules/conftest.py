"""Plans made by hand and by chance, and one of them compiled once for all tests of compiled rules."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from falcoeks_fast.rules.code.build import SOMEBODY_WAITS, build, why_impossible
from falcoeks_fast.rules.code.emit import emit
from falcoeks_fast.rules.plan import (
    Atom,
    AtomOp,
    Node,
    NodeKind,
    Operand,
    OperandKind,
    Plan,
    Reader,
    RulePlan,
    Slot,
    ValueType,
)


@dataclass
class PlanMaker:
    """Collects the tables of a plan; every method gives the number of what it made."""

    operands: list[Operand] = field(default_factory=list)
    atoms: list[Atom] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    roots: list[int] = field(default_factory=list)
    cells: int = 0

    def operand(self, constants: int, *, is_list: bool = False) -> int:
        interned = tuple(b"constant %d" % number for number in range(constants))
        self.operands.append(Operand(OperandKind.SLOT, ValueType.STRING, is_list, slot=0, interned=interned))
        return len(self.operands) - 1

    def atom(self, atom: Atom) -> int:
        self.atoms.append(atom)
        return self.node(NodeKind.ATOM, len(self.atoms) - 1)

    def node(self, kind: NodeKind, *args: int, shared: bool = False) -> int:
        memo = -1
        if shared:
            memo = self.cells
            self.cells += 1
        self.nodes.append(Node(kind, args, memo))
        return len(self.nodes) - 1

    def rule(self, root: int) -> int:
        self.roots.append(root)
        return len(self.roots) - 1

    def plan(self) -> Plan:
        rules = tuple(RulePlan(b"rule", 4, b"k8s_audit", (), root, (), ()) for root in self.roots)
        slot = Slot(b"ka.verb", Reader.SCALAR)
        return Plan((slot,), tuple(self.operands), tuple(self.atoms), tuple(self.nodes), rules, self.cells)


def add_by_chance(maker: PlanMaker, rules: int, seed: int) -> None:
    """Rules over random expressions: all shapes of class sets, shared nodes, nodes used twice, constants."""
    chance = random.Random(seed)
    operands = [maker.operand(size) for size in (0, 1, 3, 61, 62, 63, 64, 126, 127, 300)]
    leaves = []
    for operand in operands:
        classes = 1 + len(maker.operands[operand].interned)
        for size in (1, 1, 2, 2, 3, classes // 2, classes - 1, classes):
            ids = tuple(sorted(chance.sample(range(1, classes + 1), min(size, classes))))
            leaves.append(maker.atom(Atom(AtomOp.CLASS, operand, classes=ids)))
        leaves.append(maker.atom(Atom(AtomOp.CONTAINS, operand, constants=(b"x",))))
    leaves += [maker.node(NodeKind.TRUE), maker.node(NodeKind.FALSE)]
    known = list(leaves)

    def expression(depth: int) -> int:
        if depth == 0 or chance.random() < 0.2:
            return chance.choice(leaves if chance.random() < 0.8 else known)
        shared = chance.random() < 0.1
        if chance.random() < 0.25:
            made = maker.node(NodeKind.NOT, expression(depth - 1), shared=shared)
        else:
            args = [expression(depth - 1) for _ in range(chance.choice((1, 2, 2, 3, 3, 4, 9)))]
            made = maker.node(chance.choice((NodeKind.AND, NodeKind.OR)), *args, shared=shared)
        if chance.random() < 0.2:
            known.append(made)
        return made

    for _ in range(rules):
        maker.rule(expression(3))


@dataclass(frozen=True)
class Compiled:
    plan: Plan
    payload: bytes


def compile_for_test(plan: Plan) -> Compiled:
    if why := why_impossible():
        pytest.skip(f"nothing can be compiled here: {why}")
    return Compiled(plan, build(emit(plan), limits=SOMEBODY_WAITS))


@pytest.fixture
def maker() -> PlanMaker:
    return PlanMaker()


@pytest.fixture(scope="session")
def small() -> Compiled:
    """A rule or two, compiled."""
    maker = PlanMaker()
    add_by_chance(maker, 2, seed=7)
    return compile_for_test(maker.plan())


@pytest.fixture(scope="session")
def other() -> Compiled:
    """Another rule, compiled."""
    maker = PlanMaker()
    maker.rule(maker.node(NodeKind.TRUE))
    return compile_for_test(maker.plan())


@pytest.fixture(scope="session")
def large() -> Compiled:
    """Rules by chance and of extreme shapes, compiled."""
    maker = PlanMaker()
    add_by_chance(maker, 120, seed=11)
    operand = maker.operand(900)
    leaves = [maker.atom(Atom(AtomOp.CLASS, operand, classes=(number + 1,))) for number in range(600)]
    leaves += [maker.atom(Atom(AtomOp.CONTAINS, operand, constants=(b"%d" % number,))) for number in range(100)]
    maker.rule(maker.node(NodeKind.OR, *leaves))
    maker.rule(maker.node(NodeKind.AND, *(maker.node(NodeKind.NOT, leaf) for leaf in leaves)))
    nest = leaves[0]
    for level in range(1000):
        kind = (NodeKind.AND, NodeKind.OR, NodeKind.NOT)[level % 3]
        nest = maker.node(kind, nest) if kind == NodeKind.NOT else maker.node(kind, leaves[-1 - level % 50], nest)
    maker.rule(nest)
    double = maker.node(NodeKind.OR, leaves[3], leaves[-2])
    for _ in range(12):
        double = maker.node(NodeKind.AND, double, double)
    maker.rule(double)
    maker.rule(maker.node(NodeKind.AND))
    maker.rule(maker.node(NodeKind.OR))
    maker.rule(maker.node(NodeKind.NOT, maker.node(NodeKind.NOT, leaves[-3])))
    nots = leaves[-4]
    for _ in range(50):
        nots = maker.node(NodeKind.NOT, nots)
    maker.rule(nots)
    maker.rule(maker.atom(Atom(AtomOp.CLASS, operand, classes=())))
    list_operand = maker.operand(3, is_list=True)
    maker.rule(maker.atom(Atom(AtomOp.LIST_ANY, list_operand, classes=(2, 4))))
    return compile_for_test(maker.plan())
