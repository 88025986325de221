"""The table of fields against the specification's list, and the rules of arguments."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from falcoeks_fast.rules.fields.lookup import ALL_FIXES, Argument, FieldClass, Fields
from falcoeks_fast.rules.language.errors import ConditionError
from falcoeks_fast.rules.plan import Reader

SPEC = Path(__file__).resolve().parents[3] / "shared" / "spec" / "fields.csv"


def test_the_table_is_the_specification() -> None:
    if not SPEC.is_file():
        pytest.skip(f"no specification at {SPEC}")
    rows = list(csv.DictReader(SPEC.open()))
    fields = Fields()
    ours = {f.name for f in fields if f.group not in (FieldClass.OWN, FieldClass.STATIC)}
    assert ours == {row["name"] for row in rows}
    kinds = {"none": Argument.NONE, "index;n": Argument.INDEX, "key;y": Argument.KEY}
    for row in rows:
        field = fields.get(row["name"])
        assert field is not None
        assert field.argument is kinds[row["arg"]], field.name
        assert field.is_list == (row["is_list"] == "y"), field.name
        assert field.type.name.lower() == row["type"], field.name


def test_every_field_says_what_it_is() -> None:
    for field in Fields(("all",), {"env": "prod"}):
        assert field.doc.endswith((".", ")")), field.name
        assert field.json_path, field.name
        assert all(part.isprintable() for part in (field.doc, field.json_path))


def test_listing_is_by_class() -> None:
    counts = {group: len(fields) for group, fields in Fields().listing().items()}
    assert counts[FieldClass.AUDIT] == 100
    assert counts[FieldClass.JSON] == 6
    assert counts[FieldClass.EVT] == 18


@pytest.mark.parametrize(
    ("text", "path", "index", "key"),
    [
        ("ka.verb", ("verb",), -1, ""),
        ("ka.uri.param[x]", ("requestURI",), -1, "x"),
        ("ka.uri.param['x y]']", ("requestURI",), -1, "x y]"),
        ('ka.uri.param[""]', ("requestURI",), -1, ""),
        ("ka.req.pod.containers.image[7]", ("requestObject", "spec", "containers", "image"), 7, ""),
        ("json.value[/a~1b/~0c/01]", ("a/b", "~c", "01"), -1, ""),
        ("json.value[user/username]", ("user", "username"), -1, ""),
        ('json.value[""]', (), -1, ""),
        ("json.value[/]", ("",), -1, ""),
        ("jevt.value[/a/]", ("a", ""), -1, ""),
        ("json.value[~01]", ("~1",), -1, ""),
        ("ka.req.pod.containers.name[18446744073709551614]", None, 2**63 - 1, ""),
        ("ka.req.pod.containers.name[18446744073709551615]", None, -1, ""),
        ("ka.req.container.image", ("requestObject", "spec", "containers", "image"), 0, ""),
    ],
)
def test_slots(text: str, path: tuple[str, ...] | None, index: int, key: str) -> None:
    slot = Fields().lookup(text)
    if path is not None:
        assert tuple(part.decode() for part in slot.path) == path
    assert (slot.index, slot.key.decode()) == (index, key)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ka.uri.param[x]", "ka.uri.param[x]"),
        ('ka.uri.param["x"]', "ka.uri.param[x]"),
        ('ka.uri.param["a=b"]', 'ka.uri.param["a=b"]'),
        ("json.value['q\"']", 'json.value["q\\""]'),
        ("json.value[a\\b]", 'json.value["a\\\\b"]'),
    ],
)
def test_names_as_output_fields_spells_them(text: str, name: str) -> None:
    assert Fields().lookup(text).name.decode() == name


@pytest.mark.parametrize(
    ("text", "message", "unknown"),
    [
        ("ka.verbs", "nonexistent field ka.verbs; did you mean ka.verb?", True),
        ("ka.user.nmae", "did you mean ka.user.name?", True),
        ("KA.verb", "did you mean ka.verb?", True),
        ("evt.type", "nonexistent field evt.type", True),
        ("proc.name", "fields of other event sources", True),
        ("evt.num[1]", "nonexistent field evt.num[1]", True),
        ("verb", "nonexistent field verb", True),
        ("ka.verb ", "nonexistent field", True),
        ("ka.verb[1]", "does not allow nor require an argument", False),
        ("ka.uri.param", "requires an argument", False),
        ("ka.req.pod.containers.image[01]", "not composed only by digits", False),
        ("ka.req.pod.containers.image[-1]", "not composed only by digits", False),
        ("ka.req.pod.containers.image[a]", "not composed only by digits", False),
        ("ka.req.pod.containers.image[18446744073709551616]", "not composed only by digits", False),
        ('ka.req.volume.hostpath[""]', "crashes Falco", False),
        ("ka.req.pod.ephemeralContainers.host_port", "nonexistent field", True),
        ("falcoeks.source.in", "requires an argument", False),
        ("falcoeks.source.in[10.0.0.1/8]", "is no list of networks such as 10.0.0.0/8,192.0.2.7", False),
        ("falcoeks.source.in[10.0.0.0/8,]", "is no list of networks", False),
        ("falcoeks.workload.hostpath.reaches[etc]", "is no list of directories", False),
        ("falcoeks.dryrun[x]", "takes no argument", True),
    ],
)
def test_what_is_no_field(text: str, message: str, unknown: bool) -> None:
    with pytest.raises(ConditionError) as caught:
        Fields().lookup(text)
    assert message in caught.value.message
    assert caught.value.unknown_field is unknown
    assert not Fields().is_field(text.encode())


def test_static_fields() -> None:
    fields = Fields((), {"env": "prod"})
    slot = fields.lookup("static.env")
    assert (slot.reader, slot.key) == (Reader.STATIC, b"prod")
    assert fields.suggested() == ["static.env"]
    assert not Fields().is_field(b"static.env")


@pytest.mark.parametrize(
    ("text", "path", "key"),
    [
        ("falcoeks.object[/spec/a~1b]", ("requestObject", "spec", "a/b"), b""),
        ("falcoeks.source.in[10.0.0.0/8]", ("sourceIPs",), b"\0" * 10 + b"\xff\xff\x0a\0\0\0" + bytes([104])),
        ("falcoeks.source.in[::1,192.0.2.7]", ("sourceIPs",), None),
        ("falcoeks.workload.hostpath.reaches[/etc/,//var/./log]", None, b"/etc,/var/log"),
        ("falcoeks.workload.hostpath.reaches[/]", None, b"/"),
    ],
)
def test_slots_of_our_own(text: str, path: tuple[str, ...] | None, key: bytes | None) -> None:
    slot = Fields().lookup(text)
    if path is not None:
        assert tuple(part.decode() for part in slot.path) == path
    if key is None:
        assert len(slot.key) == 2 * 17
    else:
        assert slot.key == key


def test_all_fields_of_our_own_have_our_name() -> None:
    for field in Fields().listing()[FieldClass.OWN]:
        assert field.name.startswith("falcoeks.")


def test_fixes_change_just_their_fields() -> None:
    plain, fixed = Fields(), Fields(("all",))
    changed = {f.name for f in plain if fixed.get(f.name) != f}
    assert changed == {
        "ka.sourceips",
        "ka.uri.param",
        "ka.req.container.image.repository",
        *(
            f"ka.req.pod.{key}.{suffix}"
            for key in ("containers", "initContainers", "ephemeralContainers")
            for suffix in ("image.repository", "add_capabilities", "eff_run_as_user", "eff_run_as_group")
        ),
    }
    assert Fields(("ka.sourceips",)).lookup("ka.sourceips[1]").path == (b"sourceIPs",)
    assert Fields(("uri.param",)).lookup("ka.uri.param[x]").key == b"x"
    assert {"ka.sourceips", "eff_run_as", "add_capabilities", "image.repository", "uri.param"} == ALL_FIXES
    with pytest.raises(ValueError, match="unknown field fix 'sourceips'"):
        Fields(("sourceips",))


def test_a_hostile_name_gets_no_slow_suggestion() -> None:
    with pytest.raises(ConditionError):
        Fields().lookup("ka." + "a." * 100_000 + "b")
