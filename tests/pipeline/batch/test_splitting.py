"""Which files one worker reads, and what it takes from their rows."""

from __future__ import annotations

import gzip
import json
import math
import time

import pyarrow as pa
import pytest
from pyarrow import parquet

from components.text_example_gen.options import ReadOptions
from pipeline.batch import splitting
from pipeline.batch.splitting import (
    FileGroup,
    InputFile,
    SplitFiles,
    find_files,
    group_files,
    pack_group,
    read_chunk,
)
from pipeline.batch.staging import BatchJob, Request


def _file(path, size=1):
    return InputFile(
        path=path, size_bytes=size, changed=0.0, noted_ns=0, in_class_folder=""
    )


def test_small_files_share_a_group_and_large_ones_do_not(monkeypatch):
    monkeypatch.setattr(splitting, "_GROUP_BYTES", 10)
    sizes = [3, 3, 3, 3, 50, 1, 1]
    files = [_file(str(number), size) for number, size in enumerate(sizes)]
    groups = group_files(files)
    paths = [[file["path"] for file in group["files"]] for group in groups]
    assert paths == [["0", "1", "2"], ["3"], ["4"], ["5", "6"]]
    assert [group["number"] for group in groups] == [0, 1, 2, 3]


def test_a_group_has_a_bound_on_its_files(monkeypatch):
    monkeypatch.setattr(splitting, "_GROUP_FILES", 2)
    groups = group_files([_file(str(number)) for number in range(5)])
    assert [len(group["files"]) for group in groups] == [2, 2, 1]


def test_files_of_overlapping_patterns_are_read_once(tmp_path):
    for name in ("a.csv", "b.csv", ".hidden.csv", "_SUCCESS.csv"):
        (tmp_path / name).write_text("text\nx\n")
    (tmp_path / "README").write_text("about")
    files, left_out = find_files([f"{tmp_path}/b*", f"{tmp_path}/*"])
    assert left_out == [
        f"{tmp_path}/README",
        f"{tmp_path}/.hidden.csv",
        f"{tmp_path}/_SUCCESS.csv",
    ]
    assert [file["path"] for file in files] == [
        str(tmp_path / "b.csv"),
        str(tmp_path / "a.csv"),
    ]
    assert all(file["size_bytes"] == 7 and file["changed"] > 0 for file in files)


@pytest.fixture
def split(tmp_path):
    """Splits one file; returns the carried columns of its rows, and the record."""

    def split(path, format="jsonl", keep=None, key=None, text="text"):
        request = Request(
            inputs=(str(path),),
            options=ReadOptions(
                text_column=text,
                label_column=None,
                key_column=key,
                keep_all=keep is None,
                other_columns=keep or (),
            ),
            keep=keep,
            output="",
            overwrite=False,
            format=format,
            shards=None,
            chunk_rows=100,
            chunk_chars=2**20,
            beam_args=(),
        )
        job = BatchJob(request, str(tmp_path / f"work-{format}-{keep}"))
        group = FileGroup(number=0, files=find_files([str(path)])[0])
        [record] = SplitFiles(job).process(pack_group(group))
        chunks = [read_chunk(chunk["path"]) for chunk in record["chunks"]]
        return [row.columns for rows in chunks for row in rows], record

    return split


def test_a_key_that_is_no_number_is_no_key(tmp_path, split):
    path = tmp_path / "a.jsonl"
    keys = ("NaN", "1e999", "-Infinity", "null", '""', "0")
    path.write_text("".join(f'{{"text":"x","id":{key}}}\n' for key in keys))
    rows, record = split(path, key="id")
    assert rows == [{"text": "x", "id": 0}]
    assert record["reasons"] == {"no_key": 5}


def test_what_is_no_finite_number_stays_in_parquet_and_is_counted_elsewhere(
    tmp_path, split
):
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"text":"x","a":NaN,"b":[1e400,1,-Infinity]}\n{"text":"y","a":1}\n'
    )
    (row, _), record = split(path, keep=("a", "b"))
    assert row == {"a": None, "b": [None, 1, None]}
    assert record["as_null"] == {"a": 1, "b": 2}
    (row, other), record = split(path, "parquet", keep=("a", "b"))
    assert math.isnan(row["a"])
    assert row["b"] == [None, 1, None]
    assert other == {"a": 1, "b": None}
    assert record["as_null"] == {"b": 2}


def test_nul_in_the_keys_of_hdf5_is_counted(tmp_path, split):
    path = tmp_path / "a.jsonl"
    path.write_text(r'{"text":"x","id":"a\u0000","b":"\u0000","c":NaN}')
    [row], record = split(path, "hdf5", key="id")
    assert row["id"] == "a\ufffd"
    assert record["replaced_nul"] == 1
    assert record["as_null"] == {}


