"""Checks as comparisons of the plan.

In: checks of the tree. Out: atoms, equal ones shared; comparisons of texts with constants become tests of a class id
(see `plan.Operand`). Called by `lower`. Source: `spec` language 6 to 9, 11 and 12.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from falcoeks_fast.rules.language import ast
from falcoeks_fast.rules.language.ast import TRANSFORMERS, Call, Check, Const, FieldRef, field_text, operand_fields
from falcoeks_fast.rules.language.errors import ConditionError, LanguageWarning, WarningKind, printable
from falcoeks_fast.rules.language.unsafe import unsafe_constant
from falcoeks_fast.rules.lowering import constants
from falcoeks_fast.rules.lowering.operands import OperandTable, with_interned
from falcoeks_fast.rules.lowering.types import operator_error, type_name
from falcoeks_fast.rules.plan import Atom, AtomOp, Modifier, Operand, ValueType

MAX_CLASSES = 256
"""An atom that would list more classes than this because of a `!=` is written as its opposite instead."""

_OPS = {
    "=": AtomOp.EQ,
    "!=": AtomOp.NE,
    "<": AtomOp.LT,
    "<=": AtomOp.LE,
    ">": AtomOp.GT,
    ">=": AtomOp.GE,
    "in": AtomOp.IN,
    "intersects": AtomOp.INTERSECTS,
    "contains": AtomOp.CONTAINS,
    "icontains": AtomOp.ICONTAINS,
    "startswith": AtomOp.STARTSWITH,
    "endswith": AtomOp.ENDSWITH,
    "glob": AtomOp.GLOB,
    "iglob": AtomOp.IGLOB,
    "regex": AtomOp.REGEX,
    "pmatch": AtomOp.PMATCH,
}
_MODIFIERS = {"anyof": Modifier.ANYOF, "allof": Modifier.ALLOF, "oneof": Modifier.ONEOF}
_SEES_ALL_BYTES = frozenset(("in", "intersects", "regex", "pmatch"))
_EMPTY_ALWAYS_FITS = frozenset(("contains", "icontains", "startswith", "endswith"))
_PADDING = frozenset(("tolower", "toupper", "basename", "b64"))  # Falco pads their results
_TRANSFORM_HEADS = tuple(name.encode() + b"(" for name in (*TRANSFORMERS, "val"))

# Whether `s op c` holds for a combination, given at how many of n positions s = c.
_COUNTS: dict[tuple[str, str | None], Callable[[int, int], bool]] = {
    ("=", None): lambda k, n: k > 0,
    ("=", "anyof"): lambda k, n: k > 0,
    ("=", "allof"): lambda k, n: k == n,
    ("=", "oneof"): lambda k, n: k == 1,
    ("!=", None): lambda k, n: k == 0,
    ("!=", "anyof"): lambda k, n: k < n,
    ("!=", "allof"): lambda k, n: k == 0,
    ("!=", "oneof"): lambda k, n: n - k == 1,
}


@dataclass(frozen=True, slots=True)
class AtomDraft:
    """A class test before all constants are known: the class is one of `members`, or with `rest` none of them."""

    op: AtomOp
    operand: int
    members: tuple[bytes, ...]
    rest: bool = False

    NEVER: ClassVar[int] = -1
    """In place of an index: the check is false for every event."""


class AtomTable:
    """The atoms of a plan in the making."""

    def __init__(self, operands: OperandTable, *, reject_long_constants: bool) -> None:
        self._operands = operands
        self._reject_long = reject_long_constants
        self._atoms: list[Atom | AtomDraft] = []
        self._index: dict[Atom | AtomDraft, int] = {}

    def add(self, check: Check, warnings: list[LanguageWarning]) -> int:
        """The index of a check's atom, or `AtomDraft.NEVER`. Raises ConditionError."""
        left = self._operands.add(check.left)
        kind, is_list = self._operands.type_of(left)
        problem = operator_error(check.op, kind, is_list)
        if problem is not None:
            raise ConditionError(problem, check.start, check.end)
        _differences(check, is_list, warnings)
        unsafe = unsafe_constant(check)
        if unsafe is not None:
            warnings.append(LanguageWarning(WarningKind.UNSAFE_NA, "", unsafe.start, unsafe.end))
        if check.op == "exists":
            return self._put(Atom(AtomOp.EXISTS, left))
        if check.right is not None:
            return self._put(self._with_field(check, left))
        self._look_at(check, warnings)
        if kind is not ValueType.STRING:
            return self._numbers(check, left, kind)
        if not check.constants:
            # Vacuously true for an empty list that is present, as only a transformer can give it.
            if check.op == "in" and is_list and not self._operands.is_slot(left):
                return self._put(AtomDraft(AtomOp.LIST_ALL, left, ()))
            return AtomDraft.NEVER
        return self._texts(check, left, is_list)

    def finish(self, used: Sequence[int]) -> tuple[tuple[Atom, ...], dict[int, int], tuple[Operand, ...]]:
        """The atoms at the given indices; then some more, and the operands with their constants.

        Of the second result, each key is an atom to be read as "present, and not this"; its value is the atom that
        says "present".
        """
        ids: dict[int, dict[bytes, int]] = {}
        for i in used:
            draft = self._atoms[i]
            if isinstance(draft, AtomDraft):
                known = ids.setdefault(draft.operand, {})
                for member in draft.members:
                    known.setdefault(member, 2 + len(known))
        atoms: list[Atom] = []
        negated: list[int] = []
        for i in used:
            draft = self._atoms[i]
            if isinstance(draft, Atom):
                atoms.append(draft)
                continue
            known = ids[draft.operand]
            classes = {known[member] for member in draft.members}
            if draft.rest and len(known) + 1 - len(classes) > MAX_CLASSES:
                negated.append(len(atoms))
            elif draft.rest:
                classes = set(range(1, len(known) + 2)) - classes
            atoms.append(Atom(draft.op, draft.operand, classes=tuple(sorted(classes))))
        present: dict[int, int] = {}
        for i in negated:
            exists = Atom(AtomOp.EXISTS, atoms[i].operand)
            present[i] = len(atoms)
            atoms.append(exists)
        operands = tuple(with_interned(o, tuple(ids.get(i, ()))) for i, o in enumerate(self._operands.operands))
        return tuple(atoms), present, operands

    def _put(self, atom: Atom | AtomDraft) -> int:
        known = self._index.get(atom)
        if known is None:
            known = self._index[atom] = len(self._atoms)
            self._atoms.append(atom)
        return known

    def _with_field(self, check: Check, left: int) -> Atom:
        assert check.right is not None
        if check.op in ("regex", "pmatch"):
            raise ConditionError(
                f"operator '{check.op.upper()}' doesn't support right-hand side fields", check.op_start, check.end
            )
        right = self._operands.add(check.right)
        mine, other = self._operands.type_of(left), self._operands.type_of(right)
        if mine != other:
            raise ConditionError(
                f"'{_called(check.left)}' has type '{type_name(*mine)}' while the right-hand side"
                f" '{_called(check.right)}' has incompatible type '{type_name(*other)}'",
                check.start,
                check.end,
            )
        op = check.op if check.op != "intersects" or mine[1] else "in"
        if op not in _SEES_ALL_BYTES:
            left, right = self._operands.cut(left), self._operands.cut(right)
        return Atom(_OPS[op], left, rhs=right)

    def _numbers(self, check: Check, left: int, kind: ValueType) -> int:
        numbers = tuple(constants.number(const, kind) for const in check.constants)
        if not numbers:
            return AtomDraft.NEVER
        if check.op in ("in", "intersects"):
            return self._put(Atom(AtomOp.IN, left, numbers=tuple(sorted(set(numbers)))))
        modifier = _MODIFIERS[check.modifier] if check.modifier and len(numbers) > 1 else Modifier.NONE
        return self._put(Atom(_OPS[check.op], left, modifier, numbers=numbers))

    def _texts(self, check: Check, left: int, is_list: bool) -> int:
        values = [const.value for const in check.constants]
        op, modifier = check.op, check.modifier
        if op in ("in", "intersects"):
            members = tuple(sorted(set(values)))
            if not is_list:
                return self._put(AtomDraft(AtomOp.CLASS, left, members))
            return self._put(AtomDraft(AtomOp.LIST_ALL if op == "in" else AtomOp.LIST_ANY, left, members))
        if op == "regex":
            for const in check.constants:
                constants.check_regex(const)
            if all(constants.is_plain_regex(value) for value in values):
                return self._counted("=", modifier, left, values)
        if op in ("=", "!="):
            all_bytes = (op, modifier) in (("=", "anyof"), ("!=", "allof"))
            return self._counted(op, modifier, left if all_bytes else self._operands.cut(left), values)
        if op not in _SEES_ALL_BYTES:
            left = self._operands.cut(left)
        if op == "pmatch":
            return self._put(Atom(AtomOp.PMATCH, left, constants=tuple(sorted(set(values)))))
        if len(values) == 1:
            modifier = None
            if not values[0] and op in _EMPTY_ALWAYS_FITS:
                return self._put(Atom(AtomOp.EXISTS, left))
        return self._put(
            Atom(_OPS[op], left, _MODIFIERS[modifier] if modifier else Modifier.NONE, constants=tuple(values))
        )

    def _counted(self, op: str, modifier: str | None, left: int, values: list[bytes]) -> int:
        """A combination of `=` or `!=` as a class test."""
        holds = _COUNTS[(op, modifier)]
        rest = holds(0, len(values))
        counts = Counter(values)
        members = tuple(sorted(value for value, k in counts.items() if holds(k, len(values)) != rest))
        if not members:
            return self._put(Atom(AtomOp.EXISTS, left)) if rest else AtomDraft.NEVER
        return self._put(AtomDraft(AtomOp.CLASS, left, members, rest))

    def _look_at(self, check: Check, warnings: list[LanguageWarning]) -> None:
        """Check the length of the constants, and warn of those that look like a mistake."""
        fields = self._operands.fields
        for const in check.constants:
            value = const.value
            if len(value) > constants.MAX_BYTES:
                if self._reject_long:
                    constants.check_length(const)
                message = f"Falco refuses constants of more than {constants.MAX_BYTES} bytes"
                warnings.append(LanguageWarning(WarningKind.DIFFERS, message, const.start, const.end))
            better = constants.simpler_operator(value) if check.op == "regex" else None
            if better is not None:
                _warn(warnings, check, const, f"is a regex that the simpler operator '{better}' may replace")
            if b"." in value or b"(" in value:
                squeezed = b"".join(value.split())
                if fields.is_field(squeezed):
                    _warn(warnings, check, const, "may be a valid field misused as a const string value")
                if squeezed.startswith(_TRANSFORM_HEADS) and squeezed.endswith(b")"):
                    _warn(warnings, check, const, "may be a valid field transformer misused as a const string value")


