"""Which rules an event's head leaves possible.

In: a plan. Out: for each rule an expression that is false exactly where one field of the head, by itself, rules the
rule out. Called by `counts`. The native core skips rules by the same reasoning (engine/native/dispatch.hpp), but reads
only the fields that pay: it may look at a rule on a few more events.
"""

from __future__ import annotations

from falcoeks_fast.rules.plan import AtomOp, Node, NodeKind, OperandKind, Plan, Reader, ValueType

_BODIES = (b"requestObject", b"responseObject")
_KNOWN_OPS = (AtomOp.CLASS, AtomOp.EXISTS, AtomOp.STARTSWITH)
_TRUE, _FALSE = -1, -2


def with_candidates(plan: Plan) -> tuple[Plan, list[int]]:
    """The plan with more nodes, and for each rule the node that says whether the rule is still possible."""
    nodes = _Nodes(plan)
    parts: list[list[int]] = [[] for _ in plan.rules]
    for operand in _heads(plan):
        possible = nodes.possible(operand)
        for rule, found in zip(plan.rules, parts, strict=True):
            if possible[rule.root] != _TRUE:
                found.append(possible[rule.root])
    roots = [nodes.real(nodes.group(NodeKind.AND, found)) for found in parts]
    return Plan(plan.slots, plan.operands, plan.atoms, tuple(nodes.nodes), plan.rules, plan.memo_cells), roots


def _heads(plan: Plan) -> list[int]:
    """Operands that are texts in the head of an event, and are compared with constants."""
    compared = {atom.operand for atom in plan.atoms if atom.op in _KNOWN_OPS and atom.rhs < 0}
    found = []
    for number in sorted(compared):
        operand = plan.operands[number]
        if operand.kind is not OperandKind.SLOT or operand.is_list or operand.type is not ValueType.STRING:
            continue
        slot = plan.slots[operand.slot]
        if slot.reader in (Reader.SCALAR, Reader.JSON_VALUE) and slot.path and slot.path[0] not in _BODIES:
            found.append(number)
    return found


class _Nodes:
    """The plan's nodes, and new ones behind them. `_TRUE` and `_FALSE` stand for constants."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.nodes = list(plan.nodes)
        self._known: dict[Node, int] = {}

    def possible(self, operand: int) -> list[int]:
        """For each node of the plan: whether it may be true, given only this operand."""
        may: list[int] = []
        may_not: list[int] = []
        for number, node in enumerate(self._plan.nodes):
            if node.kind is NodeKind.ATOM:
                yes, no = self._atom(number, node.args[0], operand)
            elif node.kind is NodeKind.NOT:
                yes, no = may_not[node.args[0]], may[node.args[0]]
            elif node.kind in (NodeKind.AND, NodeKind.OR):
                other = NodeKind.OR if node.kind is NodeKind.AND else NodeKind.AND
                yes = self.group(node.kind, [may[arg] for arg in node.args])
                no = self.group(other, [may_not[arg] for arg in node.args])
            else:
                yes, no = (_TRUE, _FALSE) if node.kind is NodeKind.TRUE else (_FALSE, _TRUE)
            may.append(yes)
            may_not.append(no)
        return may

    def _atom(self, number: int, atom: int, operand: int) -> tuple[int, int]:
        it = self._plan.atoms[atom]
        if it.operand != operand or it.rhs >= 0 or it.op not in _KNOWN_OPS:
            return _TRUE, _TRUE
        return number, self._put(Node(NodeKind.NOT, (number,)))

    def group(self, kind: NodeKind, parts: list[int]) -> int:
        neutral, decisive = (_TRUE, _FALSE) if kind is NodeKind.AND else (_FALSE, _TRUE)
        kept = [part for part in dict.fromkeys(parts) if part != neutral]
        if decisive in kept:
            return decisive
        if len(kept) < 2:
            return kept[0] if kept else neutral
        return self._put(Node(kind, tuple(kept)))

    def real(self, number: int) -> int:
        """A node of the plan for a number that may be a constant."""
        if number >= 0:
            return number
        return self._put(Node(NodeKind.TRUE if number == _TRUE else NodeKind.FALSE))

    def _put(self, node: Node) -> int:
        if node not in self._known:
            self._known[node] = len(self.nodes)
            self.nodes.append(node)
        return self._known[node]
