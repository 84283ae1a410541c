from __future__ import annotations

import os

from components.text_example_gen.input_files import (
    has_class_folders,
    locate,
    match_files,
    without_placeholders,
)


def test_a_glob_is_split_before_its_first_wildcard():
    assert locate("/d/reviews/*.csv") == ("/d/reviews", "*.csv")
    assert locate("/d/re*/x/a.csv") == ("/d", "re*/x/a.csv")
    assert locate("/d/{SPAN}/*.csv") == ("/d", "{SPAN}/*.csv")
    assert locate("/*.csv") == ("/", "*.csv")
    assert locate("gs://bucket/a/*.csv") == ("gs://bucket/a", "*.csv")


def test_a_relative_path_becomes_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert locate("reviews.csv") == (os.getcwd(), "reviews.csv")


def test_a_folder_means_its_files_or_a_folder_per_class(tmp_path):
    (tmp_path / "pos").mkdir()
    assert locate(str(tmp_path)) == (str(tmp_path), "*/*")
    (tmp_path / "a.csv.gz").touch()
    assert locate(str(tmp_path)) == (str(tmp_path), "*")
    assert locate(f"{tmp_path}/", "folder") == (str(tmp_path), "*/*")


def test_a_wildcard_folder_holds_classes():
    assert has_class_folders("/d/*/*.txt")
    assert has_class_folders("/d/[np]*/x")
    assert not has_class_folders("/d/pos/*.txt")


def test_placeholders_stand_for_anything():
    assert without_placeholders("/d/{SPAN:3}/v{VERSION}/*.csv") == "/d/*/v*/*.csv"
    assert without_placeholders("/d/{YYYY}-{MM}-{DD}.csv") == "/d/*-*-*.csv"


def test_hidden_files_and_markers_are_no_data(tmp_path):
    for name in (".DS_Store", "_SUCCESS", "b.csv", "a.csv"):
        (tmp_path / name).write_text("x")
    found = match_files(f"{tmp_path}/*")
    assert [os.path.basename(file.path) for file in found] == ["a.csv", "b.csv"]
