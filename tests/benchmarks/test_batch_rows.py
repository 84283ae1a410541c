from __future__ import annotations

import csv

import pytest
import tensorflow as tf

from benchmarks.batch.rows import Inputs, numbered, read_texts
from benchmarks.errors import BenchmarkError

TEXTS = ["a, b", "é"]


def test_texts_come_again_and_again_with_their_number():
    assert list(numbered(TEXTS, 3)) == [(0, "a, b 0"), (1, "é 1"), (2, "a, b 2")]


def test_the_csv_file_has_as_many_rows_as_wanted(tmp_path):
    path = Inputs(tmp_path, TEXTS).csv(3)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["0", "1", "2"]
    assert [row["text"] for row in rows] == ["a, b 0", "é 1", "a, b 2"]


def test_the_examples_hold_the_rows_of_the_csv_file(tmp_path, repository, monkeypatch):
    monkeypatch.chdir(repository)
    folder = Inputs(tmp_path, TEXTS).examples(3)
    (path,) = folder.glob("Split-all/*.gz")
    found = [
        tf.train.Example.FromString(record.numpy()).features.feature
        for record in tf.data.TFRecordDataset(str(path), "GZIP")
    ]
    assert [each["text"].bytes_list.value[0].decode() for each in found] == [
        "a, b 0",
        "é 1",
        "a, b 2",
    ]
    assert [each["id"].bytes_list.value[0] for each in found] == [b"0", b"1", b"2"]


def test_texts_are_read_from_the_column_text(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('label,text\n1,"a, b"\n2,c\n')
    assert read_texts(path) == ["a, b", "c"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"label\n1\n", "with a column text"),
        (b"text\n\xff\n", "in UTF-8"),
        (b"text\n", "must hold texts"),
    ],
    ids=["no column text", "not UTF-8", "no row"],
)
def test_a_file_of_another_form_is_refused(tmp_path, content, message):
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    with pytest.raises(BenchmarkError, match=message):
        read_texts(path)
