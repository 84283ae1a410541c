from __future__ import annotations

import csv

import tensorflow as tf

from benchmarks.batch.inputs import Inputs, numbered

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
