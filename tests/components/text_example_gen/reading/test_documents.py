"""Files that are one text each."""

from __future__ import annotations

import gzip
import os
import tracemalloc
from pathlib import Path

import pytest

from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading import encodings, records
from components.text_example_gen.reading.read_file import read_file
from tests.components.text_example_gen.reading.items import detail, read


def test_a_document_takes_its_label_from_its_folder(tmp_path):
    (tmp_path / "pos").mkdir()
    path = tmp_path / "pos" / "1.txt"
    assert read(path, b"Good.\nVery.\n", format="folder") == [("Good.\nVery.\n", "pos")]
    assert read(path, gzip.compress(b"Good."), format="folder") == [("Good.", "pos")]
    assert read(path, b"", format="folder") == [("", "pos")]
    assert read(path, b"\x89PNG\0\0", format="folder") == [(1, "not_text")]
    broken = gzip.compress(b"Good.")[:-9]
    assert read(path, broken, format="folder") == [(1, "damaged_file")]


def test_a_text_that_is_a_file_has_its_path_as_source(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("Good.")

    def columns(**options):
        [item] = read_file(str(path), ReadOptions(format="folder", **options))
        return item.get("columns", item["source"])

    label = tmp_path.name
    assert columns() == {"text": "Good.", "label": label}
    options = {"label_column": None, "keep_all": True}
    assert columns(**options) == {"source": str(path), "text": "Good."}
    assert columns(**options, text_column="source") == {"source": "Good."}
    options = {"label_column": None, "key_column": "source"}
    assert columns(**options) == {"source": str(path), "text": "Good."}
    [reject] = read_file(str(path), ReadOptions(format="folder", key_column="id"))
    assert (reject["position"], reject["reason"]) == (0, "missing_column")
    why = f"{path} has no column `id`. Columns found: source, text, label\nhint: "
    assert reject["detail"].startswith(why)
    assert reject["detail"].endswith("each file is one text, and has no other columns")
    path.write_text("")
    [empty] = read_file(str(path), ReadOptions(format="folder"))
    assert records.reject(empty, "no_text", "")["text"] == ""


def test_a_text_of_many_short_lines_takes_no_memory_for_each(tmp_path):
    path = tmp_path / "a.txt.gz"
    with gzip.open(path, "wb", 1) as file:
        file.write("é\n".encode() + b"ab\n" * (8 * 2**20))
    tracemalloc.start()
    try:
        [item] = read_file(str(path), ReadOptions(format="folder"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert item["reason"] == "too_long"
    assert peak < 250 * 2**20, "each line as an object takes 300 MiB more"


def test_the_encoding_of_a_folder_is_guessed_once(tmp_path, monkeypatch):
    guess, guessed = encodings.guess_encoding, []
    monkeypatch.setattr(
        encodings, "guess_encoding", lambda lines: guessed.append(1) or guess(lines)
    )
    for number in range(5):
        (tmp_path / f"{number}.txt").write_bytes(
            f"Très bien, n° {number}".encode("cp1252")
        )
    options = ReadOptions(format="folder", label_column=None)
    for number in range(5):
        [item] = read_file(str(tmp_path / f"{number}.txt"), options)
        assert item["columns"]["text"] == f"Très bien, n° {number}"
    assert len(guessed) == 1


def test_two_sources_that_could_be_one_are_no_keys(tmp_path):
    name = f"{tmp_path}/".encode() + b"caf\xe9.txt"
    with open(name, "wb") as file:
        file.write(b"Good.")
    options = {"format": "folder", "label_column": None}
    for key, is_lossy in ((None, False), ("source", True)):
        [item] = read_file(os.fsdecode(name), ReadOptions(**options, key_column=key))
        assert item["replaced_utf8"] == is_lossy


def test_a_file_of_one_text_is_told_how_to_be_read_as_such(tmp_path):
    path = tmp_path / "a.txt"
    hint = "if each file is one text, `format=folder`"
    assert hint in detail(path, b"A text, with a comma.\n", label_column=None)
    assert "folder (each file is one text)" in detail(path, b"A text.\n")
    assert hint in detail(path, b"Review, a film.\n", label_column=None)
    assert hint not in detail(path, b"A text, with a comma.\n"), "it needs a label"
    assert hint not in detail(tmp_path / "a.csv", b"txt\na\n", label_column=None)


@pytest.mark.parametrize("is_carried", [True, False])
def test_a_name_that_is_carried_with_u_fffd_is_counted(tmp_path, is_carried):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt")
    Path(path).write_text("a text")
    options = ReadOptions(format="folder", label_column=None, keep_all=is_carried)
    [record] = read_file(path, options)
    assert record["replaced_utf8"] == is_carried
