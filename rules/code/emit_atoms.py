"""The plan's comparisons as lines of C.

In: the atoms and operands of a `Plan`. Out: one inline function for each atom that is called, and the bit sets they
use. Called by `emit`.

A test of a class needs nothing of the engine but the operand's class id, which is computed once per event; every other
atom is a question to the engine, which remembers the answer.
"""

from __future__ import annotations

from falcoeks_fast.rules.plan import Atom, AtomOp, Plan

_WORD_BITS = 64

_MOST_COMPARISONS = 8
"""A set of more ids is a bit set, which is one load, however large."""


class AtomSource:
    """Collects the atoms that generated functions call."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._tests: dict[int, str] = {}
        self._sets: dict[tuple[int, ...], str] = {}

    @property
    def numbers(self) -> list[int]:
        """The atoms called so far."""
        return sorted(self._tests)

    def call(self, atom: int) -> str:
        """The expression, in C and in Cython, that gives the truth of an atom."""
        if atom not in self._tests:
            self._tests[atom] = self._test(atom)
        return f"atom_{atom}(c)"

    def definitions(self) -> str:
        """C: the bit sets, then a function for each atom."""
        lines = [
            f"static const uint64_t {name}[] = {{{', '.join(_word(word) for word in words)}}};"
            for words, name in self._sets.items()
        ]
        lines += [
            f"static inline uint32_t atom_{atom}(fe_context *c) {{ {self._tests[atom]} }}" for atom in self.numbers
        ]
        return "".join(f"{line}\n" for line in lines)

    def declarations(self) -> str:
        """Cython: the same functions."""
        return "\n".join(f"    bint atom_{atom}(fe_context *c) noexcept" for atom in self.numbers)

    def _test(self, number: int) -> str:
        atom = self._plan.atoms[number]
        if not self._is_class_test(atom):
            return f"return fe_atom(c, {number});"
        ids = sorted(set(atom.classes))
        size = 2 + len(self._plan.operands[atom.operand].interned)
        if not ids:
            return "return never(c);"
        class_id = f"fe_class(c, {atom.operand})"
        if len(ids) == 1:
            return f"return {class_id} == {ids[0]}u;"
        if ids[-1] - ids[0] == len(ids) - 1:
            if ids[-1] == size - 1:
                return f"return {class_id} >= {ids[0]}u;"
            return f"return {class_id} - {ids[0]}u <= {len(ids) - 1}u;"
        words = [0] * -(-size // _WORD_BITS)
        if len(ids) == 2 or (len(ids) < len(words) and len(ids) <= _MOST_COMPARISONS):
            return f"uint32_t id = {class_id}; return {' | '.join(f'(id == {id_}u)' for id_ in ids)};"
        for id_ in ids:
            words[id_ // _WORD_BITS] |= 1 << id_ % _WORD_BITS
        if len(words) == 1:
            return f"return ({_word(words[0])} >> ({class_id} & {_WORD_BITS - 1}u)) & 1u;"
        name = self._sets.setdefault(tuple(words), f"set_{len(self._sets)}")
        return f"return fe_in_classes(c, {atom.operand}, {name});"

    def _is_class_test(self, atom: Atom) -> bool:
        """Whether the class id alone decides; a malformed set is left to the engine, which refuses the plan."""
        if atom.op != AtomOp.CLASS or not 0 <= atom.operand < len(self._plan.operands):
            return False
        operand = self._plan.operands[atom.operand]
        return not operand.is_list and all(0 < id_ < 2 + len(operand.interned) for id_ in atom.classes)


def _word(word: int) -> str:
    return f"UINT64_C(0x{word:x})"
