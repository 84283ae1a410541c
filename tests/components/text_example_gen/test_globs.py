from __future__ import annotations

import fnmatch
import re
from itertools import permutations, product

import pytest

from components.text_example_gen.globs import files_below, glob_expression, match_local
from components.text_example_gen.input_files import data_files, locate


def _matched(folder, pattern):
    found = match_local(f"{folder}/{pattern}")
    return sorted(path.removeprefix(f"{folder}/") for path, _, _ in found)


@pytest.mark.parametrize(
    "pattern",
    ["a[].csv", "[z-a]*.csv", "[!].csv", "[", "[]", "[!", "**/[].csv", "**/[z-a]*"],
)
def test_a_class_that_is_none_matches_nothing_but_its_text(put, tmp_path, pattern):
    put("a1.csv", "x.csv", "d/!.csv", "d/a.csv")
    assert _matched(tmp_path, pattern) == []
    assert data_files(locate(f"{tmp_path}/{pattern}").pattern).files == []


@pytest.mark.parametrize("name", ["a[].csv", "[!].csv", "[a.csv"])
def test_a_bracket_that_nothing_closes_is_text(put, tmp_path, name):
    put(name, "x.csv", "a.csv")
    assert _matched(tmp_path, name) == [name]
    assert _matched(tmp_path, f"{name}*") == [name]


def test_a_class_does_not_reach_over_folders(put, tmp_path):
    put("a/x.csv", "a.x.csv")
    assert _matched(tmp_path, "**a[.-0]x.csv") == ["a.x.csv"]
    assert _matched(tmp_path, "**a[/]x.csv") == []


def test_classes_are_those_of_python():
    texts = ["".join(each) for each in product("a[]!-z", repeat=4)]
    names = [*"a[]!-z\\^", "aa", "[]", "a]", "[!]", "-z", "a-", "[a-z]", "z-a"]
    for text in filter(re.compile(r"\[").search, texts):
        own, python = re.compile(glob_expression(text)), fnmatch.translate(text)
        for name in [*names, text]:
            assert bool(own.fullmatch(name)) == bool(re.match(python, name)), text


def test_folders_that_link_to_each_other_are_read_once_each(put, tmp_path):
    names = [f"f{number}" for number in range(12)]
    put(*(f"{name}/a.csv" for name in names))
    for one, other in permutations(names, 2):
        (tmp_path / one / f"to_{other}").symlink_to(f"../{other}")
    files = [f"{name}/a.csv" for name in names]
    assert _matched(tmp_path, "**") == sorted(files)
    assert _matched(tmp_path, "*/**") == sorted(files)
    assert len(list(files_below(str(tmp_path)))) == len(names)
    assert len(data_files(locate(str(tmp_path)).pattern).files) == len(names)


def test_a_folder_to_which_many_links_lead_is_read_once(put, tmp_path):
    put("data/f0/a.csv", "far/f1/b.csv")
    for number in range(1, 30):
        (tmp_path / f"far/f{number}").mkdir(exist_ok=True)
        for name in "xy":
            link = tmp_path / f"far/f{number}/{name}"
            link.symlink_to(f"../f{number + 1}")
    (tmp_path / "far/f30").mkdir()
    put("far/f30/c.csv")
    (tmp_path / "data/f1").symlink_to("../far/f1")
    *first, last = _matched(tmp_path / "data", "**")
    assert first == ["f0/a.csv", "f1/b.csv"]
    assert last.count("/") == 30


def test_what_is_no_link_is_read_under_its_own_name(put, tmp_path):
    put("b/c/x.csv")
    (tmp_path / "a").symlink_to("b/c")
    assert _matched(tmp_path, "**") == ["b/c/x.csv"]
    assert _matched(tmp_path, "*/**") == ["b/c/x.csv"]


@pytest.mark.parametrize("target", [".", "..", "../..", "/"])
def test_a_link_to_what_holds_a_folder_is_not_followed(put, tmp_path, target):
    put("d/e/x.csv", "y.csv")
    (tmp_path / "d/e/up").symlink_to(target)
    assert _matched(tmp_path, "d/e/**") == ["d/e/x.csv"]
