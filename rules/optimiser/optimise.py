"""Passes over the plan that keep what it means and make it cheaper.

In: the plan that `lower` built. Out: an equivalent one. Called by the rule files' loader. Each pass can be run alone;
none makes a rule fire, or not fire, where it would not have before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace

from falcoeks_fast.rules.lowering.atoms import MAX_CLASSES
from falcoeks_fast.rules.optimiser.cost import static_cost
from falcoeks_fast.rules.optimiser.prune import drop_unused, prune_constants
from falcoeks_fast.rules.plan import Atom, AtomOp, Node, NodeKind, Plan

FLATTEN_SHARED = 8
"""A shared group of at most so many parts is spelt out where it is used: it can then be ordered and merged there."""
MEMO_COST = 12
"""Below this cost a shared expression is evaluated again rather than looked up."""

_GROUPS = (NodeKind.AND, NodeKind.OR)


def optimise(plan: Plan) -> Plan:
    """All passes, in their order."""
    for step in PASSES:
        plan = step(plan)
    return plan


def fold(plan: Plan) -> Plan:
    """Flatten groups within groups of the same kind, and fold constants, double negations and repeated parts."""
    uses = _uses(plan)
    made = _Nodes()
    moved: list[int] = []
    for node in plan.nodes:
        if node.kind is NodeKind.NOT:
            moved.append(made.negation(moved[node.args[0]]))
        elif node.kind in _GROUPS:
            parts: list[int] = []
            for arg in node.args:
                inner = made.nodes[moved[arg]]
                if inner.kind is node.kind and (uses[arg] < 2 or len(inner.args) <= FLATTEN_SHARED):
                    parts.extend(inner.args)
                else:
                    parts.append(moved[arg])
            moved.append(made.group(node.kind, parts))
        else:
            moved.append(made.put(Node(node.kind, node.args)))
    return _with_nodes(plan, made.nodes, moved)


def merge_classes(plan: Plan) -> Plan:
    """Within one group, replace all class tests of an operand by a single one."""
    made = _Nodes()
    merger = _Merger(plan, made)
    moved: list[int] = []
    for node in plan.nodes:
        args = tuple(moved[arg] for arg in node.args) if node.kind is not NodeKind.ATOM else node.args
        if node.kind in _GROUPS:
            moved.append(made.group(node.kind, merger.merged(node.kind, args)))
        elif node.kind is NodeKind.NOT:
            moved.append(made.negation(args[0]))
        else:
            moved.append(made.put(Node(node.kind, args)))
    return _with_nodes(replace(plan, atoms=tuple(merger.atoms)), made.nodes, moved)


def order(plan: Plan) -> Plan:
    """Ask the cheap and decisive parts of each group first; the order of parts never changes the value."""
    atom_costs = [static_cost(plan, i) for i in range(len(plan.atoms))]
    costs: list[int] = []
    nodes: list[Node] = []
    for node in plan.nodes:
        if node.kind in _GROUPS:
            keyed = sorted(node.args, key=lambda arg: (costs[arg], _indecision(plan, nodes, arg, node.kind)))
            node = Node(node.kind, tuple(keyed))
            costs.append(costs[keyed[0]] + sum(costs[arg] for arg in keyed[1:]) // 2 + 1)
        elif node.kind is NodeKind.ATOM:
            costs.append(atom_costs[node.args[0]])
        else:
            costs.append(costs[node.args[0]] if node.args else 0)
        nodes.append(node)
    return replace(plan, nodes=tuple(nodes))


def share(plan: Plan) -> Plan:
    """Give a memo cell to every group that stands in several places and costs enough to be worth one."""
    uses = _uses(plan)
    costs: list[int] = []
    nodes: list[Node] = []
    cells = 0
    for i, node in enumerate(plan.nodes):
        if node.kind is NodeKind.ATOM:
            costs.append(static_cost(plan, node.args[0]))
        else:
            costs.append(sum(costs[arg] for arg in node.args))
        if node.kind in _GROUPS and uses[i] > 1 and costs[i] >= MEMO_COST:
            node = replace(node, memo=cells)
            cells += 1
        nodes.append(node)
    return replace(plan, nodes=tuple(nodes), memo_cells=cells)


PASSES: tuple[Callable[[Plan], Plan], ...] = (
    fold,
    merge_classes,
    fold,
    drop_unused,
    prune_constants,
    order,
    share,
)
"""In the order in which `optimise` runs them. `fold` runs again, since merged tests can turn out constant or equal."""


class _Nodes:
    """Nodes in the making, equal ones once."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._index: dict[Node, int] = {}

    def put(self, node: Node) -> int:
        known = self._index.get(node)
        if known is None:
            known = self._index[node] = len(self.nodes)
            self.nodes.append(node)
        return known

    def negation(self, child: int) -> int:
        node = self.nodes[child]
        if node.kind is NodeKind.NOT:
            return node.args[0]
        if node.kind is NodeKind.TRUE:
            return self.put(Node(NodeKind.FALSE))
        if node.kind is NodeKind.FALSE:
            return self.put(Node(NodeKind.TRUE))
        return self.put(Node(NodeKind.NOT, (child,)))

    def group(self, kind: NodeKind, parts: Iterable[int]) -> int:
        neutral, decisive = (NodeKind.TRUE, NodeKind.FALSE) if kind is NodeKind.AND else (NodeKind.FALSE, NodeKind.TRUE)
        kept = [part for part in dict.fromkeys(parts) if self.nodes[part].kind is not neutral]
        if any(self.nodes[part].kind is decisive for part in kept):
            return self.put(Node(decisive))
        if len(kept) == 1:
            return kept[0]
        return self.put(Node(kind, tuple(kept))) if kept else self.put(Node(neutral))


