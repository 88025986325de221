"""Generated predicates say what the plan says, ask the engine for nothing else, and contain no text of a rule."""

from __future__ import annotations

import ctypes
import random
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falcoeks_fast.rules.code.emit import EmitError, emit
from falcoeks_fast.rules.code.module import _Module, load_module
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

GOLDEN = Path(__file__).parent / "golden_emit"

u32 = ctypes.c_uint32


class Context(ctypes.Structure):
    """fe_context."""


ASK = ctypes.CFUNCTYPE(u32, ctypes.POINTER(Context), u32)
PREDICATE = ctypes.CFUNCTYPE(u32, ctypes.POINTER(Context))
Context._fields_ = [
    ("epoch", u32),
    ("memo", ctypes.POINTER(u32)),
    ("class_epoch", ctypes.POINTER(u32)),
    ("class_id", ctypes.POINTER(u32)),
    ("atom", ASK),
    ("operand_class", ASK),
    ("text", ctypes.c_void_p),
]


class Engine:
    """An engine whose events are chance: a class id for each operand, a truth for each other atom."""

    def __init__(self, plan: Plan, capsule: object) -> None:
        self.plan = plan
        self.asked: list[int] = []
        self.truths: list[int] = []
        self.classes: list[int] = []
        self.memo = (u32 * (len(plan.atoms) + plan.memo_cells))()
        self.class_epoch = (u32 * len(plan.operands))()
        self.class_id = (u32 * len(plan.operands))()
        self.context = Context(0, self.memo, self.class_epoch, self.class_id, ASK(self._atom), ASK(self._class), None)
        get = ctypes.pythonapi.PyCapsule_GetPointer
        get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
        module = _Module.from_address(get(capsule, b"falcoeks_fast.module"))
        assert module.rule_count == len(plan.rules)
        table = (ctypes.c_void_p * module.rule_count).from_address(module.rules)
        self.rules = [PREDICATE(address) for address in table]

    def _atom(self, context: object, atom: int) -> int:
        self.asked.append(atom)
        self.memo[atom] = self.context.epoch << 1 | self.truths[atom]
        return self.truths[atom]

    def _class(self, context: object, operand: int) -> int:
        self.class_epoch[operand] = self.context.epoch
        self.class_id[operand] = self.classes[operand]
        return self.classes[operand]

    def next_event(self, chance: random.Random) -> None:
        self.context.epoch += 1
        self.asked = []
        bias = chance.choice((0.1, 0.5, 0.9))
        self.truths = [int(chance.random() < bias) for _ in self.plan.atoms]
        self.classes = [chance.randrange(2 + len(operand.interned)) for operand in self.plan.operands]

    def run(self, rule: int) -> int:
        return self.rules[rule](ctypes.byref(self.context))


