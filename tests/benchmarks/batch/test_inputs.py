from __future__ import annotations

import csv

import tensorflow as tf

from benchmarks.batch import inputs
from benchmarks.batch.inputs import Inputs, rows_of

TEXTS = ["a, b", "é"]


def test_texts_come_with_their_number_and_then_with_the_end_of_another(monkeypatch):
    assert list(rows_of(TEXTS, 2)) == [(0, "a, b 0"), (1, "é 1")]
    monkeypatch.setattr(inputs, "_STEP", 1)
    texts = ["so a film", "not bad", "bad"]
    assert [text for _, text in rows_of(texts, 7)] == [
        *("so a film 0", "not bad 1", "bad 2"),
        *("so a bad 3", "not 4", "bad film 5"),
        "so a 6",
    ]


def test_rows_differ_without_their_numbers_too():
    texts = [f"a{n} b{n}" for n in range(101)]  # which 101 steps would bring back
    rows = [text.rpartition(" ")[0] for _, text in rows_of(texts, 101 * 101)]
    assert len(set(rows)) == len(rows)


def test_the_csv_file_has_as_many_rows_as_wanted(tmp_path):
    path = Inputs(tmp_path, TEXTS).csv(3)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["0", "1", "2"]
    assert [row["text"] for row in rows] == ["a, b 0", "é 1", "a, 2"]


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
        "a, 2",
    ]
    assert [each["id"].bytes_list.value[0] for each in found] == [b"0", b"1", b"2"]
