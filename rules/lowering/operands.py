"""What checks and templates take from an event: fields and transformers, as operands of the plan.

In: operands of the tree. Out: indices into `slots` and `operands`, equal ones shared. Called by `lower`.
Source: `spec` language 10 and 12; where Falco's transformers have bugs, these are the right thing.
"""

from __future__ import annotations

from dataclasses import replace

from falcoeks_fast.rules.fields.lookup import Fields
from falcoeks_fast.rules.language.ast import Call, FieldRef, Operand, Text, TextList
from falcoeks_fast.rules.language.errors import ConditionError
from falcoeks_fast.rules.lowering.types import type_name
from falcoeks_fast.rules.plan import Operand as PlanOperand
from falcoeks_fast.rules.plan import OperandKind, Slot, Transform, ValueType

_SINGLE = {
    "tolower": Transform.TOLOWER,
    "toupper": Transform.TOUPPER,
    "b64": Transform.B64,
    "basename": Transform.BASENAME,
    "len": Transform.LEN,
}
_SlotKey = tuple[object, ...]


class OperandTable:
    """The slots and operands of a plan in the making."""

    def __init__(self, fields: Fields) -> None:
        self.fields = fields
        self.slots: list[Slot] = []
        self.operands: list[PlanOperand] = []
        self._slot_index: dict[_SlotKey, int] = {}
        self._index: dict[PlanOperand, int] = {}
        self._by_field: dict[tuple[str, bytes | None], int] = {}
        self._holds_nul: list[bool] = []

    def add(self, operand: Operand) -> int:
        """The index of an operand. Raises ConditionError with its place if it does not fit together."""
        if isinstance(operand, FieldRef):
            key = (operand.name, operand.argument)
            known = self._by_field.get(key)
            if known is None:
                known = self._by_field[key] = self._field(self.fields.slot(operand))
            return known
        if isinstance(operand, Text):
            value = operand.value.partition(b"\0")[0]
            return self._put(PlanOperand(OperandKind.LITERAL, ValueType.STRING, False, literal=value))
        if isinstance(operand, TextList):
            items = tuple(self.add(item) for item in operand.items)
            return self._put(PlanOperand(OperandKind.LIST, ValueType.STRING, True, args=items))
        return self._call(operand)

    def type_of(self, index: int) -> tuple[ValueType, bool]:
        operand = self.operands[index]
        return operand.type, operand.is_list

    def is_slot(self, index: int) -> bool:
        return self.operands[index].kind is OperandKind.SLOT

    def cut(self, index: int) -> int:
        """The same operand, ended at the first NUL if it can hold one: what most operators and texts see."""
        if not self._holds_nul[index]:
            return index
        operand = self.operands[index]
        return self._put(
            PlanOperand(
                OperandKind.TRANSFORM,
                ValueType.STRING,
                operand.is_list,
                transform=Transform.CSTRING,
                args=(index,),
            )
        )

    def _field(self, slot: Slot) -> int:
        # Fields that read the same share a slot, whatever they are called.
        key = (slot.reader, slot.type, slot.is_list, slot.path, slot.alt, slot.index, slot.key)
        known = self._slot_index.get(key)
        if known is None:
            known = self._slot_index[key] = len(self.slots)
            self.slots.append(slot)
        return self._put(PlanOperand(OperandKind.SLOT, slot.type, slot.is_list, slot=known))

    def _put(self, operand: PlanOperand) -> int:
        known = self._index.get(operand)
        if known is None:
            known = self._index[operand] = len(self.operands)
            self.operands.append(operand)
            nul = operand.transform is Transform.B64
            if operand.transform not in (Transform.CSTRING, Transform.LEN):
                nul = nul or any(self._holds_nul[arg] for arg in operand.args)
            self._holds_nul.append(nul)
        return known

    def _call(self, call: Call) -> int:
        if call.selector is not None and call.name != "getopt":
            raise ConditionError(f"transformer '{call.name}' takes no argument in brackets", call.start, call.end)
        if call.name in _SINGLE:
            return self._single(call, _SINGLE[call.name])
        if call.name == "join":
            return self._join(call)
        if call.name == "concat":
            return self._concat(call)
        return self._getopt(call)

    def _single(self, call: Call, transform: Transform) -> int:
        if len(call.args) != 1:
            raise ConditionError(
                f"transformer '{call.name}' takes one argument, not {len(call.args)}", call.start, call.end
            )
        arg = self.add(call.args[0])
        kind, is_list = self.type_of(arg)
        if kind is not ValueType.STRING:
            raise ConditionError(
                f"can't add field transformer: type '{type_name(kind, is_list)}' is not supported by '{call.name}'",
                call.start,
                call.end,
            )
        if transform is Transform.LEN:
            arg = arg if is_list else self.cut(arg)
            kind, is_list = ValueType.UINT64, False
        return self._put(PlanOperand(OperandKind.TRANSFORM, kind, is_list, transform=transform, args=(arg,)))

    def _join(self, call: Call) -> int:
        if len(call.args) != 2:
            raise _bad(call, "takes a separator and a list")
        separator, items = (self.add(arg) for arg in call.args)
        self._expect(call, 0, separator, is_list=False)
        self._expect(call, 1, items, is_list=True)
        return self._transform(Transform.JOIN, False, (separator, items))

    def _concat(self, call: Call) -> int:
        if len(call.args) < 2:
            raise _bad(call, "takes two texts or more")
        args = tuple(self.add(arg) for arg in call.args)
        for place, (written, arg) in enumerate(zip(call.args, args, strict=True)):
            # len() of a text is taken: it gives its digits (Falco gives raw bytes).
            if not (isinstance(written, Call) and written.name == "len"):
                self._expect(call, place, arg, is_list=False)
            elif self._declared_list(written):
                message = (
                    f"argument {place + 1} of transformer 'concat' is the length of a list: only that of a text fits"
                )
                raise ConditionError(message, written.start, written.end)
        return self._transform(Transform.CONCAT, False, args)

    def _declared_list(self, operand: Operand) -> bool:
        """Whether what is inside all transformers of one argument is declared a list, which is what Falco looks at."""
        while isinstance(operand, Call) and operand.name in _SINGLE:
            operand = operand.args[0]
        if isinstance(operand, FieldRef):
            return self.type_of(self.add(operand))[1]
        return isinstance(operand, TextList)

    def _getopt(self, call: Call) -> int:
        if len(call.args) != 2:
            raise _bad(call, "takes a list of arguments and a text of options")
        if call.selector is not None and len(call.selector) != 1:
            raise _bad(call, "takes exactly one character in brackets")
        words, options = (self.add(arg) for arg in call.args)
        self._expect(call, 0, words, is_list=True)
        self._expect(call, 1, options, is_list=False)
        operand = PlanOperand(
            OperandKind.TRANSFORM,
            ValueType.STRING,
            call.selector is None,
            transform=Transform.GETOPT,
            args=(words, options),
            selector=call.selector,
        )
        return self._put(operand)

    def _transform(self, transform: Transform, is_list: bool, args: tuple[int, ...]) -> int:
        return self._put(PlanOperand(OperandKind.TRANSFORM, ValueType.STRING, is_list, transform=transform, args=args))

    def _expect(self, call: Call, place: int, arg: int, *, is_list: bool) -> None:
        kind, listed = self.type_of(arg)
        if kind is ValueType.STRING and listed == is_list:
            return
        wanted = type_name(ValueType.STRING, is_list)
        written = call.args[place]
        raise ConditionError(
            f"argument {place + 1} of transformer '{call.name}' has type '{type_name(kind, listed)}', not '{wanted}'",
            written.start,
            written.end,
        )


def with_interned(operand: PlanOperand, interned: tuple[bytes, ...]) -> PlanOperand:
    return replace(operand, interned=interned) if interned else operand


def _bad(call: Call, what: str) -> ConditionError:
    return ConditionError(f"transformer '{call.name}' {what}", call.start, call.end)
