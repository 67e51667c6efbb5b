import errno
import os
from pathlib import Path

import pytest

from gpbop.errors import ArgumentError, GpbopError
from gpbop.files import replacing


def listing(folder):
    return sorted(path.name for path in folder.iterdir())


def write(target, data, failure):
    """Write, then fail."""
    with replacing(target) as beside:
        beside.write_bytes(data)
        raise failure


@pytest.mark.parametrize("old", [None, b"old"])
def test_the_new_file_takes_the_place_and_nothing_else_is_left(tmp_path, old):
    target = tmp_path / "report.html"
    if old is not None:
        target.write_bytes(old)
    with replacing(target) as beside:
        assert (beside.parent, beside.suffix) == (tmp_path, ".html")
        assert (target.read_bytes() if target.exists() else None) == old  # until the end
        beside.write_bytes(b"new")
    assert target.read_bytes() == b"new"
    assert listing(tmp_path) == ["report.html"]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ValueError, SystemExit, GeneratorExit, OSError])
@pytest.mark.parametrize("old", [None, b"old"])
def test_a_failure_leaves_the_old_file_and_passes(tmp_path, old, failure):
    target = tmp_path / "report.html"
    if old is not None:
        target.write_bytes(old)
    with pytest.raises(failure):
        write(target, b"half", failure())
    assert listing(tmp_path) == ([] if old is None else ["report.html"])
    assert old is None or target.read_bytes() == old


def test_a_body_that_took_its_file_away_is_an_error(tmp_path):
    target = tmp_path / "a"
    target.write_text("old")
    with pytest.raises(ArgumentError, match="`path` must name a file in a folder that exists"), replacing(target) as f:
        f.unlink()
    assert target.read_text() == "old"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_explained(tmp_path, code):
    with pytest.raises(GpbopError, match=r"on a disk with room for it; got .*b.csv'. Free some space"):
        write(tmp_path / "b.csv", b"half", OSError(code, os.strerror(code)))
    assert listing(tmp_path) == []


def test_a_file_that_the_body_missed_is_its_own_business(tmp_path):
    with pytest.raises(FileNotFoundError, match="elsewhere"), replacing(tmp_path / "c"):
        (tmp_path / "elsewhere").read_text()
    assert listing(tmp_path) == []


def test_two_writers_do_not_meet(tmp_path):
    with replacing(tmp_path / "d") as first, replacing(tmp_path / "d") as second:
        first.write_text("first")
        second.write_text("second")
    assert (tmp_path / "d").read_text() == "first"  # the outer ends last
    assert listing(tmp_path) == ["d"]


def test_a_link_stays_one(tmp_path):
    (tmp_path / "there").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "there" / "file")
    for text in ["one", "two"]:
        with replacing(link) as beside:
            assert beside.parent == tmp_path / "there"
            beside.write_text(text)
        assert link.is_symlink()
        assert (tmp_path / "there" / "file").read_text() == text


def test_permissions_are_those_of_any_new_file_and_then_kept(tmp_path):
    (tmp_path / "plain").touch()
    target = tmp_path / "e"
    with replacing(target):
        pass
    assert target.stat().st_mode == (tmp_path / "plain").stat().st_mode
    target.chmod(0o604)
    with replacing(target):
        pass
    assert target.stat().st_mode & 0o777 == 0o604


def test_the_folder_may_be_the_current_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with replacing("f") as beside:
        beside.write_text("here")
    assert Path("f").read_text() == "here"


@pytest.mark.parametrize(
    ("path", "match"),
    [
        ("missing/report.html", "name a file in a folder that exists; got 'missing/report.html'. Create the folder"),
        ("file/report.html", "name a file in a folder that exists"),
        ("folder", "name a file that can be written; got 'folder'. Give another one: it is a folder or a device"),
        ("", "it is a folder"),
        (os.devnull, "or a device"),
        ("a" * 1000, "name a file that can be written; got 'a.*name too long"),
        ("nul\0", "name a file that can be written; got .*null"),
        (None, "name a file that can be written; got None"),
        (b"bytes", "name a file"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_before_the_body(tmp_path, monkeypatch, path, match):
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("file").touch()
    with pytest.raises(ArgumentError, match=match), replacing(path):
        pytest.fail("the body ran")
    assert listing(tmp_path) == ["file", "folder"]


@pytest.mark.parametrize("exists", [False, True])
def test_no_permission_is_explained(tmp_path, exists):
    target = tmp_path / "locked" / "report.html"
    target.parent.mkdir()
    if exists:
        target.touch()
        target.chmod(0o444)
    else:
        target.parent.chmod(0o555)
    try:
        if os.access(target if exists else target.parent, os.W_OK):
            pytest.skip("this user may write everywhere")
        with pytest.raises(ArgumentError, match="`path` must name a file that may be written"), replacing(target):
            pytest.fail("the body ran")
    finally:
        target.parent.chmod(0o755)


def test_permission_is_asked_of_the_system(tmp_path, monkeypatch):
    (tmp_path / "g").touch()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ArgumentError, match=r"may be written; got .*Change its permissions"), replacing(tmp_path / "g"):
        pytest.fail("the body ran")
