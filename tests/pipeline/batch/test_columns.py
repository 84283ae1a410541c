"""What becomes of the columns of the input in the output of a job."""

from __future__ import annotations

import csv
import datetime
import os

import apache_beam as beam
import h5py
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.text_example_gen.options import ReadOptions
from pipeline.batch.embedding import Embedder
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


_NO_TEXT = {
    "x.csv": "text,id,day\n,1,2\n" + '" ",2,3\n' * 5,
    "x.jsonl": '{"text": "", "id": 1, "day": 2}\n' * 5,
    "header.csv": "text,id,day" + ",x" * 1500 + "\n",
}


@pytest.mark.parametrize("name", _NO_TEXT)
@pytest.mark.parametrize("keep", [None, ("id",), ("day", "id")])
def test_an_output_without_rows_has_the_columns_that_are_carried(
    tmp_path, predictor, name, keep
):
    path = tmp_path / name
    path.write_text(_NO_TEXT[name])
    options = ReadOptions(
        label_column=None, keep_all=keep is None, other_columns=keep or ()
    )
    if name == "header.csv":  # nothing is known of it but what is asked for
        expected = keep or ("text",)
    else:
        expected = keep or ("text", "id", "day")
    changes = {"options": options, "keep": keep, "overwrite": True}
    for format_name in ("csv", "parquet"):
        request = request_of(path, tmp_path, format=format_name, **changes)
        assert run(request, predictor).counts["rows_out"] == 0
        file = tmp_path / "out" / f"part-00000-of-00001.{format_name}"
        if format_name == "csv":
            with file.open(newline="") as lines:
                [names] = csv.reader(lines)
        else:
            names = pq.read_schema(file).names
        assert names == [*expected, *predictor.fields]


@pytest.mark.parametrize("settings", [{}, {"pooled": True}, {"dtype": "float16"}])
def test_an_output_without_rows_has_the_vectors_of_those_with_rows(
    tmp_path, small_elmo, settings
):
    (tmp_path / "x.csv").write_text("text,id\n,1\n,2\n")
    (tmp_path / "y.csv").write_text("text,id\ngood,1\n")
    options = ReadOptions(label_column=None, other_columns=("id",))
    changes = {"options": options, "format": "parquet", "overwrite": True}
    schemas = []
    for name, shards in (("y.csv", 1), ("x.csv", 2)):
        request = request_of(tmp_path / name, tmp_path, shards=shards, **changes)
        run(request, Embedder(source=str(small_elmo), **settings))
        files = sorted((tmp_path / "out").glob("part-*"))
        assert len(files) == shards
        schemas += map(pq.read_schema, files)
    assert schemas[1:] == schemas[:1] * 2


def test_keys_are_there_without_rows(tmp_path, small_elmo):
    (tmp_path / "x.csv").write_text("text,id\n,1\n,2\n")
    request = request_of(tmp_path / "x.csv", tmp_path, format="hdf5")
    run(request, Embedder(source=str(small_elmo), as_sentences=True))
    with h5py.File(tmp_path / "out" / "part-00000-of-00001.hdf5") as file:
        assert set(file) == {"keys", "sentence_to_index"}
