"""What a comparison costs, roughly, so that cheap ones are asked first.

In: a plan and an atom. Out: a number without a unit, about one for reading a text at the head of an audit event.
Called by `optimise`; the figures are only ever compared with each other.
"""

from __future__ import annotations

from falcoeks_fast.rules.plan import AtomOp, Operand, OperandKind, Plan, Reader, Slot, Transform

_HEADS = {
    b"stage": 1,
    b"verb": 1,
    b"level": 1,
    b"auditID": 1,
    b"requestURI": 1,
    b"userAgent": 1,
    b"user": 2,
    b"objectRef": 2,
    b"sourceIPs": 2,
    b"impersonatedUser": 2,
    b"responseStatus": 2,
    b"annotations": 3,
    b"requestObject": 8,
    b"responseObject": 8,
}
_OTHER_HEAD = 4
_PATH_READERS = frozenset(
    (Reader.SCALAR, Reader.PLAIN_LIST, Reader.JSON_VALUE, Reader.WHOLE_AS_LIST, Reader.TARGET_POD_NAME)
)
_FREE_READERS = frozenset(
    (Reader.CONSTANT, Reader.STATIC, Reader.EVT_NUM, Reader.EVT_RAWTIME, Reader.EVT_SOURCE, Reader.META)
)
_READERS = {
    Reader.URI_PARAM: 10,
    Reader.URI_PARAM_FIXED: 10,
    Reader.JSON_OBJECT: 120,
    Reader.EVT_PLUGININFO: 60,
}
_WALK = 6
_TIME_TEXT = 6
_TRANSFORMS = {
    Transform.CSTRING: 1,
    Transform.LEN: 1,
    Transform.BASENAME: 2,
    Transform.TOLOWER: 3,
    Transform.TOUPPER: 3,
    Transform.B64: 6,
    Transform.JOIN: 6,
    Transform.CONCAT: 4,
    Transform.GETOPT: 10,
}
_OPS = {
    AtomOp.EXISTS: 0,
    AtomOp.CLASS: 1,
    AtomOp.LIST_ALL: 2,
    AtomOp.LIST_ANY: 2,
    AtomOp.STARTSWITH: 2,
    AtomOp.ENDSWITH: 2,
    AtomOp.CONTAINS: 4,
    AtomOp.ICONTAINS: 6,
    AtomOp.GLOB: 8,
    AtomOp.IGLOB: 10,
    AtomOp.PMATCH: 12,
    AtomOp.REGEX: 500,
}


def static_cost(plan: Plan, atom: int) -> int:
    """The cost of asking atom number `atom` once, its operands not yet read."""
    it = plan.atoms[atom]
    cost = operand_cost(plan, it.operand) + _OPS.get(it.op, 1) * max(1, len(it.constants))
    return cost + (operand_cost(plan, it.rhs) if it.rhs >= 0 else 0)


def operand_cost(plan: Plan, operand: int) -> int:
    """The cost of computing an operand."""
    total = 0
    stack = [operand]
    while stack:
        it: Operand = plan.operands[stack.pop()]
        if it.kind is OperandKind.SLOT:
            total += slot_cost(plan.slots[it.slot])
        else:
            total += _TRANSFORMS.get(it.transform, 1)
            stack.extend(it.args)
    return total


def slot_cost(slot: Slot) -> int:
    """The cost of reading a slot."""
    if slot.reader in _FREE_READERS:
        return 0
    if slot.reader in _READERS:
        return _READERS[slot.reader]
    if not slot.path:
        return _READERS[Reader.EVT_PLUGININFO] if slot.reader is Reader.JSON_VALUE else _TIME_TEXT
    cost = _HEADS.get(slot.path[0], _OTHER_HEAD) + max(0, len(slot.path) - 2)
    return cost if slot.reader in _PATH_READERS else cost + _WALK
