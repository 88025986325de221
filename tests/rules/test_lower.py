"""Types, constants and transformers at load time, and what they become in the plan."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from falcoeks_fast.rules.fields.lookup import Fields
from falcoeks_fast.rules.language.errors import ConditionError, LanguageError
from falcoeks_fast.rules.language.expand import resolve_macros
from falcoeks_fast.rules.language.parser import parse_condition
from falcoeks_fast.rules.lowering.lower import Lowering
from falcoeks_fast.rules.lowering.output import ExtraField
from falcoeks_fast.rules.lowering.template import parse_template
from falcoeks_fast.rules.optimiser.optimise import optimise
from falcoeks_fast.rules.plan import AtomOp, Modifier, NodeKind, OperandKind, Plan, Transform, ValueType

from .plan_model import PlanModel, show

GOLDEN = Path(__file__).parent / "golden_language" / "errors.txt"


def lowered(condition: str, **macros: str) -> Plan:
    lowering = Lowering(Fields())
    add(lowering, condition, **macros)
    return lowering.plan()


def add(lowering: Lowering, condition: str, **macros: str) -> None:
    trees = {name: parse_condition(text.encode()) for name, text in macros.items()}
    expr = resolve_macros(parse_condition(condition.encode()), lambda name, inside: trees.get(name))
    lowering.add_rule("r", 4, "k8s_audit", (), expr, b"%ka.verb")


def text_of(condition: str) -> str:
    return show(lowered(condition)).removeprefix("r: ").rstrip("\n")


@pytest.mark.parametrize(
    ("condition", "plan"),
    [
        ("ka.verb exists", "ka.verb exists"),
        ("ka.verb = x", "ka.verb class {x}"),
        ("ka.verb != x", "ka.verb class {*}"),
        ("ka.verb in (b, a, b)", "ka.verb class {a, b}"),
        ("ka.verb intersects (a, b)", "ka.verb class {a, b}"),
        ("ka.verb in ()", "false"),
        ("ka.user.groups in (a)", "ka.user.groups list_all {a}"),
        ("ka.user.groups intersects (a)", "ka.user.groups list_any {a}"),
        ("ka.user.groups in ()", "false"),
        ("ka.user.groups intersects ()", "false"),
        ("getopt(ka.user.groups, 'a') in ()", "getopt(ka.user.groups, 'a') list_all {}"),
        ("ka.verb = anyof (a, b)", "ka.verb class {a, b}"),
        ("ka.verb = allof (a, a)", "ka.verb class {a}"),
        ("ka.verb = allof (a, b)", "false"),
        ("ka.verb = oneof (a, b, a)", "ka.verb class {b}"),
        ("ka.verb != anyof (a, b)", "ka.verb exists"),
        ("ka.verb != anyof (a, a)", "ka.verb class {*}"),
        ("ka.verb != allof (a, b)", "ka.verb class {*}"),
        ("ka.verb != oneof (a, b)", "ka.verb class {a, b}"),
        ("ka.verb != oneof (a)", "ka.verb class {*}"),
        ("ka.verb != allof ()", "false"),
        ("ka.verb contains anyof ()", "false"),
        ("ka.verb contains ''", "ka.verb exists"),
        ("ka.verb contains oneof (a, a)", "ka.verb contains oneof [b'a', b'a']"),
        ("ka.verb contains oneof (a)", "ka.verb contains [b'a']"),
        ("ka.verb regex get", "ka.verb class {get}"),
        ("ka.verb regex 'g.t'", "ka.verb regex [b'g.t']"),
        ("ka.response.code > 3", "ka.response.code gt [b'3']"),
        ("ka.verb pmatch (/b, a, /b)", "ka.verb pmatch [b'/b', b'a']"),
        ("evt.num = +1", "evt.num eq [1]"),
        ("evt.num = ' 01'", "evt.num eq [1]"),
        ("evt.num > -1", f"evt.num gt [{2**64 - 1}]"),
        ("evt.num = 99999999999999999999", f"evt.num eq [{2**64 - 1}]"),
        ("evt.num = -99999999999999999999", f"evt.num eq [{2**64 - 1}]"),
        ("evt.num = 00000000000000000000000007", "evt.num eq [7]"),
        ("evt.num in (3, 1, 3)", "evt.num in [1, 3]"),
        ("evt.num intersects (3)", "evt.num in [3]"),
        ("evt.num = oneof (1, 2)", "evt.num eq oneof [1, 2]"),
        ("evt.is_async != true", "evt.is_async ne [1]"),
        ("len(ka.user.groups) = 2", "len(ka.user.groups):uint64 eq [2]"),
        ("ka.verb = val(ka.uri)", "ka.verb eq ka.uri"),
        ("ka.verb intersects val(ka.uri)", "ka.verb in ka.uri"),
        ("ka.user.groups intersects val(ka.user.groups)", "ka.user.groups intersects ka.user.groups"),
        ("evt.num >= len(ka.verb)", "evt.num ge len(ka.verb):uint64"),
        ("join('-', (ka.verb, \"x\", 5)) = x", "join('-', (ka.verb, 'x', '5')) class {x}"),
        ("concat(len(ka.verb), 'x') = 1x", "concat(len(ka.verb):uint64, 'x') class {1x}"),
        ("not (ka.verb in () or ka.uri exists)", "not (false or ka.uri exists)"),
    ],
)
def test_checks_in_the_plan(condition: str, plan: str) -> None:
    assert text_of(condition) == plan


@pytest.mark.parametrize(
    ("condition", "cut"),
    [
        ("b64(ka.verb) = a", True),
        ("b64(ka.verb) != a", True),
        ("b64(ka.verb) > 5", True),
        ("tolower(b64(ka.verb)) contains a", True),
        ("b64(ka.verb) glob a", True),
        ("len(b64(ka.verb)) = 1", True),
        ("b64(ka.verb) = oneof (a)", True),
        ("b64(ka.verb) != anyof (a)", True),
        ("b64(ka.verb) = val(ka.uri)", True),
        ("b64(ka.verb) in (a)", False),
        ("b64(ka.verb) regex a.c", False),
        ("b64(ka.verb) regex abc", False),
        ("b64(ka.verb) pmatch (a)", False),
        ("b64(ka.verb) = anyof (a)", False),
        ("b64(ka.verb) != allof (a)", False),
        ("b64(ka.user.groups) in (a)", False),
        ("b64(ka.verb) in val(ka.uri)", False),
        ("tolower(ka.verb) = a", False),
        ("len(b64(ka.user.groups)) = 1", False),
    ],
)
def test_the_part_before_a_nul(condition: str, cut: bool) -> None:
    plan = lowered(condition)
    assert any(o.transform is Transform.CSTRING for o in plan.operands) == cut


def test_texts_are_cut_at_a_nul_when_shown() -> None:
    lowering = Lowering(Fields())
    lowering.add_rule("r", 4, "k8s_audit", (), parse_condition(b"ka.verb exists"), b"%b64(ka.verb)|%ka.verb")
    plan = lowering.plan()
    shown = [plan.operands[s.operand].transform for s in plan.rules[0].output if s.operand >= 0]
    assert shown == [Transform.CSTRING, Transform.NONE]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("ka.verb = get", "ka.verb == 'get'"),
        ("ka.verb in (a, b)", "ka.verb in (b, a, b)"),
        ("ka.target.name exists", "ka.req.configmap.name exists"),
        ("json.value[/a] exists", "jevt.value[a] exists"),
        ("tolower(ka.verb) = x", "tolower( ka.verb ) = x"),
    ],
)
def test_equal_checks_are_one(first: str, second: str) -> None:
    lowering = Lowering(Fields())
    add(lowering, first)
    add(lowering, second)
    plan = lowering.plan()
    assert len(plan.atoms) == 1
    assert plan.rules[0].root == plan.rules[1].root


def test_a_plan_of_some_of_the_rules() -> None:
    lowering = Lowering(Fields())
    for i in range(4):
        expr = parse_condition(f"ka.verb = v{i}".encode())
        assert lowering.add_rule(f"r{i}", i, "k8s_audit", ("b", "a", "b"), expr, b"x").number == i
    plan = optimise(lowering.plan([3, 1]))
    assert [rule.name for rule in plan.rules] == [b"r3", b"r1"]
    assert plan.rules[0].tags == (b"a", b"b")
    assert [o.interned for o in plan.operands if o.interned] == [(b"v1", b"v3")]


def test_a_rule_that_fails_leaves_no_rule() -> None:
    lowering = Lowering(Fields())
    with pytest.raises(ConditionError):
        add(lowering, "ka.verb = x and ka.nope = y")
    assert lowering.plan().rules == ()
    add(lowering, "ka.verb = x")
    plan = optimise(lowering.plan())
    assert (len(plan.rules), len(plan.atoms)) == (1, 1)


def test_errors_in_a_macro_name_it() -> None:
    with pytest.raises(ConditionError) as caught:
        lowered("ka.verb = x and m", m="ka.uri exists or n", n="ka.verb = a or ka.nope = b")
    assert (caught.value.macro, caught.value.offset, caught.value.unknown_field) == ("n", 15, True)
    with pytest.raises(ConditionError) as caught:
        lowered("m and ka.nope exists", m="ka.uri exists")
    assert (caught.value.macro, caught.value.offset) == (None, 6)


def test_an_open_macro_is_an_error() -> None:
    with pytest.raises(ConditionError, match="Undefined macro 'm'"):
        Lowering(Fields()).check_condition(parse_condition(b"m"))


REJECTED = [
    "ka.user.groups = x",
    "ka.user.groups != anyof (x)",
    "ka.user.groups contains x",
    "ka.user.groups > 5",
    "ka.req.pod.containers.image[0] = x",
    "evt.num contains 1",
    "evt.is_async > 1",
    "evt.is_async = 0",
    "evt.is_async in (true, yes)",
    "ka.verb bcontains x",
    "ka.verb bstartswith x",
    "evt.num = 0x10",
    "evt.num = 1.5",
    "evt.num = ''",
    "evt.num = '1 '",
    "evt.num in (1, x)",
    "evt.rawtime = 1s",
    "ka.verb = " + "x" * 256,
    "ka.verb regex " + "x" * 256,
    "ka.verb in (a, " + "é" * 128 + ")",
    r"ka.verb regex '\\d+'",
    "ka.verb regex '(?i)x'",
    "ka.verb regex 'a{1001}'",
    "ka.verb regex '('",
    r"ka.verb regex '\\Qx'",
    "ka.verb regex anyof (a, '[')",
    "ka.verb = val(ka.user.groups)",
    "ka.user.name in val(ka.user.groups)",
    "ka.user.groups in val(ka.verb)",
    "evt.num = val(evt.rawtime)",
    "evt.rawtime = val(evt.reltime)",
    "ka.verb regex val(ka.uri)",
    "ka.verb pmatch val(ka.uri)",
    "ka.verb = len(ka.uri)",
    "tolower(len(ka.verb)) = x",
    "tolower(evt.num) = x",
    "len(evt.num) = 1",
    "b64(evt.is_async) exists",
    "tolower(ka.verb, ka.uri) = x",
    "len(ka.verb, 'x') = 1",
    "tolower(ka.verb)[1] = x",
    "join(',') = x",
    "join(',', ka.verb) = x",
    "join(ka.user.groups, ka.user.groups) = x",
    "join(',', ka.user.groups, 'x') = x",
    "concat(ka.verb) = x",
    "concat(ka.verb, ka.user.groups) = x",
    "concat(ka.verb, evt.num) = x",
    "concat(len(ka.user.groups), 'x') = x",
    "concat('x', len(tolower(ka.user.groups))) = x",
    "concat(len(('x', 'y')), 'x') = x",
    "getopt(ka.user.groups) exists",
    "getopt(ka.verb, 'a') exists",
    "getopt(ka.user.groups, ka.user.groups) exists",
    "getopt(ka.user.groups, 'a')[ab] exists",
    "getopt(ka.user.groups, 'a')[''] exists",
    "getopt(ka.user.groups, 'a')[é] exists",
    "getopt(ka.user.groups, 'a') = x",
    "ka.verbs exists",
    "ka.user.nme = x",
    "proc.name = x",
    "evt.type = open",
    "ka.verb[1] = x",
    "ka.uri.param = x",
    "ka.uri.param[x] and y",
    "tolower(ka.vreb) = x",
    "ka.verb = tolower(ka.vreb)",
    "ka.verb = x and (ka.uri = y or ka.useragnt = z)",
    "ka.verb = x or",
    "ka.verb = x && ka.uri = y",
    'ka.verb = "x',
    "ka.verb in (get, list",
    "(ka.verb = x",
    "ka.verb = x)",
    "ka.verb is x",
    r"ka.verb regex '\d'",
]
REJECTED_TEMPLATES = [
    "%",
    "a %",
    "%12",
    "100% sure",
    "50%%",
    "%ka.nope",
    "%ka.vreb x",
    "%proc.name",
    "%val(ka.verb)",
    "%tolower (ka.verb)",
    "%tolower(ka.vreb)",
    "%tolower(ka.verb",
    "%join(',',ka.verb)",
    "%-10ka.verb",
    "%999999ka.verb",
    "%json.value",
    "%uri.param",
]


def test_messages_of_rejected_texts() -> None:
    """UPDATE_GOLDEN=1 writes the file anew."""
    written = ""
    for text in REJECTED:
        with pytest.raises(LanguageError) as caught:
            lowered(text)
        written += _entry("condition", text, caught.value)
    for text in REJECTED_TEMPLATES:
        with pytest.raises(LanguageError) as caught:
            parse_template(text.encode(), Fields())
        written += _entry("output", text, caught.value)
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(written)
    assert GOLDEN.read_text() == written


def _entry(kind: str, text: str, error: LanguageError) -> str:
    shown = text if len(text) <= 80 else text[:77] + "..."
    mark = " " * len(text.encode()[: error.offset].decode()) + "^" * max(1, min(error.end, 80) - error.offset)
    flag = " (may be skipped)" if error.unknown_field else ""
    return f"{kind}:\n  {shown}\n  {mark}\n  {error.message}{flag}\n\n"


def test_types_of_operands() -> None:
    plan = lowered("len(getopt(ka.user.groups, 'a')) = 1 and evt.rawtime > 5 and evt.is_async = true")
    kinds = {(o.kind, o.type, o.is_list) for o in plan.operands}
    assert (OperandKind.TRANSFORM, ValueType.UINT64, False) in kinds
    assert (OperandKind.TRANSFORM, ValueType.STRING, True) in kinds
    assert (OperandKind.SLOT, ValueType.ABSTIME, False) in kinds
    assert (OperandKind.SLOT, ValueType.BOOL, False) in kinds


def test_modifiers_of_numbers() -> None:
    plan = lowered("evt.num != allof (1, 2) or evt.num = anyof (3)")
    assert [(a.op, a.modifier, a.numbers) for a in plan.atoms] == [
        (AtomOp.NE, Modifier.ALLOF, (1, 2)),
        (AtomOp.EQ, Modifier.NONE, (3,)),
    ]


def test_output_fields_of_a_rule() -> None:
    lowering = Lowering(Fields(), iso8601=True)
    extra = [
        ExtraField(b"ka.user.groups"),
        ExtraField(b"f1", b"x-%ka.verb"),
        ExtraField(b"ka.user.name", b"over"),
        ExtraField(b"tolower(ka.uri)"),
        ExtraField(b"ka.verbx"),
        ExtraField(b'ka.uri.param["x"]'),
    ]
    expr = parse_condition(b"ka.verb exists")
    lowering.add_rule("r", 4, "k8s_audit", (), expr, b"%ka.user.name %tolower(ka.verb) %ka.uri.param['a b']", extra)
    fields = {f.key.decode(): f for f in lowering.plan().rules[0].output_fields}
    assert (
        list(fields)
        == sorted(fields)
        == [
            "evt.time.iso8601",
            "f1",
            'ka.uri.param["a b"]',
            'ka.uri.param["x"]',
            "ka.user.groups",
            "ka.user.name",
            "ka.verb",
            "ka.verbx",
            "tolower(ka.uri)",
        ]
    )
    assert [key for key, f in fields.items() if f.null] == ['ka.uri.param["x"]', "ka.verbx", "tolower(ka.uri)"]
    assert [key for key, f in fields.items() if f.template] == ["f1", "ka.user.name"]


@pytest.mark.parametrize(
    "extra", [ExtraField(b"f", b""), ExtraField(b"ka.nope"), ExtraField(b"%ka.verb"), ExtraField(b"")]
)
def test_wrong_extra_fields(extra: ExtraField) -> None:
    with pytest.raises(LanguageError):
        Lowering(Fields()).add_rule("r", 4, "k8s_audit", (), parse_condition(b"ka.verb exists"), b"x", [extra])


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ("ka.verb = get and not ka.target.name exists", True),
        ("ka.target.name != x", False),
        ("not ka.target.name = x", True),
        ("ka.user.groups in (dev)", False),
        ('ka.user.groups in (dev, "system:authenticated", zz)', True),
        ("ka.user.groups intersects (dev, zz)", True),
        ("tolower(ka.user.name) in (alice)", True),
        ("ka.user.groups in val(ka.user.groups)", True),
        ("len(ka.user.groups) = 2 and len(ka.user.name) >= 5", True),
        ('join(",", ka.user.groups) = "system:authenticated,dev"', True),
        ('concat(ka.verb, "-", ka.user.name) = get-Alice', True),
        ('join("-", (ka.verb, ka.user.name, "x")) = get-Alice-x', True),
        ('basename(ka.uri) startswith "a?"', True),
        ('ka.user.name iglob "al*" and ka.user.name regex "[A-Z][a-z]+"', True),
        ('ka.uri pmatch ("/a?x=*")', True),
        ("ka.uri.param[x] = 1", True),
        ("ka.verb = get or(ka.verb = list)", True),
        ("tolower(ka.user.groups) in (dev, system:authenticated)", True),
        ("ka.user.name in tolower(ka.user.name)", False),
        ("ka.verb in tolower(ka.verb)", True),
        ('join(tolower("X"), ka.user.groups) = "system:authenticatedxdev"', True),
        ("len(getopt(('-n', '-tv', 'x'), 'nt:')) = 3", True),
        ("getopt(('-n','-tv','x','-z'), 'nt:')[t] = v", True),
        ("getopt(('x'), 'nt:') exists and getopt(('x'), 'nt:') in (q)", True),
        ("getopt(('x'), 'nt:') intersects (q)", False),
        ("len(()) = 0", True),
        ("len(ka.impuser.name) = 0", False),
        ("tolower('ABC') = abc", True),
        ("concat(ka.verb, '') = val(ka.verb)", True),
    ],
)
def test_the_specifications_examples(condition: str, wanted: bool) -> None:
    event = (
        b'{"kind":"Event","auditID":"x","stageTimestamp":"2026-01-02T03:04:05Z","verb":"get","requestURI":"/a?x=1",'
        b'"user":{"username":"Alice","groups":["system:authenticated","dev"]}}'
    )
    plan = lowered(condition)
    assert PlanModel(plan).fires(event) == [wanted]
    assert PlanModel(optimise(plan)).fires(event) == [wanted]


def test_deep_conditions_lower() -> None:
    deep = "(ka.verb = a and (ka.uri = b or " * 490 + "ka.verb = c" + "))" * 490
    plan = optimise(lowered(deep))
    assert plan.nodes[plan.rules[0].root].kind is NodeKind.AND