class _Merger:
    """Combines class tests. An absent operand has none of the classes, so a test and its opposite are no complements:
    both kinds are kept apart as `wanted` (the class is one of) and `unwanted` (it is none of, or there is no value).
    """

    def __init__(self, plan: Plan, made: _Nodes) -> None:
        self.atoms = list(plan.atoms)
        self._plan = plan
        self._made = made
        self._index = {atom: i for i, atom in enumerate(plan.atoms)}

    def merged(self, kind: NodeKind, parts: Iterable[int]) -> list[int]:
        """The parts of a group, with one test in the place of all that ask for the class of the same operand."""
        groups: dict[tuple[int, AtomOp], list[tuple[int, Atom, bool]]] = {}
        for part in dict.fromkeys(parts):
            literal = self._literal(part, kind)
            if literal is not None:
                atom, negated = literal
                family = AtomOp.CLASS if atom.op is AtomOp.EXISTS else atom.op
                groups.setdefault((atom.operand, family), []).append((part, atom, negated))
        replaced: dict[int, int | None] = {}
        for (operand, op), literals in groups.items():
            if len(literals) < 2 or all(atom.op is AtomOp.EXISTS for _, atom, _ in literals):
                continue
            node = self._combined(kind, operand, op, literals)
            if node is not None:
                replaced.update((part, None) for part, _, _ in literals)
                replaced[literals[0][0]] = node
        result: list[int] = []
        for part in parts:
            new = replaced.get(part, part)
            if new is not None:
                result.append(new)
        return result

    def _literal(self, part: int, kind: NodeKind) -> tuple[Atom, bool] | None:
        node = self._made.nodes[part]
        negated = node.kind is NodeKind.NOT
        if negated:
            node = self._made.nodes[node.args[0]]
        if node.kind is not NodeKind.ATOM:
            return None
        atom = self.atoms[node.args[0]]
        if atom.op is AtomOp.CLASS:
            return atom, negated
        if atom.op is AtomOp.EXISTS and len(self._plan.operands[atom.operand].interned) < MAX_CLASSES:
            return None if self._plan.operands[atom.operand].is_list else (atom, negated)
        if negated or atom.op is not (AtomOp.LIST_ALL if kind is NodeKind.AND else AtomOp.LIST_ANY):
            return None
        return atom, False

    def _combined(self, kind: NodeKind, operand: int, op: AtomOp, literals: list[tuple[int, Atom, bool]]) -> int | None:
        wanted: frozenset[int] | None = None
        unwanted: frozenset[int] | None = None
        conjunction = kind is NodeKind.AND
        for _, atom, negated in literals:
            classes = self._every(operand) if atom.op is AtomOp.EXISTS else frozenset(atom.classes)
            if negated:
                unwanted = _meet(unwanted, classes, union=conjunction)
            else:
                wanted = _meet(wanted, classes, union=not conjunction)
        none: frozenset[int] = frozenset()
        if conjunction and wanted is not None:
            negative, classes = False, wanted - (unwanted or none)
        elif unwanted is not None:
            negative, classes = True, unwanted - (none if conjunction else wanted or none)
        else:
            negative, classes = False, wanted or none
        if len(classes) > MAX_CLASSES and any(atom.op is AtomOp.EXISTS for _, atom, _ in literals):
            return None
        return self._test(operand, op, classes, negative)

    def _every(self, operand: int) -> frozenset[int]:
        """All classes that a value can have."""
        return frozenset(range(1, len(self._plan.operands[operand].interned) + 2))

    def _test(self, operand: int, op: AtomOp, classes: frozenset[int], negative: bool) -> int:
        if not classes and op is not AtomOp.LIST_ALL:
            return self._made.put(Node(NodeKind.TRUE if negative else NodeKind.FALSE))
        if op is AtomOp.CLASS and len(classes) == len(self._plan.operands[operand].interned) + 1:
            atom = Atom(AtomOp.EXISTS, operand)
        else:
            atom = Atom(op, operand, classes=tuple(sorted(classes)))
        known = self._index.get(atom)
        if known is None:
            known = self._index[atom] = len(self.atoms)
            self.atoms.append(atom)
        node = self._made.put(Node(NodeKind.ATOM, (known,)))
        return self._made.negation(node) if negative else node


def _meet(before: frozenset[int] | None, classes: frozenset[int], *, union: bool) -> frozenset[int]:
    if before is None:
        return classes
    return before | classes if union else before & classes


def _uses(plan: Plan) -> Counter[int]:
    """How many rules and nodes refer to each node."""
    uses = Counter(rule.root for rule in plan.rules)
    for node in plan.nodes:
        if node.kind is not NodeKind.ATOM:
            uses.update(set(node.args))
    return uses


def _indecision(plan: Plan, nodes: list[Node], arg: int, kind: NodeKind) -> int:
    """Smaller for the part that more probably decides its group: few classes within `and`, many within `or`."""
    node = nodes[arg]
    negated = node.kind is NodeKind.NOT
    if negated:
        node = nodes[node.args[0]]
    if node.kind is not NodeKind.ATOM or plan.atoms[node.args[0]].op is not AtomOp.CLASS:
        return 1
    wide = (1 in plan.atoms[node.args[0]].classes) != negated
    return 2 if wide == (kind is NodeKind.AND) else 0


def _with_nodes(plan: Plan, nodes: list[Node], moved: list[int]) -> Plan:
    rules = tuple(replace(rule, root=moved[rule.root]) for rule in plan.rules)
    return replace(plan, nodes=tuple(nodes), rules=rules)
