"""Local paths mean what they mean to the operating system."""

from __future__ import annotations

import os

import pytest

from components.text_example_gen.input_files import data_files, locate
from keras_elmo.paths import absolute
from keras_elmo.source_files import absolute_source
from pipeline.commands import batch


@pytest.fixture
def linked(tmp_path, monkeypatch):
    """A working folder with a link to a folder elsewhere, beside which files lie."""
    (tmp_path / "here").mkdir()
    (tmp_path / "there" / "inside").mkdir(parents=True)
    (tmp_path / "here" / "link").symlink_to(tmp_path / "there" / "inside")
    for folder in ("here", "there"):
        (tmp_path / folder / "a.csv").write_text(f"text,label\n{folder},x\n")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path.resolve()


def test_the_folder_above_a_link_is_that_of_what_it_points_to(linked):
    there = str(linked / "there" / "a.csv")
    assert os.path.realpath("link/../a.csv") == there
    assert absolute("link/../a.csv") == there
    assert batch.absolute("link/../a.csv") == there
    assert absolute_source("link/../a.csv") == there
    [file] = data_files(locate("link/../*.csv").pattern).files
    assert file.path == there


@pytest.mark.parametrize(
    ("path", "is_at"),
    [("a/b", "a/b"), ("./a/../b/", "b"), ("link/x", "link/x"), ("..", ".."), (".", "")],
)
def test_other_paths_stay_as_they_are_named(linked, path, is_at):
    assert absolute(path) == os.path.normpath(linked / "here" / is_at)


def test_a_path_elsewhere_stays_as_it_is():
    assert batch.absolute("gs://bucket/../x") == "gs://bucket/../x"
    assert absolute("/a//b/./c") == "/a/b/c"
