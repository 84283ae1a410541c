from __future__ import annotations

import os

import pytest

from components.text_example_gen import input_files
from components.text_example_gen.arrived_spans import arrived_spans
from components.text_example_gen.file_systems import FoundFile
from components.text_example_gen.input_files import (
    class_folder,
    data_files,
    data_fingerprint,
    has_class_folders,
    locate,
    match_files,
    split_files,
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
    (tmp_path / "pos" / "1").touch()
    assert locate(f"{tmp_path}/", "folder") == (str(tmp_path), "*/*")


@pytest.mark.parametrize("folder", ["e[x]", "[ab]", "what?", "a*", "x{y}"])
def test_what_exists_is_a_name_even_if_it_looks_like_a_wildcard(put, tmp_path, folder):
    name = f"{folder}/b[1].csv"
    put(name, "ex/b1.csv", "a/b1.csv", "whatx/b1.csv", "ab/b1.csv")
    path = str(tmp_path / name)
    for data in (folder, f"{folder}/", name, f"{folder}/*.csv", f"{folder}/b?1*"):
        location = locate(f"{tmp_path}/{data}")
        # As it is located, it may be located again.
        assert locate(location.pattern).pattern == location.pattern
        assert [file.path for file in match_files(location.pattern)] == [path]
        assert not has_class_folders(location.pattern)
    assert not match_files(locate(f"{tmp_path}/{folder}/c[1].csv").pattern)


def test_a_home_folder_is_found_in_quotes_too(put, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    put("home/a.csv")
    assert locate("~/a.csv").pattern == f"{tmp_path}/home/a.csv"
    monkeypatch.chdir(tmp_path)
    put("~/a.csv")
    assert locate("~/a.csv").pattern == f"{tmp_path}/~/a.csv"


def _names(tmp_path, format_name="auto", folder="d", **options):
    """Returns what is read of a folder, with its class, and what is left out."""
    pattern = locate(f"{tmp_path}/{folder}", format_name, **options).pattern
    assert locate(pattern, format_name).pattern == pattern
    files, left_out = data_files(pattern, format_name)
    inside = len(f"{tmp_path}/{folder}/")
    read = {file.path[inside:]: class_folder(pattern, file.path) for file in files}
    return read, [file.path[inside:] for file in left_out]


def test_hidden_folders_are_no_classes_and_deeper_files_are_read(put, tmp_path):
    put("d/pos/1.txt", "d/pos/a/b/2.txt", "d/neg/3.txt", "d/README", "d/neg/x.txt.gz")
    put("d/.ipynb_checkpoints/1.txt", "d/__MACOSX/pos/1.txt", "d/pos/.git/x", "d/_x/y")
    read, left_out = _names(tmp_path)
    assert read == {
        "pos/1.txt": "pos",
        "pos/a/b/2.txt": "pos",
        "neg/3.txt": "neg",
        "neg/x.txt.gz": "neg",
    }
    assert left_out == ["README", "_x"]
    assert _names(tmp_path, "folder")[0] == read


def test_the_work_of_a_batch_job_is_no_data(put, tmp_path):
    put("d/a.csv", "d/out.unfinished/1/chunks/0.jsonl.gz", "d/out/part-0.jsonl")
    assert set(_names(tmp_path)[0]) == {"a.csv", "out/part-0.jsonl"}
    for pattern, count in (("d/*/*/*/*", 0), ("d/o*/1/*/*", 0), ("d/**", 2)):
        assert len(match_files(f"{tmp_path}/{pattern}")) == count, pattern
    for pattern in ("d/out.unfinished/**", "d/*.unfinished/1/*/*"):
        assert len(match_files(f"{tmp_path}/{pattern}")) == 1, pattern


def test_folders_that_a_glob_of_files_matches_are_named(put, tmp_path):
    put("d/a.csv", "d/b.csv/part-0.csv", "d/b.csv/_SUCCESS", "d/c/part-0.csv")
    files, left_out = data_files(f"{tmp_path}/d/*.csv")
    assert [file.path for file in files] == [f"{tmp_path}/d/a.csv"]
    assert [file.path for file in left_out] == [f"{tmp_path}/d/b.csv/part-0.csv"]


def test_pictures_and_backups_beside_texts_are_no_texts(put, tmp_path):
    put("d/pos/1.txt", "d/pos/cover.PNG", "d/neg/2", "d/neg/2~", "d/neg/x.jpeg.txt")
    read, left_out = _names(tmp_path)
    assert read == {"pos/1.txt": "pos", "neg/2": "neg", "neg/x.jpeg.txt": "neg"}
    assert left_out == ["neg/2~", "pos/cover.PNG"]
    put("e/pos/1.png", "e/neg/2.png")
    assert len(_names(tmp_path, folder="e")[0]) == 2, "else there is nothing to refuse"


def test_a_folder_without_folders_is_one_of_texts_where_these_are_asked_for(
    put, tmp_path
):
    put("d/1.txt", "d/2", "d/README.md", "d/cover.png", "d/.git/x", "d/a.csv")
    read, left_out = _names(tmp_path, "folder")
    assert read == {"1.txt": "", "2": "", "a.csv": ""}
    assert left_out == ["README.md", "cover.png"]
    (tmp_path / "d/empty").mkdir()
    assert _names(tmp_path, "folder")[0] == read
    put("d/pos/3.txt")
    assert _names(tmp_path, "folder")[0] == {"pos/3.txt": "pos"}


def test_where_each_file_is_a_text_and_no_label_is_read_all_of_them_are(put, tmp_path):
    put("d/1.txt", "d/README", "d/pos/2.txt", "d/pos/old/3.txt", "d/pos/x.png")
    deep = {"pos/2.txt": "pos", "pos/old/3.txt": "pos"}
    read, left_out = _names(tmp_path, has_labels=False)
    assert (read, left_out) == (deep, ["1.txt", "README", "pos/x.png"])
    read, left_out = _names(tmp_path, "folder", has_labels=False)
    assert read == {"1.txt": "", "pos/2.txt": "", "pos/old/3.txt": ""}
    assert left_out == ["README", "pos/x.png"]
    (tmp_path / "d/1.txt").unlink()
    assert _names(tmp_path, "folder", has_labels=False)[0] == deep


def test_of_a_folder_with_tables_only_these_are_read(put, tmp_path):
    put("d/train.csv", "d/README.md", "d/LICENSE", "d/picture.png", "d/more/b.jsonl.gz")
    put("d/more/notes.txt", "d/dataset_info.json", "d/pos/1.txt")
    read, left_out = _names(tmp_path)
    assert read == {"train.csv": "", "more/b.jsonl.gz": ""}
    assert left_out == [
        "LICENSE",
        "README.md",
        "dataset_info.json",
        "more/notes.txt",
        "picture.png",
        "pos/1.txt",
    ]


@pytest.mark.parametrize(
    ("names", "read"),
    [
        ({"a.csv", "sub/notes.txt"}, {"a.csv"}),
        ({"a.csv", "2024/01/part-00000"}, {"a.csv"}),
        ({"sub/a.csv", "sub/notes.txt"}, {"sub/a.csv"}),
        ({"sub/a.csv", "data/b.tsv", "sub/c.csv.bak"}, {"sub/a.csv", "data/b.tsv"}),
    ],
)
def test_of_deeper_files_too_those_that_are_not_read_are_named(
    put, tmp_path, names, read
):
    put(*names)
    files = data_files(locate(str(tmp_path)).pattern)
    for found, expected in ((files.files, read), (files.left_out, names - read)):
        assert {os.path.relpath(file.path, tmp_path) for file in found} == expected


def test_a_table_among_many_texts_makes_no_folder_of_tables(put, tmp_path):
    put("pos/1.txt", "pos/2.txt", "pos/index.csv", "neg/3.txt")
    assert has_class_folders(locate(str(tmp_path)).pattern)


def test_what_lies_below_more_files_than_are_looked_at_is_read(
    put, tmp_path, monkeypatch
):
    monkeypatch.setattr(input_files, "_MOST_LOOKED_AT", 3)
    put("d/1.csv", "d/2.csv", "d/3.csv", "d/4.csv", "d/older/x.csv")
    put(*(f"c/neg/{n}.txt" for n in range(5)), "c/pos/1.txt", "c/pos/2024/2.txt")
    for folder, count, last in (("d", 5, "older/x.csv"), ("c", 7, "pos/2024/2.txt")):
        files = match_files(locate(str(tmp_path / folder)).pattern)
        assert len(files) == count
        assert str(tmp_path / folder / last) in [file.path for file in files]


def test_data_at_the_top_is_seen_behind_any_number_of_other_files(
    put, tmp_path, monkeypatch
):
    monkeypatch.setattr(input_files, "_MOST_LOOKED_AT", 3)
    put("train.csv", *(f"images/{n}.png" for n in range(5)))
    files = data_files(locate(str(tmp_path)).pattern)
    assert [os.path.basename(file.path) for file in files.files] == ["train.csv"]


def test_files_that_are_not_read_change_no_fingerprint(put, tmp_path):
    put("train.csv", "logs/run.log")
    pattern = locate(str(tmp_path)).pattern
    before = data_fingerprint(pattern)
    (tmp_path / "logs" / "run.log").write_text("more")
    assert data_fingerprint(pattern) == before
    (tmp_path / "train.csv").write_text("more")
    assert data_fingerprint(pattern) != before
    assert data_fingerprint(f"{tmp_path}/none/*") == data_fingerprint("/none/*")


def test_tables_in_folders_are_no_classes(put, tmp_path):
    put("d/2024/a.csv", "d/2025/06/b.csv.gz", "d/2025/README", "d/LICENSE")
    read, left_out = _names(tmp_path)
    assert read == {"2024/a.csv": "", "2025/06/b.csv.gz": ""}
    assert left_out == ["2025/README", "LICENSE"]


def test_files_that_no_name_tells_are_read_but_for_a_readme(put, tmp_path):
    put("d/train_5500.label", "d/TREC_10.label", "d/README.txt")
    read, left_out = _names(tmp_path)
    assert list(read) == ["TREC_10.label", "train_5500.label"]
    assert left_out == ["README.txt"]
    put("d/x.csv")
    assert list(_names(tmp_path, "trec")[0]) == [
        "TREC_10.label",
        "train_5500.label",
        "x.csv",
    ]


def test_a_file_beside_data_that_is_alone_or_named_is_read(put, tmp_path):
    put("d/README.csv", "e/README", "f/LICENSE", "f/a.csv")
    assert list(_names(tmp_path)[0]) == ["README.csv"]
    assert list(_names(tmp_path, folder="e")[0]) == ["README"]
    files, left_out = data_files(f"{tmp_path}/f/LICENSE")
    assert (len(files), left_out) == (1, [])


def test_links_are_followed_and_lead_nowhere_twice(put, tmp_path):
    put("real/pos/1.txt", "real/neg/2.txt", "far/3.txt")
    (tmp_path / "d").symlink_to(tmp_path / "real")
    (tmp_path / "real/far").symlink_to(tmp_path / "far")
    (tmp_path / "real/neg/round").symlink_to(tmp_path / "real")
    (tmp_path / "real/pos/4.txt").symlink_to(tmp_path / "far/3.txt")
    put("real/neg/deeper/5.txt")
    read, _ = _names(tmp_path)
    assert read == {
        "neg/deeper/5.txt": "neg",
        "pos/1.txt": "pos",
        "pos/4.txt": "pos",
        "neg/2.txt": "neg",
        "far/3.txt": "far",
    }


@pytest.mark.parametrize("target", [".", "..", "../d"])
def test_a_link_to_a_folder_above_it_is_read_if_it_is_named(put, tmp_path, target):
    put("d/a.csv", "d/b.csv")
    (tmp_path / "d/current").symlink_to(target)
    read, _ = data_files(str(tmp_path / "d/current/**"))
    names = sorted(file.path.rpartition("/")[2] for file in read)
    assert names == ["a.csv", "b.csv"]


@pytest.mark.parametrize(
    "name",
    [
        "my reviews [2024]/gr\u00f6\u00dfe, \u65e5\u672c.csv",
        "br{ace}/{SPA}.csv",
        "_train.csv",
        ".hidden/_x/a.csv",
        "a*b?.csv",
        "[!a].csv",
        "back\\slash, \"quotes\" 'n' $x #1.csv",
    ],
)
def test_a_name_that_exists_is_read_as_it_stands(put, tmp_path, name):
    put(name, "_other.csv", "aXbY.csv")
    pattern = locate(f"{tmp_path}/{name}").pattern
    assert [file.path for file in match_files(pattern)] == [f"{tmp_path}/{name}"]
    assert class_folder(pattern, f"{tmp_path}/{name}") == ""


def test_a_glob_that_begins_with_a_hidden_name_matches_them(put, tmp_path):
    put("_a.csv", "_b.csv", "c.csv", ".d/e.csv")
    for glob, names in (("_*.csv", "_a _b"), ("*.csv", "c"), (".*/*", ".d/e")):
        found = [file.path for file in match_files(f"{tmp_path}/{glob}")]
        assert found == [f"{tmp_path}/{name}.csv" for name in names.split()]


def test_a_wildcard_stays_one_where_nothing_has_its_name(put, tmp_path):
    put("b1.csv", "b2.csv", "b[3].csv")
    pattern = locate(f"{tmp_path}/b[12].csv").pattern
    assert [os.path.basename(f.path) for f in match_files(pattern)] == [
        "b1.csv",
        "b2.csv",
    ]


def test_a_wildcard_folder_holds_classes():
    assert has_class_folders("/d/*/*.txt")
    assert has_class_folders("/d/[np]*/x")
    assert not has_class_folders("/d/pos/*.txt")


def test_placeholders_stand_for_anything():
    assert without_placeholders("/d/{SPAN:3}/v{VERSION}/*.csv") == "/d/*/v*/*.csv"
    assert without_placeholders("/d/{YYYY}-{MM}-{DD}.csv") == "/d/*-*-*.csv"


def test_hidden_files_and_markers_are_not_data(tmp_path):
    for name in (".DS_Store", "_SUCCESS", "b.csv", "a.csv"):
        (tmp_path / name).write_text("x")
    files = match_files(f"{tmp_path}/*")
    assert [os.path.basename(file.path) for file in files] == ["a.csv", "b.csv"]


def test_what_may_not_be_looked_at_is_not_said_to_be_absent(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    for name in ("stat", "scandir"):
        monkeypatch.setattr(os, name, refuse)
    for pattern in ("x.csv", "*/x.csv", "**/x.csv"):
        with pytest.raises(PermissionError):
            match_files(f"{tmp_path}/closed/{pattern}")


def test_classes_and_question_marks_of_a_glob_hold(put, tmp_path):
    put("1/a1.csv", "2/b1.csv", "3/c1.csv")
    assert list(arrived_spans(f"{tmp_path}/{{SPAN}}/[ab]?.csv")) == [1, 2]


def test_the_fingerprint_changes_with_names_sizes_and_times_only(put, tmp_path):
    put("1/a.csv", "1/_SUCCESS")
    pattern = f"{tmp_path}/1/*"
    first = data_fingerprint(pattern)
    put("1/_DONE")
    assert data_fingerprint(pattern) == first
    os.utime(tmp_path / "1/a.csv", (1, 1))
    older = data_fingerprint(pattern)
    put("1/b.csv")
    assert len({first, older, data_fingerprint(pattern)}) == 3


def test_classes_and_texts_with_hidden_names_are_named(put, tmp_path):
    put("d/.net/a.txt", "d/python/b.txt", "d/python/_1.txt", "d/.git/config")
    put("d/.DS_Store", "d/python/._b.txt", "d/.empty/.x")
    read, left_out = _names(tmp_path)
    assert read == {"python/b.txt": "python"}
    assert left_out == [".net", "python/_1.txt"]


def test_files_about_texts_are_no_texts_of_their_class(put, tmp_path):
    put("d/pos/1.txt", "d/neg/2.txt", "d/pos/README", "d/neg/LICENSE", "d/neg/old.txt~")
    read, left_out = _names(tmp_path)
    assert read == {"pos/1.txt": "pos", "neg/2.txt": "neg"}
    assert left_out == ["neg/LICENSE", "neg/old.txt~", "pos/README"]


def test_files_that_are_named_for_splits_are_seen():
    def names(*files: str) -> list[str]:
        return split_files([FoundFile(f"/data/{name}", 1, 0.0) for name in files])

    assert names("train.csv", "test.csv") == ["test.csv", "train.csv"]
    parts = ("train-00000-of-00001.parquet", "validation-00000-of-00001.parquet")
    assert names(*parts) == sorted(parts)
    assert names("train_a.csv", "train_b.csv") == names("a.csv", "test.csv") == []
    assert names("training.csv", "trained.csv", "latest.csv") == []
