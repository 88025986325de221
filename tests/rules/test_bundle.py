"""A bundle is used only if it is whole, from a trustworthy place or of a named digest, and of the given rules."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import platform

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcoeks_fast.rules.code.build import BuildImpossible
from falcoeks_fast.rules.code.bundle import BundleError, compile_bundle, load_bundle, pack, parse_reference, unpack
from falcoeks_fast.rules.code.module import load_module

PAYLOAD = bytes(range(256)) * 3
CONTENT = pack(b"\x01" * 32, PAYLOAD)


def refusal(reference, plan, digest=None) -> str:
    with pytest.raises(BundleError) as caught:
        load_bundle(reference, plan, digest)
    return str(caught.value)


@pytest.fixture
def bundle(small, tmp_path):
    path = tmp_path / "rules.bundle"
    path.write_bytes(pack(small.plan.predicate_digest(), small.payload))
    return path


def with_header(content: bytes, **changes: object) -> bytes:
    """The same bundle, saying something else of itself."""
    found = unpack(content)
    header = dataclasses.asdict(found.header) | changes
    text = json.dumps({name: value for name, value in header.items() if value is not None}).encode()
    magic, _, _ = content.partition(b"\n")
    return magic + b"\n" + len(text).to_bytes(8, "little") + text + found.payload


def test_a_bundle_holds_what_was_packed():
    found = unpack(CONTENT)
    assert found.payload == PAYLOAD
    assert found.header.plan == "01" * 32
    assert found.header.created_by.startswith("falcoeks-fast ")
    assert found.why_unfit(b"\x01" * 32) == ""


def test_compiling_writes_a_bundle_that_loads(small, tmp_path):
    out = tmp_path / "rules.bundle"
    out.write_bytes(b"an older one")
    stages: list[str] = []
    written = compile_bundle(small.plan, out, progress=stages.append)
    content = out.read_bytes()
    assert stages == ["cython", "c"]
    assert (written.path, written.size_bytes) == (out, len(content))
    assert written.sha256 == hashlib.sha256(content).hexdigest()
    assert os.listdir(tmp_path) == ["rules.bundle"]
    assert load_bundle(out, small.plan) is load_module(small.payload, small.plan.predicate_digest())


def test_a_bundle_that_cannot_be_written_is_told_and_leaves_nothing(small, tmp_path, monkeypatch):
    monkeypatch.setattr("falcoeks_fast.rules.code.bundle.build", lambda *_, **__: small.payload)
    with pytest.raises(BundleError, match=r"cannot write the bundle .*No such file"):
        compile_bundle(small.plan, tmp_path / "none" / "rules.bundle")
    (tmp_path / "folder").mkdir()
    with pytest.raises(BundleError, match=r"cannot write the bundle .*directory"):
        compile_bundle(small.plan, tmp_path / "folder")
    assert os.listdir(tmp_path) == ["folder"]


def test_a_failed_compile_leaves_the_older_bundle(small, tmp_path, monkeypatch):
    (tmp_path / "rules.bundle").write_bytes(b"an older one")

    def fail(*_, **__):
        raise BuildImpossible("no compiler")

    monkeypatch.setattr("falcoeks_fast.rules.code.bundle.build", fail)
    with pytest.raises(BuildImpossible):
        compile_bundle(small.plan, tmp_path / "rules.bundle")
    assert (tmp_path / "rules.bundle").read_bytes() == b"an older one"


@given(st.integers(0, len(CONTENT) - 1), st.integers(1, 255))
def test_a_changed_byte_never_gives_other_code(place, change):
    damaged = bytearray(CONTENT)
    damaged[place] ^= change
    try:
        found = unpack(bytes(damaged))
    except BundleError:
        return
    assert found.payload == PAYLOAD


@given(st.integers(0, len(CONTENT) - 1))
def test_a_bundle_cut_short_is_refused(length):
    with pytest.raises(BundleError):
        unpack(CONTENT[:length])


@given(st.binary(max_size=200))
def test_any_bytes_behind_the_magic_are_refused(rest):
    with pytest.raises(BundleError):
        unpack(CONTENT[: CONTENT.index(b"\n") + 1] + rest)


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b"1", b"null", b'"x"', b"[" * 60_000, b"\xff", b'{"plan": 1}', b"{" * 60_000]
)
def test_a_strange_header_is_refused(text):
    with pytest.raises(BundleError, match="header"):
        unpack(CONTENT[: CONTENT.index(b"\n") + 1] + len(text).to_bytes(8, "little") + text)


@pytest.mark.parametrize(
    "changes",
    [
        {"payload_bytes": "768"},
        {"abi": True},
        {"plan": None},
        {"machine": 5},
        {"created_by": ["x"]},
        {"created_by": "a\x1b[2J"},
    ],
)
def test_a_header_of_wrong_types_is_refused(changes):
    with pytest.raises(BundleError, match="header is damaged"):
        unpack(with_header(CONTENT, **changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"plan": "02" * 32}, "other rules"),
        ({"abi": 99}, "for ABI 99"),
        ({"soabi": "cpython-399-x86_64-linux-gnu"}, "made for cpython-399-x86_64-linux-gnu"),
        ({"machine": "pdp11"}, f"on pdp11, this is .* on {platform.machine()}"),
    ],
)
def test_a_bundle_for_something_else_is_refused_with_the_way_out(bundle, small, changes, said):
    bundle.write_bytes(with_header(bundle.read_bytes(), **changes))
    with pytest.raises(BundleError, match=said):
        load_bundle(bundle, small.plan)
    assert f"compile it again with: falcoeks-fast compile -r RULES -o {bundle}" in refusal(bundle, small.plan)


def test_a_bundle_of_other_rules_is_refused_even_if_it_lies(bundle, small, other):
    lying = with_header(bundle.read_bytes(), plan=other.plan.predicate_digest().hex())
    bundle.write_bytes(lying)
    assert "another plan" in refusal(bundle, other.plan)
    assert "other rules" in refusal(bundle, small.plan)


def test_a_missing_bundle_is_told(small, tmp_path):
    assert f"the bundle {tmp_path / 'none'} is not used: there is no such file" in refusal(
        tmp_path / "none", small.plan
    )


def test_a_bundle_that_others_can_write_needs_its_digest(bundle, small):
    digest = hashlib.sha256(bundle.read_bytes()).hexdigest()
    bundle.chmod(0o666)
    said = refusal(bundle, small.plan)
    assert "writable by other users" in said
    assert f"{bundle}@sha256:HEX" in said
    assert load_bundle(f"{bundle}@sha256:{digest}", small.plan)
    assert load_bundle(f"{bundle}@sha256:{digest.upper()}", small.plan)
    assert load_bundle(bundle, small.plan, digest)
    bundle.parent.chmod(0o777)
    bundle.chmod(0o600)
    assert "could replace what is in it" in refusal(bundle, small.plan)
    assert load_bundle(bundle, small.plan, digest)


def test_a_bundle_behind_a_link_needs_its_digest(bundle, small, tmp_path):
    digest = hashlib.sha256(bundle.read_bytes()).hexdigest()
    (tmp_path / "link").symlink_to(bundle)
    assert "it is a link" in refusal(tmp_path / "link", small.plan)
    assert load_bundle(f"{tmp_path / 'link'}@sha256:{digest}", small.plan)


def test_a_wrong_digest_is_told_with_the_right_one(bundle, small):
    digest = hashlib.sha256(bundle.read_bytes()).hexdigest()
    assert f"its digest is sha256:{digest}" in refusal(f"{bundle}@sha256:{'0' * 64}", small.plan)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_bundle_of_somebody_else_is_refused(bundle, small):
    os.chown(bundle, 54_321, -1)
    assert "belongs to user 54321" in refusal(bundle, small.plan)


@pytest.mark.parametrize(
    ("reference", "path", "digest"),
    [
        ("a/b", "a/b", None),
        ("a@sha256:" + "Ab" * 32, "a", "ab" * 32),
        ("a@sha256:" + "ab" * 31, "a@sha256:" + "ab" * 31, None),
        ("a@b@sha256:" + "ab" * 32, "a@b", "ab" * 32),
        ("@sha256:" + "ab" * 32, "@sha256:" + "ab" * 32, None),
    ],
)
def test_references(reference, path, digest):
    found, named = parse_reference(reference)
    assert (str(found), named) == (path, digest)
