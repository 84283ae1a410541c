"""Tests of pipeline.files: whole or not at all, and one holder at a time."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import filelock
import pytest

from pipeline.files import (
    absolute,
    locked_folder,
    read_bounded,
    read_regular,
    remove,
    replace_when_done,
    short_names,
    write_whole,
)


def _names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_path_means_the_folder_that_the_operating_system_finds(tmp_path, monkeypatch):
    (tmp_path / "real" / "sub").mkdir(parents=True)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "link").symlink_to(tmp_path / "real" / "sub")
    monkeypatch.chdir(tmp_path / "here")
    real = os.path.realpath(tmp_path / "real")
    assert absolute("link/../out") == f"{real}/out"
    assert absolute("link/..") == real
    assert absolute("link//./out/") == f"{tmp_path}/here/link/out"
    assert absolute(Path("out")) == f"{tmp_path}/here/out"
    assert absolute("~/out") == os.path.expanduser("~/out")


@pytest.mark.parametrize(
    ("names", "short"),
    [
        ([], []),
        (["/data/a.png"], ["a.png"]),
        (["/data/pos/a.png", "/data/neg/a.png"], ["pos/a.png", "neg/a.png"]),
        (["/data/a/1.png", "/data/ab/1.png"], ["a/1.png", "ab/1.png"]),
        (["/data/a.png", "/data/a/b.png"], ["a.png", "a/b.png"]),
        (["gs://a/b.png", "/c.png"], ["gs://a/b.png", "/c.png"]),
        (["/c.png", "/d.png"], ["c.png", "d.png"]),
        (["/c.png", "/d/e.png"], ["c.png", "d/e.png"]),
        (["a.png"], ["a.png"]),
    ],
)
def test_names_of_files_begin_where_they_differ(names, short):
    assert short_names(names) == short


@pytest.mark.parametrize("read", [read_regular, lambda path: read_bounded(path, 9)])
def test_a_folder_in_the_place_of_a_file_is_named(tmp_path, read):
    with pytest.raises(IsADirectoryError) as refused:
        read(tmp_path)
    assert str(refused.value.filename) == str(tmp_path)


def test_text_and_bytes_are_written_as_they_are(tmp_path):
    write_whole(tmp_path / "text", "première\r\n")
    write_whole(tmp_path / "bytes", b"\x00\xff")
    assert (tmp_path / "text").read_bytes() == "première\r\n".encode()
    assert (tmp_path / "bytes").read_bytes() == b"\x00\xff"
    assert _names(tmp_path) == ["bytes", "text"]


def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_text("before")
    with pytest.raises(KeyboardInterrupt), replace_when_done(path) as unfinished:
        unfinished.write_text("half")
        assert path.read_text() == "before"
        raise KeyboardInterrupt
    assert path.read_text() == "before"
    assert _names(tmp_path) == ["file"]


def test_a_failed_rename_leaves_nothing_behind(tmp_path, monkeypatch):
    def refuse(source, target):
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="No space left"):
        write_whole(tmp_path / "file", "text")
    assert _names(tmp_path) == []


def test_a_folder_appears_with_all_that_is_in_it(tmp_path):
    folder = tmp_path / "1"
    with replace_when_done(folder) as unfinished:
        (unfinished / "variables").mkdir(parents=True)
        assert _names(tmp_path) != ["1"]
    assert _names(folder) == ["variables"]
    with pytest.raises(OSError, match="not empty"), replace_when_done(folder) as again:
        again.mkdir()
    assert _names(tmp_path) == ["1"]


def test_two_writers_of_one_path_do_not_share_their_unfinished_file(tmp_path):
    path = tmp_path / "file"
    with replace_when_done(path) as first:
        with replace_when_done(path) as second:
            second.write_text("second")
        first.write_text("first")
    assert path.read_text() == "first"


def test_a_held_folder_cannot_be_held_a_second_time(tmp_path):
    folder = tmp_path / "new" / "folder"
    with locked_folder(folder), pytest.raises(filelock.Timeout), locked_folder(folder):
        pytest.fail("the lock was given twice")
    with locked_folder(folder):
        pass


@pytest.mark.parametrize("is_made_anew", [False, True])
def test_a_folder_that_its_holder_removes_is_held_anew(
    tmp_path, monkeypatch, is_made_anew
):
    folder, acquire = tmp_path / "folder", filelock.FileLock.acquire
    removed = []

    def acquire_what_is_gone(lock, *arguments, **options):
        held = acquire(lock, *arguments, **options)
        if not removed:  # as by a holder that ends at this moment
            removed.append(shutil.rmtree(folder))
            if is_made_anew:  # and by another one that begins
                folder.mkdir()
                (folder / ".lock").touch()
        return held

    monkeypatch.setattr(filelock.FileLock, "acquire", acquire_what_is_gone)
    with locked_folder(folder):
        assert removed and (folder / ".lock").exists()
        with pytest.raises(filelock.Timeout), locked_folder(folder):
            pytest.fail("the lock was given twice")


def test_a_folder_that_cannot_be_created_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "folder"
    with pytest.raises(NotADirectoryError) as raised, locked_folder(folder):
        pytest.fail("it has no place")
    assert raised.value.filename == str(folder)


def test_a_lock_that_is_a_link_makes_no_file_elsewhere(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / ".lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="is a link") as raised, locked_folder(folder):
        pytest.fail("the lock was given")
    assert raised.value.filename == str(folder / ".lock")
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_cannot_be_removed_is_named_whole(tmp_path, monkeypatch):
    (tmp_path / "a" / "b").mkdir(parents=True)

    def refuse(path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "b")

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(OSError, match="Permission denied") as raised:
        remove(tmp_path / "a")
    assert raised.value.filename == str(tmp_path / "a")


def test_a_copy_of_hard_links_has_a_lock_of_its_own_in_the_end(tmp_path):
    folder, copy = tmp_path / "folder", tmp_path / "copy"
    with locked_folder(folder):
        pass
    copy.mkdir()
    (copy / ".lock").hardlink_to(folder / ".lock")
    with locked_folder(copy), locked_folder(folder):
        assert not (copy / ".lock").samefile(folder / ".lock")
    (copy / ".lock").unlink()
    (copy / ".lock").hardlink_to(folder / ".lock")
    with locked_folder(folder), locked_folder(copy):
        pass