def test_bytes_of_a_text_that_are_no_utf8_are_counted_and_others_are_not(
    tmp_path, split
):
    path = tmp_path / "a.parquet"
    texts = [b"good \xff film", b"good \xc3\xa9", b"\xfe"]
    parquet.write_table(pa.table({"text": texts, "blob": [b"\xff"] * 3}), path)
    rows, record = split(path, keep=("blob",))
    assert (len(rows), record["replaced_utf8"]) == (3, 2)


def test_texts_of_several_columns_are_joined_and_carried(split, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("title,body,id\nA.,b,1\n,alone,2\n,,3\n")
    for keep, names in ((None, {"title", "body", "id"}), (("title",), {"title"})):
        rows, record = split(path, keep=keep, text=("title", "body"))
        chunk = read_chunk(record["chunks"][0]["path"])
        assert [row.text for row in chunk] == ["A . b", "alone"]
        assert [set(row) for row in rows] == [names] * 2
        assert record["reasons"] == {"no_text": 1}


def test_names_that_rows_bring_along_have_a_bound(tmp_path, split):
    """Each row of the output has all columns: a row with thousands fails alone."""
    path = tmp_path / "a.jsonl"
    many = {f"k{number}": 1 for number in range(1001)}
    own = [{"text": "x", f"own{number}": 1} for number in range(1500)]
    rows = [{"text": "y", "a": 1}, {"text": "z", **many}, *own, {"text": "y", "a": 2}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found, record = split(path)
    assert record["reasons"] == {"too_many_columns": 501}
    assert len(found) == 1 + 1000 + 1 and found[-1] == {"text": "y", "a": 2}
    assert len(record["columns"]) == 1002
    found, record = split(path, keep=("a",))
    assert len(found) == len(rows) and not record["reasons"]


def test_a_text_in_the_place_of_a_name_is_no_column(tmp_path, split):
    path = tmp_path / "a.jsonl"
    rows = [{"text": "x"}, {"text": "y", "z" * 1001: 1}, {"text": "y", "z" * 1000: 1}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found, record = split(path)
    assert len(found) == 2 and record["reasons"] == {"too_many_columns": 1}
    path = tmp_path / "a.csv"
    path.write_text("text," + "z" * 1001 + "\nx,1\n")
    found, record = split(path, keep=("text",))
    assert found == [{"text": "x"}] and not record["reasons"]
    found, record = split(path, "parquet")
    assert not found and record["reasons"] == {"too_many_columns": 1}


def test_a_row_may_have_the_columns_of_a_wide_file_before_it(tmp_path, split):
    names = [f"k{number}" for number in range(1500)]
    header = ",".join(["text", *names])
    (tmp_path / "a.csv").write_text(header + "\nx" + ",1" * 1500 + "\n")
    (tmp_path / "b.jsonl").write_text('{"text": "y", "id": 1}\n' * 2)
    found, record = split(tmp_path / "*")
    assert [len(row) for row in found] == [1501, 2, 2] and not record["reasons"]


def test_rows_of_texts_that_are_files_say_which(tmp_path, split):
    for label in ("pos", "neg"):
        (tmp_path / "texts" / label).mkdir(parents=True)
        (tmp_path / "texts" / label / "1.txt").write_text(f"a {label} text")
    files = [str(tmp_path / "texts" / label / "1.txt") for label in ("neg", "pos")]
    rows, _ = split(tmp_path / "texts/*/*")
    assert [row["source"] for row in rows] == files
    rows, _ = split(tmp_path / "texts/*/*", key="source", keep=("source",))
    assert rows == [{"source": name} for name in files]


def test_a_chunk_has_a_bound_on_its_values(tmp_path, split, monkeypatch):
    monkeypatch.setattr(splitting, "_CHUNK_VALUES", 500)
    rows = [{"text": f"film {n}", "meta": [{"": 0}] * 100 * (n % 3)} for n in range(6)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "a.jsonl").write_text(lines)
    found, record = split(tmp_path / "a.jsonl")
    assert [row["meta"] for row in found] == [row["meta"] for row in rows]
    assert [chunk["rows"] for chunk in record["chunks"]] == [2, 2, 1, 1]


@pytest.mark.parametrize(("name", "count"), [("a.jsonl", 3), ("a.csv", 1)])
def test_rows_may_all_have_the_same_thousands_of_names(tmp_path, split, name, count):
    names = [f"k{number}" for number in range(3000)]
    rows = [{"text": "x", **dict.fromkeys(names, row)} for row in range(3)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "a.jsonl").write_text(lines)
    csv = ",".join(["text", *names]) + "\nx" + ",1" * 3000 + "\n"
    (tmp_path / "a.csv").write_text(csv)
    found, record = split(tmp_path / name)
    assert [len(row) for row in found] == [3001] * count and not record["reasons"]


def test_a_chunk_can_be_written_in_any_year(tmp_path, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 2.0**32)  # 2106
    path = str(tmp_path / "a.jsonl.gz")
    splitting._write_chunk(path, ['["a", 1, {}, null]'])
    assert gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()).startswith(b'["a"')