class Reference:
    """The meaning of a plan, in its own order of evaluation, for one event."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.plan = engine.plan
        self.asked: list[int] = []
        self.atoms: dict[int, int] = {}
        self.cells: dict[int, int] = {}

    def atom(self, number: int) -> int:
        atom = self.plan.atoms[number]
        if atom.op == AtomOp.CLASS:
            return int(self.engine.classes[atom.operand] in atom.classes)
        if number not in self.atoms:
            self.asked.append(number)
            self.atoms[number] = self.engine.truths[number]
        return self.atoms[number]

    def node(self, number: int) -> int:
        node = self.plan.nodes[number]
        if node.memo in self.cells:
            return self.cells[node.memo]
        match node.kind:
            case NodeKind.FALSE:
                value = 0
            case NodeKind.TRUE:
                value = 1
            case NodeKind.ATOM:
                value = self.atom(node.args[0])
            case NodeKind.NOT:
                value = 1 - self.node(node.args[0])
            case NodeKind.AND:
                value = int(all(self.node(arg) for arg in node.args))
            case NodeKind.OR:
                value = int(any(self.node(arg) for arg in node.args))
        if node.memo >= 0:
            self.cells[node.memo] = value
        return value


@pytest.fixture
def deep_recursion():
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    yield
    sys.setrecursionlimit(before)


@pytest.mark.usefixtures("deep_recursion")
def test_predicates_say_what_the_plan_says_and_ask_in_its_order(large):
    engine = Engine(large.plan, load_module(large.payload, large.plan.predicate_digest()))
    chance = random.Random(3)
    answers = set()
    for _ in range(60):
        engine.next_event(chance)
        reference = Reference(engine)
        order = list(range(len(large.plan.rules)))
        chance.shuffle(order)
        for rule in order:
            expected = reference.node(large.plan.rules[rule].root)
            assert engine.run(rule) == expected, f"rule {rule}"
            answers.add((rule, expected))
        assert engine.asked == reference.asked
    assert len(answers) > len(large.plan.rules) * 1.2, "nearly all rules are constant, so nothing was shown"


def test_a_cell_of_an_earlier_event_is_not_believed(large):
    engine = Engine(large.plan, load_module(large.payload, large.plan.predicate_digest()))
    chance = random.Random(5)
    engine.next_event(chance)
    engine.context.epoch = 2**31 - 2
    for cell in range(len(engine.memo)):
        engine.memo[cell] = (2**31 - 3) << 1 | 1
    engine.next_event(chance)
    reference = Reference(engine)
    for rule in range(100):
        assert engine.run(rule) == reference.node(large.plan.rules[rule].root)


def every_form(maker) -> Plan:
    few, word, words = maker.operand(4), maker.operand(62), maker.operand(63)
    many = maker.operand(2, is_list=True)
    one = maker.atom(Atom(AtomOp.CLASS, few, classes=(2,)))
    none = maker.atom(Atom(AtomOp.CLASS, few, classes=()))
    any_value = maker.atom(Atom(AtomOp.CLASS, few, classes=(1, 2, 3, 4, 5)))
    span = maker.atom(Atom(AtomOp.CLASS, few, classes=(2, 3, 4)))
    two = maker.atom(Atom(AtomOp.CLASS, few, classes=(2, 5)))
    immediate = maker.atom(Atom(AtomOp.CLASS, word, classes=(2, 7, 63)))
    table = maker.atom(Atom(AtomOp.CLASS, words, classes=(2, 7, 64)))
    same_table = maker.atom(Atom(AtomOp.CLASS, maker.operand(63), classes=(2, 7, 64)))
    of_list = maker.atom(Atom(AtomOp.LIST_ANY, many, classes=(2,)))
    asked = maker.atom(Atom(AtomOp.STARTSWITH, few, constants=(b"system:",)))
    shared = maker.node(NodeKind.OR, one, asked, shared=True)
    maker.rule(maker.node(NodeKind.AND, shared, maker.node(NodeKind.NOT, two), maker.node(NodeKind.OR, span, table)))
    maker.rule(maker.node(NodeKind.AND, maker.node(NodeKind.NOT, shared), none, any_value, immediate, same_table))
    maker.rule(maker.node(NodeKind.OR, *[of_list] * 30))
    maker.rule(maker.node(NodeKind.TRUE))
    maker.rule(maker.node(NodeKind.NOT, maker.node(NodeKind.OR, one, maker.node(NodeKind.FALSE))))
    maker.atom(Atom(AtomOp.REGEX, few, constants=(b"never asked",)))
    return maker.plan()


def test_source_is_that_of_the_golden_file(maker):
    """A change that is meant: write the source without its digest to the file and raise EMITTER_VERSION."""
    assert without_digest(emit(every_form(maker)).pyx) == (GOLDEN / "every_form.pyx").read_text()


HOSTILE = (
    b'"""',
    b"'''",
    b"*/",
    b"??/\n??'",
    b"\\",
    b"\\\n",
    b"\x00",
    b"\r\n\x0c#include <evil.h>\n",
    b"%s%n{0}{{}}",
    b'"); system("touch /tmp/owned"); ("',
    b"\xff\xfe\xed\xa0\x80",
    "\u202e\u2028".encode(),
    b"A" * 10_240,
)