def _differences(check: Check, is_list: bool, warnings: list[LanguageWarning]) -> None:
    """Warn where Falco would refuse the check or never find it true, because of a defect."""
    for operand in (check.left, check.right):
        for ref in operand_fields(operand) if operand is not None else ():
            if ref.is_ours_alone:
                message = "Falco refuses a field argument with a blank or a ']' in it"
                warnings.append(LanguageWarning(WarningKind.DIFFERS, message, ref.start, ref.end))
    if check.op not in ("in", "intersects"):
        return
    odd = check.right if check.right is not None and not is_list else None
    if is_list and check.right is None:
        odd = check.left
    if isinstance(odd, Call) and odd.name in _PADDING:
        message = f"Falco never finds a text transformed by '{odd.name}' equal here; falcoeks-fast does"
        warnings.append(LanguageWarning(WarningKind.DIFFERS, message, check.start, check.end))


def _called(operand: ast.Operand) -> str:
    """An operand for a message."""
    if isinstance(operand, FieldRef):
        return printable(field_text(operand.name, operand.argument))
    return f"{operand.name}(...)" if isinstance(operand, Call) else "..."


def _warn(warnings: list[LanguageWarning], check: Check, const: Const, what: str) -> None:
    message = f"'{printable(const.value)}' {what}"
    warning = LanguageWarning(WarningKind.CONDITION, message, const.start, const.end, reported=check.right_start)
    warnings.append(warning)
