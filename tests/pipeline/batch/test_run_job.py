"""Whole jobs on Beam's local runner."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path

import apache_beam as beam
import pytest
import tensorflow as tf

from components.text_example_gen.options import ReadOptions
from pipeline.batch import scoring
from pipeline.batch.inputs import first_look
from pipeline.batch.predicting import Predictor
from pipeline.errors import UserError
from tests.pipeline.batch.jobs import lines_of, request_of, run

BROKEN = [
    b"only one field\n",
    b"n1,too,many,fields\n",
    b"n2,\n",
    b'n3,"  \t "\n',
    b'n4,"an open quote\n',
    b"n5,a \0 character\n",
    b"n6,<br />\n",
    b",no key\n",
    b"n7,boom\n",
    b'n8,"' + b"long " * (16 * 2**18) + b'"\n',
]


@pytest.fixture
def data(tmp_path):
    return _write_data(tmp_path / "data")


def _write_data(folder):
    """Two files: one with ten broken rows among good ones, one zipped and clean."""
    folder.mkdir()
    with (folder / "a.csv").open("wb") as file:
        file.write(b"id,text\n")
        for number in range(100):
            words = b"word " * (number % 9)
            file.write(b'a%d,"%sgood, film"\n' % (number, words))
            if number % 10 == 5:
                file.write(BROKEN[number // 10])
    with gzip.open(folder / "b.csv.gz", "wb") as file:
        file.write(b"id,text\nb0,dull\nb1,a good one\n")
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory, predictor):
    """The folder of a finished job over that data, with its output, and its summary."""
    folder = tmp_path_factory.mktemp("finished")
    return folder, run(request_of(_write_data(folder / "data"), folder), predictor)


def test_every_good_row_comes_out_once_in_order_and_every_bad_one_apart(finished):
    folder, summary = finished
    assert summary.counts["rows_in"] == 112
    assert summary.counts["rows_out"] == 102
    assert summary.rows_rejected == 10
    assert summary.counts["reasons"] == {
        "no_text": 3,
        "bad_quotes": 1,
        "model_failed": 1,
        "no_key": 1,
        "not_text": 1,
        "too_few_fields": 1,
        "too_long": 1,
        "too_many_fields": 1,
    }
    rows = lines_of(folder / "out" / "part-00000-of-00001.jsonl")
    assert [row["id"] for row in rows] == [f"a{n}" for n in range(100)] + ["b0", "b1"]
    labels = [row["predicted_label"] for row in rows]
    assert labels == ["good"] * 100 + ["bad", "good"]
    assert [row["text_is_cut"] for row in rows[:9]] == [False] * 4 + [True] * 5
    rejects = lines_of(folder / "out" / "rejected" / "rejected.jsonl")
    assert len(rejects) == 10
    assert {Path(reject["source"]).name for reject in rejects} == {"a.csv"}
    [failed] = [r for r in rejects if r["reason"] == "model_failed"]
    assert (failed["text"], failed["position"]) == ("boom", 96)
    assert not (folder / "out.unfinished").exists()
    assert summary.counts["output_files"] == [
        "part-00000-of-00001.jsonl",
        "rejected/rejected.jsonl",
    ]


@pytest.mark.parametrize(
    "sizes", [{"shards": 3}, {"chunk_rows": 1000}, {"chunk_chars": 300, "shards": 2}]
)
def test_sizes_of_chunks_and_files_change_no_row(finished, tmp_path, predictor, sizes):
    folder, _ = finished
    run(request_of(folder / "data", tmp_path, **sizes), predictor)
    parts = sorted((tmp_path / "out").glob("part-*"))
    assert len(parts) == sizes.get("shards", 1)
    rows = [row for part in parts for row in lines_of(part)]
    assert rows == lines_of(folder / "out" / "part-00000-of-00001.jsonl")


def test_an_interrupted_job_goes_on_where_it_was(
    data, tmp_path, predictor, monkeypatch
):
    scored = []
    real = scoring.write_part

    def write_part(format_name, path, table):
        scored.append(path)
        if len(scored) == 4:
            raise OSError("the machine went down")
        return real(format_name, path, table)

    monkeypatch.setattr(scoring, "write_part", write_part)
    request = request_of(data, tmp_path)
    with pytest.raises(Exception, match="the machine went down"):
        run(request, predictor)
    assert not (tmp_path / "out").exists()
    before = len(scored)
    summary = run(request, predictor)
    assert summary.counts["rows_out"] == 102
    rows = lines_of(tmp_path / "out" / "part-00000-of-00001.jsonl")
    assert [row["id"] for row in rows] == [f"a{n}" for n in range(100)] + ["b0", "b1"]
    # Of seven chunks three were done; the fourth is done again.
    assert len(scored) - before == 4


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x55
    path.write_bytes(data)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    "damage",
    [_flip, _cut, lambda path: path.write_bytes(b""), Path.unlink],
    ids=["flip", "cut", "empty", "gone"],
)
@pytest.mark.parametrize(
    "files",
    ["parts/*.jsonl", "parts/*.json", "splits/*.json", "chunks/*", "rejected/*"],
)
def test_what_a_power_cut_has_damaged_is_done_again(
    finished, tmp_path, predictor, monkeypatch, files, damage
):
    folder, expected = finished
    real = scoring.write_part

    def write_part(format_name, path, table):
        if "00000-00004" in path:
            raise OSError("the machine went down")
        return real(format_name, path, table)

    request = request_of(folder / "data", tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(scoring, "write_part", write_part)
        with pytest.raises(Exception, match="the machine went down"):
            run(request, predictor)
    found = [*(tmp_path / "out.unfinished").glob(f"*/{files}")]
    assert found
    for path in found:
        damage(path)
    summary = run(request, predictor)
    assert summary.counts == expected.counts
    for name in ("part-00000-of-00001.jsonl", "rejected/rejected.jsonl"):
        here, there = (each / "out" / name for each in (tmp_path, folder))
        assert lines_of(here) == lines_of(there)


def test_a_chunk_of_which_nothing_is_left_leaves_no_hole(tmp_path, predictor):
    path = tmp_path / "x.csv"
    path.write_text("id,text\n" + "a,boom\n" * 16 + "b,good\n")
    for format_name in ("parquet", "jsonl"):
        request = request_of(
            path, tmp_path, output=str(tmp_path / format_name), format=format_name
        )
        summary = run(request, predictor)
        assert (summary.counts["rows_out"], summary.rows_rejected) == (1, 16)


@pytest.fixture
def killed(data, tmp_path, predictor, monkeypatch):
    """A job that ended when its files were split."""

    def fail(*_):
        raise OSError("the machine went down")

    with monkeypatch.context() as patched:
        patched.setattr(scoring, "write_part", fail)
        with pytest.raises(Exception, match="went down"):
            run(request_of(data, tmp_path), predictor)


@pytest.mark.usefixtures("killed")
def test_changed_input_is_not_mixed_with_what_was_done(data, tmp_path, predictor):
    with (data / "a.csv").open("ab") as file:
        file.write(b"a100,one more\n")
    assert run(request_of(data, tmp_path), predictor).counts["rows_out"] == 103


@pytest.mark.usefixtures("killed")
def test_an_input_of_the_same_size_and_time_is_another_one(data, tmp_path, predictor):
    """As `cp -p`, `rsync -a` and `tar x` put one into the place of another."""
    path = data / "a.csv"
    before, text = path.stat(), path.read_bytes()
    path.write_bytes(text.replace(b"a0,", b"z0,", 1))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    run(request_of(data, tmp_path), predictor)
    first, *_ = lines_of(next((tmp_path / "out").glob("part-*")))
    assert first["id"] == "z0"


def test_a_file_that_may_not_be_read_is_refused_before_anything_runs(
    data, tmp_path, predictor, monkeypatch
):
    zipped = str(data / "b.csv.gz")  # to root, no file is closed
    monkeypatch.setattr(os, "access", lambda path, *_: path != zipped)
    monkeypatch.setattr(beam, "Pipeline", None)
    with pytest.raises(UserError, match=r"b.csv.gz cannot be read: permission"):
        run(request_of(data, tmp_path), predictor)
    assert not (tmp_path / "out.unfinished").exists()


def test_files_that_went_away_after_the_first_look_are_no_job_without_rows(
    data, tmp_path, predictor
):
    request = request_of(data / "*.csv", tmp_path)
    previews = {each: first_look(each, request.options) for each in request.inputs}
    (data / "a.csv").unlink()
    with pytest.raises(UserError, match=r"No file matches .*/\*.csv\n.* b.csv.gz"):
        run(request, predictor, previews=previews)
    assert not (tmp_path / "out").exists()


def test_input_in_the_output_is_refused_whatever_glob_names_it(
    data, tmp_path, predictor, monkeypatch
):
    monkeypatch.setattr(beam, "Pipeline", None)
    changes = {"overwrite": True, "output": str(data)}
    with pytest.raises(UserError, match="lies in the output"):
        run(request_of(tmp_path / "*" / "a.csv", tmp_path, **changes), predictor)
    assert (data / "a.csv").exists()


def test_a_missing_column_is_refused_before_anything_runs(data, tmp_path, predictor):
    options = ReadOptions(label_column=None, text_column="review", keep_all=True)
    with pytest.raises(UserError, match="no column `review`"):
        run(request_of(data, tmp_path, options=options), predictor)


def test_a_damaged_file_is_a_problem_and_costs_no_other(data, tmp_path, predictor):
    # Longer than what is looked at before the job starts.
    rows = "".join(f"c{number},good {number}\n" for number in range(20_000))
    whole = gzip.compress(f"id,text\n{rows}".encode())
    (data / "b.csv.gz").write_bytes(whole[:-2000])
    request = request_of(data, tmp_path, chunk_rows=5000)
    summary = run(request, predictor)
    assert "b.csv.gz is damaged" in summary.counts["problems"][0]
    assert summary.counts["reasons"]["damaged_file"] == 1
    assert 15_000 < summary.counts["rows_out"] < 20_100
    assert (
        summary.counts["rows_in"] == summary.counts["rows_out"] + summary.rows_rejected
    )


def test_the_model_is_loaded_once(data, tmp_path, predictor, monkeypatch):
    loaded = []
    real = tf.saved_model.load
    monkeypatch.setattr(
        tf.saved_model, "load", lambda folder: loaded.append(folder) or real(folder)
    )
    folder = shutil.copytree(predictor.folder, tmp_path / "other" / "4")
    run(request_of(data, tmp_path), Predictor.inspect(str(folder), None))
    assert len(loaded) == 1


def test_rows_with_invalid_utf8_are_used_and_counted(tmp_path, predictor):
    path = tmp_path / "x.csv"
    path.write_bytes(b"id,text\na,good \xff film\nb,good \xc3\xa9\nc,\xfe\n")
    summary = run(request_of(path, tmp_path, keep=None), predictor)
    assert (summary.counts["rows_out"], summary.counts["replaced_utf8"]) == (3, 2)
    first = lines_of(tmp_path / "out" / "part-00000-of-00001.jsonl")[0]
    assert first["text"] == "good \ufffd film"
