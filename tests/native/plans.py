"""Plans for the native tests: rules that always fire and name fields, made without the compiler of conditions."""

from __future__ import annotations

from collections.abc import Sequence

from falcoeks_fast.rules.fields.lookup import Argument, Fields
from falcoeks_fast.rules.plan import (
    Node,
    NodeKind,
    Operand,
    OperandKind,
    OutputField,
    Plan,
    RulePlan,
    Segment,
    Slot,
)


def field_plan(rules: Sequence[tuple[str, str]], fields: Fields, tags: tuple[bytes, ...] = (b"t", b"u")) -> Plan:
    """A rule for each (name, field) whose output is `n=%evt.num v=%FIELD end`."""
    slots: list[Slot] = []
    operands: list[Operand] = []

    def operand(name: str) -> int:
        slot = fields.lookup(name)
        slots.append(slot)
        operands.append(Operand(OperandKind.SLOT, slot.type, slot.is_list, slot=len(slots) - 1))
        return len(operands) - 1

    number, time = operand("evt.num"), operand("evt.time")
    plans = []
    for rule, name in rules:
        field = operand(name)
        shown = {b"evt.num": number, b"evt.time": time, slots[field].name: field}
        output = (Segment(b"n="), Segment(operand=number), Segment(b" v="), Segment(operand=field), Segment(b" end"))
        entries = tuple(OutputField(key, shown[key]) for key in sorted(shown))
        plans.append(RulePlan(rule.encode(), 6, b"k8s_audit", tags, 0, output, entries))
    return Plan(tuple(slots), tuple(operands), (), (Node(NodeKind.TRUE),), tuple(plans), 0)


def every_field(fields: Fields) -> list[str]:
    """Each field once, those with an argument with some."""
    keys = {
        "ka.uri.param": "container",
        "ka.req.volume.hostpath": "/e*",
        "ka.req.binding.subject.has_name": "x",
        "falcoeks.source.in": "10.0.0.0/8,1.2.3.4,fd00::/8",
        "falcoeks.workload.hostpath.reaches": "/etc,/var/run",
    }
    names = []
    for field in fields:
        if field.argument is Argument.KEY:
            arguments = [keys[field.name]] if field.name in keys else ["/user", "/sourceIPs/0", "/requestObject/spec"]
            names += [f"{field.name}[{argument}]" for argument in arguments]
        else:
            names.append(field.name)
            names += [f"{field.name}[0]", f"{field.name}[1]"] if field.argument is Argument.INDEX else []
    return names
