"""What becomes of the columns of the input in the output of a job."""

from __future__ import annotations

import csv
import datetime
import os

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.text_example_gen.options import ReadOptions
from pipeline.errors import UserError
from tests.pipeline.batch.jobs import lines_of, request_of, run


def test_all_columns_are_carried_by_default(tmp_path, predictor):
    path = tmp_path / "x.jsonl"
    path.write_text(
        '{"text": "good", "n": 1, "tags": ["a"]}\n{"text": "dull", "late": true}\n'
    )
    request = request_of(
        path,
        tmp_path,
        options=ReadOptions(label_column=None, keep_all=True),
        keep=None,
    )
    run(request, predictor)
    first, second = lines_of(tmp_path / "out" / "part-00000-of-00001.jsonl")
    assert list(first)[:5] == ["text", "n", "tags", "late", "predicted_label"]
    assert (first["n"], first["tags"], first["late"]) == (1, ["a"], None)
    assert (second["n"], second["tags"], second["late"]) == (None, None, True)


def test_odd_values_and_names_cost_no_row_and_are_counted(tmp_path, predictor):
    folder = tmp_path / "data"
    folder.mkdir()
    with open(os.fsencode(folder) + b"/caf\xe9.jsonl", "wb") as file:
        file.write(
            b'{"text":"good","n":9007199254740993,"note":1,"note":2,"x":"\\u0000"}\n'
            b'{"text":"dull","n":0.5,"meta":{"\\ud800":"\\ud800"}}\n'
            b'{"text":"deep","n":' + b"[" * 700 + b"]" * 700 + b"}\n"
        )
    options = ReadOptions(label_column=None, keep_all=True)
    changes = {"options": options, "keep": None, "format": "parquet"}
    summary = run(request_of(folder, tmp_path, **changes), predictor)
    assert (summary.counts["rows_out"], summary.rows_rejected) == (2, 1)
    assert summary.counts["values_as_text"] == {"n": 2}
    assert summary.counts["renamed_columns"] == {"note_2": 1}
    assert summary.counts["replaced_utf8"] == 1
    table = pq.read_table(tmp_path / "out" / "part-00000-of-00001.parquet")
    assert table["n"].to_pylist() == ["9007199254740993", "0.5"]
    assert table["note_2"].to_pylist() == [2, None]
    assert table["meta"].to_pylist() == [None, '{"\ufffd": "\ufffd"}']
    [reject] = lines_of(tmp_path / "out" / "rejected" / "rejected.jsonl")
    assert (reject["reason"], reject["position"]) == ("bad_json", 3)
    assert reject["source"] == f"{folder}/caf\ufffd.jsonl"
    summary = run(
        request_of(folder, tmp_path, **changes | {"format": "csv", "overwrite": True}),
        predictor,
    )
    assert summary.counts["replaced_nul"] == 1
    assert summary.counts["values_as_text"] == {}


def test_a_name_with_nul_is_a_new_one_in_csv_and_counted(tmp_path, predictor):
    path = tmp_path / "x.jsonl"
    path.write_text(
        '{"text": "good", "n\\u0000m": 1, "n\ufffdm": 2}\n'
        '{"text": "dull", "n\\u0000m": 3}\n'
    )
    options = ReadOptions(label_column=None, keep_all=True)
    request = request_of(path, tmp_path, options=options, keep=None, format="csv")
    counts = run(request, predictor).counts
    assert counts["renamed_columns"] == {"n\ufffdm": 2, "n\ufffdm_2": 1}
    with (tmp_path / "out" / "part-00000-of-00001.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["n\ufffdm"], first["n\ufffdm_2"]) == ("1", "2")
    assert (second["n\ufffdm"], second["n\ufffdm_2"]) == ("3", "")


def test_a_column_of_the_outputs_is_refused_before_anything_runs(
    tmp_path, predictor, monkeypatch
):
    path = tmp_path / "x.csv"
    path.write_text("text,predicted_label\ngood,old\n")
    options = ReadOptions(label_column=None, keep_all=True)
    request = request_of(path, tmp_path, options=options, keep=None)
    with monkeypatch.context() as patched:
        patched.setattr(beam, "Pipeline", None)
        with pytest.raises(UserError, match="has a column `predicted_label`"):
            run(request, predictor)
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]
    options = ReadOptions(label_column=None)
    request = request_of(path, tmp_path, options=options, keep=())
    assert run(request, predictor).counts["rows_out"] == 1


def test_a_column_of_the_outputs_that_comes_late_is_refused_in_the_same_words(
    tmp_path, predictor
):
    path = tmp_path / "x.jsonl"
    path.write_text(
        '{"text": "good"}\n' * 1000 + '{"text": "good", "text_is_cut": 1}\n'
    )
    options = ReadOptions(label_column=None, keep_all=True)
    request = request_of(path, tmp_path, options=options, keep=None)
    with pytest.raises(UserError, match="has a column `text_is_cut`"):
        run(request, predictor)
    assert [path.name for path in tmp_path.iterdir()] == ["x.jsonl"]


def test_parquet_columns_keep_their_types(tmp_path, predictor):
    zone = datetime.timezone(datetime.timedelta(hours=2))
    columns = {
        "text": pa.array(["good", "dull", "good"]),
        "day": pa.array([datetime.date(2026, 11, 25), None, datetime.date(1, 1, 1)]),
        "at": pa.array([datetime.datetime(2026, 1, 2, 3, 4, 5, 6), None, None]),
        "seen": pa.array([datetime.datetime(2026, 1, 2, tzinfo=zone)] * 3),
        "raw": pa.array([b"\xff", b"", None]),
        "n": pa.array([1, None, 3]),
    }
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    options = ReadOptions(label_column=None, keep_all=True)
    changes = {"options": options, "keep": None, "format": "parquet", "chunk_rows": 2}
    run(request_of(tmp_path / "x.parquet", tmp_path, **changes), predictor)
    table = pq.read_table(tmp_path / "out" / "part-00000-of-00001.parquet")
    for name, column in columns.items():
        assert table[name].to_pylist() == column.to_pylist(), name
        assert pa.types.is_string(table[name].type) == (name == "text")