def texts_as(name: bytes, constants: tuple[bytes, ...]) -> Plan:
    """A plan in which everything that a rule file can say is given."""
    slot = Slot(name, Reader.SCALAR, path=(name, *constants), key=name)
    operand = Operand(OperandKind.SLOT, ValueType.STRING, False, slot=0, literal=name, interned=constants)
    atoms = (
        Atom(AtomOp.CLASS, 0, classes=(2, 4, 6)),
        Atom(AtomOp.CONTAINS, 0, constants=constants),
        Atom(AtomOp.REGEX, 0, constants=constants[:1]),
    )
    nodes = (*(Node(NodeKind.ATOM, (number,)) for number in range(3)), Node(NodeKind.OR, (0, 1, 2)))
    rule = RulePlan(name, 4, name, constants, 3, (), ())
    return Plan((slot,), (operand,), atoms, nodes, (rule,))


def without_digest(source: str) -> str:
    cut, count = re.subn(r"\{0x[0-9a-f, x]+\}", "{}", source)
    assert count == 1
    return cut


def test_hostile_texts_leave_no_trace():
    harmless = emit(texts_as(b"name", tuple(b"%d" % number for number in range(len(HOSTILE)))))
    for name in HOSTILE:
        hostile = emit(texts_as(name, HOSTILE))
        assert without_digest(hostile.pyx) == without_digest(harmless.pyx)
        assert hostile.digest != harmless.digest


@given(st.binary(max_size=40), st.lists(st.binary(max_size=40), min_size=5, max_size=5, unique=True))
def test_no_text_leaves_a_trace(name, constants):
    harmless = emit(texts_as(b"name", tuple(b"%d" % number for number in range(5))))
    assert without_digest(emit(texts_as(name, tuple(constants))).pyx) == without_digest(harmless.pyx)


@settings(max_examples=30)
@given(st.integers(1, 400), st.sampled_from([NodeKind.AND, NodeKind.OR]), st.booleans(), st.integers(0, 40))
def test_no_function_is_large_or_deep(width, kind, negated, depth):
    atoms = tuple(Atom(AtomOp.CONTAINS, 0, constants=(b"%d" % number,)) for number in range(width))
    nodes = [Node(NodeKind.ATOM, (number,)) for number in range(width)]
    args = tuple(range(width))
    if negated:
        nodes += [Node(NodeKind.NOT, (number,)) for number in range(width)]
        args = tuple(range(width, 2 * width))
    for _ in range(depth):
        nodes.append(Node(kind, args))
        other = NodeKind.OR if kind == NodeKind.AND else NodeKind.AND
        nodes.append(Node(other, (len(nodes) - 1, 0)))
        args = (1 % width, len(nodes) - 1)
    nodes.append(Node(kind, args))
    operand = Operand(OperandKind.SLOT, ValueType.STRING, False, slot=0)
    rule = RulePlan(b"", 0, b"", (), len(nodes) - 1, (), ())
    plan = Plan((Slot(b"", Reader.SCALAR),), (operand,), atoms, tuple(nodes), (rule,))
    source = emit(plan).pyx
    functions = source.split("\ncdef uint32_t ")[1:]
    assert functions
    for function in functions:
        body = function.split("return ", 1)[1].split("\n\n")[0]
        assert body.count("(c)") <= 24
        level = deepest = 0
        for letter in body:
            level += (letter == "(") - (letter == ")")
            deepest = max(deepest, level)
        assert deepest <= 12
    for number in range(width):
        assert f"atom_{number}(c)" in source


def test_a_plan_without_rules_has_a_module():
    assert emit(Plan()).rule_count == 0


@pytest.mark.parametrize(
    "plan",
    [
        Plan(nodes=(Node(NodeKind.ATOM, (0,)),)),
        Plan(nodes=(Node(NodeKind.NOT, (0,)),)),
        Plan(nodes=(Node(NodeKind.TRUE), Node(NodeKind.AND, (0, 1)))),
        Plan(nodes=(Node(NodeKind.TRUE), Node(NodeKind.AND, (-1,)))),
        Plan(nodes=(Node(NodeKind.TRUE), Node(NodeKind.NOT, (0, 0)))),
        Plan(nodes=(Node(NodeKind.TRUE, memo=0),)),
        Plan(nodes=(Node(NodeKind.TRUE, memo=0), Node(NodeKind.TRUE, memo=0)), memo_cells=1),
        Plan(rules=(RulePlan(b"", 0, b"", (), 0, (), ()),)),
    ],
)
def test_a_plan_that_refers_to_nothing_is_refused(plan):
    with pytest.raises(EmitError):
        emit(plan)
