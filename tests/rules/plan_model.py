"""A plan evaluated in plain Python, and a plan as text: for tests of `lower` and of the passes of `optimise`."""

from __future__ import annotations

from falcoeks_fast.rules.fields.lookup import Fields
from falcoeks_fast.rules.plan import (
    Atom,
    AtomOp,
    Modifier,
    Node,
    NodeKind,
    Operand,
    OperandKind,
    Plan,
    Transform,
    ValueType,
)

from .reference import _TEXTUAL, _TRANSFORMS, Surroundings, Value, _Event, _text, _with_field

_NAMES = {
    AtomOp.EQ: "=",
    AtomOp.NE: "!=",
    AtomOp.LT: "<",
    AtomOp.LE: "<=",
    AtomOp.GT: ">",
    AtomOp.GE: ">=",
    AtomOp.IN: "in",
    AtomOp.INTERSECTS: "intersects",
}


class PlanModel:
    """Which rules of a plan fire for an event."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def fires(self, event: bytes, surroundings: Surroundings | None = None) -> list[bool]:
        run = _Run(self.plan, _Event(Fields(), event, surroundings or Surroundings()))
        return [run.node(rule.root) for rule in self.plan.rules]


class _Run:
    def __init__(self, plan: Plan, event: _Event) -> None:
        self.plan = plan
        self.event = event
        self.values: dict[int, Value] = {}

    def node(self, i: int) -> bool:
        node = self.plan.nodes[i]
        match node.kind:
            case NodeKind.TRUE | NodeKind.FALSE:
                return node.kind is NodeKind.TRUE
            case NodeKind.ATOM:
                return self.atom(self.plan.atoms[node.args[0]])
            case NodeKind.NOT:
                return not self.node(node.args[0])
            case NodeKind.AND:
                return all(self.node(arg) for arg in node.args)
        return any(self.node(arg) for arg in node.args)

    def atom(self, atom: Atom) -> bool:
        value = self.value(atom.operand)
        if value is None:
            return False
        if atom.op is AtomOp.EXISTS:
            return True
        interned = self.plan.operands[atom.operand].interned
        if atom.op in (AtomOp.CLASS, AtomOp.LIST_ALL, AtomOp.LIST_ANY):
            items = value if isinstance(value, list) else [value]
            hits = [(2 + interned.index(v) if v in interned else 1) in atom.classes for v in items]
            return any(hits) if atom.op is AtomOp.LIST_ANY else all(hits)
        if atom.rhs >= 0:
            right = self.value(atom.rhs)
            return right is not None and _with_field(_NAMES.get(atom.op, atom.op.name.lower()), value, right)
        if atom.numbers:
            assert isinstance(value, int)
            hits = [_compare(atom.op, int(value), number) for number in atom.numbers]
        else:
            assert isinstance(value, bytes)
            test = _TEXTUAL[_NAMES.get(atom.op, atom.op.name.lower())]
            hits = [test(value, constant) for constant in atom.constants]
        if atom.modifier is Modifier.ALLOF:
            return all(hits)
        return sum(hits) == 1 if atom.modifier is Modifier.ONEOF else any(hits)

    def value(self, i: int) -> Value:
        if i not in self.values:
            self.values[i] = self.compute(self.plan.operands[i])
        return self.values[i]

    def compute(self, operand: Operand) -> Value:
        if operand.kind is OperandKind.SLOT:
            return self.event.slot(self.plan.slots[operand.slot])
        if operand.kind is OperandKind.LITERAL:
            return operand.literal
        args = [self.value(arg) for arg in operand.args]
        if any(arg is None for arg in args):
            return None
        if operand.kind is OperandKind.LIST:
            return [
                item for arg in args if arg is not None for item in (arg if isinstance(arg, list) else [_text(arg)])
            ]
        if operand.transform is Transform.CSTRING:
            cut = args[0]
            if isinstance(cut, list):
                return [item.split(b"\0")[0] for item in cut]
            assert isinstance(cut, bytes)
            return cut.split(b"\0")[0]
        return _TRANSFORMS[operand.transform.name.lower()](args, operand.selector)


def _compare(op: AtomOp, a: int, b: int) -> bool:
    return {"=": a == b, "in": a == b, "!=": a != b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[_NAMES[op]]


def show(plan: Plan) -> str:
    """The rules of a plan as expressions; `&n` marks a shared group with memo cell n."""
    return "".join(f"{rule.name.decode()}: {_show_node(plan, rule.root)}\n" for rule in plan.rules)


def _show_node(plan: Plan, i: int) -> str:
    node: Node = plan.nodes[i]
    if node.kind is NodeKind.ATOM:
        return _show_atom(plan, plan.atoms[node.args[0]])
    if node.kind is NodeKind.NOT:
        return f"not {_show_node(plan, node.args[0])}"
    if not node.args:
        return node.kind.name.lower()
    memo = f"&{node.memo}" if node.memo >= 0 else ""
    return f"{memo}(" + f" {node.kind.name.lower()} ".join(_show_node(plan, arg) for arg in node.args) + ")"


def _show_atom(plan: Plan, atom: Atom) -> str:
    left = _show_operand(plan, atom.operand)
    if atom.op is AtomOp.EXISTS:
        return f"{left} exists"
    if atom.op in (AtomOp.CLASS, AtomOp.LIST_ALL, AtomOp.LIST_ANY):
        interned = plan.operands[atom.operand].interned
        names = ["*" if c == 1 else interned[c - 2].decode() for c in atom.classes]
        return f"{left} {atom.op.name.lower()} {{{', '.join(names)}}}"
    modifier = f" {atom.modifier.name.lower()}" if atom.modifier else ""
    right: object = _show_operand(plan, atom.rhs) if atom.rhs >= 0 else list(atom.constants or atom.numbers)
    return f"{left} {atom.op.name.lower()}{modifier} {right}"


def _show_operand(plan: Plan, i: int) -> str:
    operand = plan.operands[i]
    if operand.kind is OperandKind.SLOT:
        return plan.slots[operand.slot].name.decode()
    if operand.kind is OperandKind.LITERAL:
        return repr(operand.literal.decode())
    args = ", ".join(_show_operand(plan, arg) for arg in operand.args)
    selector = f"[{operand.selector.decode()}]" if operand.selector is not None else ""
    name = operand.transform.name.lower() if operand.kind is OperandKind.TRANSFORM else ""
    kind = "" if operand.type is ValueType.STRING else f":{operand.type.name.lower()}"
    return f"{name}({args}){selector}{kind}"
