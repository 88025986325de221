"""Code is loaded once, from memory that nobody can change, and only if it holds the rules that it should hold."""

from __future__ import annotations

import errno
import os

import pytest

from falcoeks_fast.rules.code.module import LoadError, load_module, loaded_modules


def test_the_same_bytes_are_loaded_once(small, other):
    digest = small.plan.predicate_digest()
    capsule = load_module(small.payload, digest)
    count = loaded_modules()
    assert load_module(bytes(small.payload), digest) is capsule
    assert loaded_modules() == count
    assert load_module(other.payload, other.plan.predicate_digest()) is not capsule


def test_two_modules_in_a_row_are_not_mistaken_for_each_other(small, other, monkeypatch):
    """The descriptor of the first is used again for the second, and the linker knows libraries by path."""
    monkeypatch.setattr("falcoeks_fast.rules.code.module._loaded", {})
    for compiled in (small, other, small):
        load_module(compiled.payload, compiled.plan.predicate_digest())


def test_another_plans_rules_are_refused(small, other):
    with pytest.raises(LoadError, match="another plan"):
        load_module(small.payload, other.plan.predicate_digest())


@pytest.mark.parametrize("content", [b"", b"no library", b"\x7fELF" + bytes(200)])
def test_what_is_no_library_is_refused(content):
    with pytest.raises(LoadError, match="cannot load"):
        load_module(content, bytes(32))


def test_a_lack_of_memory_is_told(small, monkeypatch):
    def full(descriptor, payload):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("falcoeks_fast.rules.code.module._loaded", {})
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(LoadError, match=r"cannot load the compiled rules: .*No space left"):
        load_module(small.payload, small.plan.predicate_digest())


def test_without_memfd_a_private_file_serves(small, monkeypatch, tmp_path):
    monkeypatch.setattr("falcoeks_fast.rules.code.module._loaded", {})
    monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    load_module(small.payload, small.plan.predicate_digest())
    assert list(tmp_path.iterdir()) == []


def test_no_descriptor_is_left_open(small, monkeypatch):
    monkeypatch.setattr("falcoeks_fast.rules.code.module._loaded", {})
    before = os.listdir("/proc/self/fd")
    load_module(small.payload, small.plan.predicate_digest())
    with pytest.raises(LoadError):
        load_module(b"no library", bytes(32))
    assert os.listdir("/proc/self/fd") == before
