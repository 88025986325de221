"""Only directories and files that nobody else can change are trusted, and whatever is wrong is said."""

from __future__ import annotations

import os

import pytest

from falcoeks_fast.rules.code.trust import TrustError, own_directory, read_any_file, read_own_file, sound_parent

LIMIT = 1000


@pytest.fixture
def ours(tmp_path):
    directory = tmp_path / "ours"
    directory.mkdir(mode=0o700)
    return directory


def refusal(path, **options) -> str:
    with pytest.raises(TrustError) as caught, own_directory(path, **options):
        pass
    return str(caught.value)


def test_a_directory_of_our_own_is_opened(ours):
    (ours / "file").write_bytes(b"x")
    with own_directory(ours) as descriptor:
        assert os.listdir(descriptor) == ["file"]


def test_missing_directories_are_made_for_us_alone(tmp_path):
    with own_directory(tmp_path / "a" / "b", create=True):
        pass
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


def test_a_missing_directory_is_refused(tmp_path):
    assert "No such file" in refusal(tmp_path / "none")


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701, 0o1777])
def test_a_directory_open_to_others_is_refused(ours, mode):
    ours.chmod(mode)
    said = refusal(ours)
    assert f"{mode:04o}" in said
    assert "chmod 0700" in said


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o720])
def test_a_way_that_others_can_change_is_refused(ours, mode):
    (ours / "deep" / "er").mkdir(parents=True, mode=0o700)
    (ours / "deep" / "er").chmod(0o700)
    ours.chmod(mode)
    said = refusal(ours / "deep" / "er")
    assert f"{ours}, on the way to" in said
    assert "writable by other users" in said


def test_a_sticky_directory_on_the_way_is_accepted(ours):
    (ours / "deep").mkdir(mode=0o700)
    ours.chmod(0o1777)
    with own_directory(ours / "deep"):
        pass


def test_a_link_is_not_followed_on_the_way_nor_at_the_end(ours, tmp_path):
    (ours / "deep").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(ours)
    assert f"{tmp_path / 'link'} is a link" in refusal(tmp_path / "link")
    assert f"{tmp_path / 'link'} is a link" in refusal(tmp_path / "link" / "deep")
    assert f"{tmp_path / 'link'} is a link" in refusal(tmp_path / "link", create=True)


def test_a_dangling_link_is_not_filled(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "target")
    assert "is a link" in refusal(tmp_path / "link" / "deep", create=True)
    assert not (tmp_path / "target").exists()


def test_a_directory_of_somebody_else_is_refused(ours, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 54_321)
    assert "belongs to" in refusal(ours)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_way_through_somebody_elses_directory_is_refused(ours):
    (ours / "deep").mkdir(mode=0o700)
    os.chown(ours, 54_321, -1)
    assert f"{ours}, on the way to {ours / 'deep'}, belongs to user 54321" in refusal(ours / "deep")


def test_a_file_is_no_directory(ours):
    (ours / "file").touch()
    assert "Not a directory" in refusal(ours / "file")
    assert "Not a directory" in refusal(ours / "file" / "deep", create=True)


def test_the_root_is_no_place():
    assert "no place" in refusal("/")


def file_refusal(directory, name, **options) -> str:
    with own_directory(directory) as descriptor, pytest.raises(TrustError) as caught:
        read_own_file(descriptor, name, directory / name, limit_bytes=LIMIT, **options)
    return str(caught.value)


def test_a_file_of_ours_is_read(ours):
    (ours / "file").write_bytes(b"x" * LIMIT)
    with own_directory(ours) as descriptor:
        assert read_own_file(descriptor, "file", "it", limit_bytes=LIMIT) == b"x" * LIMIT


def test_a_missing_file_is_said_to_be_missing(ours):
    with own_directory(ours) as descriptor, pytest.raises(FileNotFoundError):
        read_own_file(descriptor, "file", "it", limit_bytes=LIMIT)


def test_files_that_are_not_ours_alone_are_refused(ours):
    (ours / "writable").touch()
    (ours / "writable").chmod(0o620)
    assert "writable by other users" in file_refusal(ours, "writable")
    (ours / "twice").touch()
    (ours / "again").hardlink_to(ours / "twice")
    assert "2 names" in file_refusal(ours, "twice")
    (ours / "link").symlink_to(ours / "writable")
    assert "it is a link" in file_refusal(ours, "link")
    (ours / "long").write_bytes(b"x" * (LIMIT + 1))
    assert "larger than 1000 bytes" in file_refusal(ours, "long")
    (ours / "folder").mkdir()
    assert "no regular file" in file_refusal(ours, "folder") or "names" in file_refusal(ours, "folder")
    os.mkfifo(ours / "pipe", 0o600)
    assert "no regular file" in file_refusal(ours, "pipe")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_somebody_else_is_refused(ours):
    (ours / "file").touch()
    os.chown(ours / "file", 54_321, -1)
    assert "belongs to user 54321, not to this user" in file_refusal(ours, "file")
    assert "belongs to user 54321, not to root or this user" in file_refusal(ours, "file", root_too=True)


def test_a_file_of_root_is_read_where_that_is_allowed(monkeypatch):
    if os.stat("/etc/passwd").st_uid != 0:
        pytest.skip("/etc/passwd is not root's here")
    descriptor = os.open("/etc", os.O_RDONLY | os.O_DIRECTORY)
    try:
        monkeypatch.setattr(os, "geteuid", lambda: 54_321)
        assert read_own_file(descriptor, "passwd", "it", limit_bytes=1 << 20, root_too=True)
        with pytest.raises(TrustError):
            read_own_file(descriptor, "passwd", "it", limit_bytes=1 << 20)
    finally:
        os.close(descriptor)


def test_the_parent_of_a_bundle_must_be_sound(ours):
    with sound_parent(ours / "bundle") as descriptor:
        assert os.path.samestat(os.fstat(descriptor), ours.stat())
    ours.chmod(0o777)
    with pytest.raises(TrustError), sound_parent(ours / "bundle"):
        pass


def test_no_descriptor_is_left_open(ours):
    (ours / "twice").touch()
    (ours / "again").hardlink_to(ours / "twice")
    before = os.listdir("/proc/self/fd")
    refusal(ours / "none")
    file_refusal(ours, "twice")
    ours.chmod(0o755)
    refusal(ours)
    assert os.listdir("/proc/self/fd") == before


def test_any_file_is_read_through_links_for_its_digest(ours):
    (ours / "file").write_bytes(b"x")
    (ours / "link").symlink_to(ours / "file")
    assert read_any_file(ours / "link", limit_bytes=LIMIT) == b"x"
    with pytest.raises(TrustError, match="cannot open"):
        read_any_file(ours / "none", limit_bytes=LIMIT)
    with pytest.raises(TrustError, match="no regular file"):
        read_any_file(ours, limit_bytes=LIMIT)
