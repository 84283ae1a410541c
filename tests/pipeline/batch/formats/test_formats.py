"""Parts and the files that are made of them, read back by the formats' own readers."""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from pipeline.batch.formats.formats import FORMATS, join_parts, suffix, write_part
from pipeline.batch.formats.table import Table

COLUMNS = {
    "id": "int",
    "name": "string",
    "share": "float",
    "done": "bool",
    "empty": "null",
}
ROWS = [
    {"id": 1, "name": 'a "b", c\nd', "share": 0.5, "done": True, "empty": None},
    {"id": None, "name": "ä\u2028z", "share": None, "done": None},
    {"id": 3, "name": [1, 2], "share": 2, "done": False, "empty": None},
]
NAMES = ['a "b", c\nd', "ä\u2028z", "[1, 2]"]


def _joined(folder, format_name, tables, columns):
    parts = []
    for number, rows in enumerate(tables):
        parts.append(f"{folder}/parts/{number}{suffix(format_name)}")
        size = write_part(format_name, parts[-1], Table(columns, rows, key=None))
        assert size > 0 or not rows or format_name == "tfrecord"
    path = f"{folder}/finished/file{suffix(format_name)}"
    join_parts(format_name, path, columns, parts)
    return path


@pytest.fixture(params=[[ROWS], [ROWS[:1], ROWS[1:]], [ROWS[:2], [], ROWS[2:]]])
def tables(request):
    """The same rows, cut into parts in several ways."""
    return request.param


def test_json_lines(tmp_path, tables):
    path = _joined(tmp_path, "jsonl", tables, COLUMNS)
    with open(path, encoding="utf-8", newline="\n") as file:
        rows = [json.loads(line) for line in file.read().split("\n")[:-1]]
    assert rows == [{name: row.get(name) for name in COLUMNS} for row in ROWS]
    assert [list(row) for row in rows] == [list(COLUMNS)] * 3


def test_csv_has_one_header(tmp_path, tables):
    path = _joined(tmp_path, "csv", tables, COLUMNS)
    with open(path, encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == list(COLUMNS)
    assert [row[1] for row in rows] == NAMES
    assert rows[0] == ["1", NAMES[0], "0.5", "true", ""]
    assert rows[1] == ["", NAMES[1], "", "", ""]


def test_columns_that_differ_by_nul_alone_have_two_names_in_csv(tmp_path):
    columns = ["g\0h", "g\ufffdh"]
    FORMATS["csv"].join(tmp_path / "a.csv", dict.fromkeys(columns, "str"), [])
    assert (tmp_path / "a.csv").read_text() == "g\ufffdh,g\ufffdh_2\n"


def test_csv_quotes_a_lone_carriage_return_and_replaces_nul(tmp_path):
    columns = {"a\0": "string", "b": "string"}
    rows = [{"a\0": "x\ry", "b": "p\0q"}]
    path = _joined(tmp_path, "csv", [rows], columns)
    with open(path, encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["a\ufffd", "b"], ["x\ry", "p\ufffdq"]]


def test_parquet_has_the_types_of_the_columns(tmp_path, tables):
    path = _joined(tmp_path, "parquet", tables, COLUMNS)
    table = pq.read_table(path)
    types = [str(table.schema.field(name).type) for name in COLUMNS]
    assert types == ["int64", "string", "double", "bool", "string"]
    assert table.column("name").to_pylist() == NAMES
    assert table.column("id").to_pylist() == [1, None, 3]
    assert table.column("share").to_pylist() == [0.5, None, 2.0]
    assert table.column("done").to_pylist() == [True, None, False]


def test_parquet_tells_missing_numbers_from_nan_and_infinity(tmp_path):
    values = [math.nan, None, math.inf, 0.5]
    path = _joined(tmp_path, "parquet", [[{"n": n} for n in values]], {"n": "float"})
    column = pq.read_table(path)["n"].to_pylist()
    assert math.isnan(column[0])
    assert column[1:] == values[1:]


def test_a_number_beyond_the_floats_of_tfrecord_is_text(tmp_path):
    path = _joined(tmp_path, "tfrecord", [[{"n": 1e39}]], {"n": "double"})
    [record] = tf.data.TFRecordDataset(path)
    feature = tf.train.Example.FromString(record.numpy()).features.feature["n"]
    assert feature.bytes_list.value == [b"1e+39"]


def test_tfrecord_holds_examples(tmp_path, tables):
    path = _joined(tmp_path, "tfrecord", tables, COLUMNS)
    examples = [
        tf.train.Example.FromString(record.numpy())
        for record in tf.data.TFRecordDataset(path)
    ]
    first, second, third = (example.features.feature for example in examples)
    assert first["id"].int64_list.value == [1]
    assert first["done"].int64_list.value == [1]
    assert first["share"].float_list.value == [0.5]
    assert second["name"].bytes_list.value == [NAMES[1].encode()]
    assert not second["id"].int64_list.value
    assert third["name"].bytes_list.value == [b"[1, 2]"]
    assert set(first) == set(COLUMNS)


@pytest.mark.parametrize("format_name", ["jsonl", "csv", "parquet", "tfrecord"])
def test_no_parts_make_an_empty_file(tmp_path, format_name):
    path = _joined(tmp_path, format_name, [], COLUMNS)
    content = Path(path).read_bytes()
    if format_name == "csv":
        assert content.decode().strip() == ",".join(COLUMNS)
    elif format_name == "parquet":
        assert pq.read_table(path).num_rows == 0
    else:
        assert content == b""


def test_an_empty_parquet_file_has_all_columns_of_the_others(tmp_path):
    columns = {"tokens": "strings", "vectors": "vectors"}
    full = _joined(tmp_path, "parquet", [_vectors("float32")], columns)
    path = str(tmp_path / "empty.parquet")
    join_parts("parquet", path, columns, [], like=full)
    assert pq.read_table(path).num_rows == 0
    assert pq.read_schema(path) == pq.read_schema(full)


def _vectors(dtype, shape=()):
    rng = np.random.default_rng(0)
    return [
        {"tokens": ["t"] * n, "vectors": rng.normal(size=(n, *shape, 4)).astype(dtype)}
        for n in (3, 0, 1)
    ]


@pytest.mark.parametrize("shape", [(), (2,)])
def test_parquet_keeps_the_vectors_of_tokens(tmp_path, shape):
    rows = _vectors("float32", shape)
    columns = {"tokens": "strings", "vectors": "vectors"}
    path = _joined(tmp_path, "parquet", [rows[:2], rows[2:]], columns)
    table = pq.read_table(path)
    assert table.column("tokens").to_pylist() == [row["tokens"] for row in rows]
    for vectors, row in zip(table.column("vectors").to_pylist(), rows, strict=True):
        expected = row["vectors"]
        np.testing.assert_array_equal(
            np.array(vectors, "float32").reshape(expected.shape), expected
        )


def test_float16_is_binary_of_fixed_size_in_parquet(tmp_path):
    rows = _vectors("float16")
    path = _joined(tmp_path, "parquet", [rows], {"vectors": "vectors"})
    column = pq.read_table(path).column("vectors").to_pylist()
    for data, row in zip(column, rows, strict=True):
        vectors = np.frombuffer(b"".join(data), "<f2").reshape(-1, 4)
        np.testing.assert_array_equal(vectors, row["vectors"])


def test_parquet_keeps_one_vector_a_row(tmp_path):
    rows = [{"vector": np.arange(4, dtype="float32") + n} for n in range(3)]
    path = _joined(tmp_path, "parquet", [rows[:1], rows[1:]], {"vector": "vector"})
    column = pq.read_table(path).column("vector").to_pylist()
    np.testing.assert_array_equal(column, [row["vector"] for row in rows])


def test_hdf5_has_the_published_layout(tmp_path):
    vectors = _vectors("float32")
    rows = [
        {"id": f"k{n}", "sentence": f"text {n}", "vectors": row["vectors"]}
        for n, row in enumerate(vectors)
    ]
    columns = {"id": "string", "sentence": "string", "vectors": "vectors"}
    parts = [str(tmp_path / f"{n}.hdf5") for n in range(2)]
    write_part("hdf5", parts[0], Table(columns, rows[:2], key="id"))
    write_part("hdf5", parts[1], Table(columns, rows[2:], key="id"))
    path = str(tmp_path / "joined.hdf5")
    join_parts("hdf5", path, columns, parts)
    with h5py.File(path) as file:
        assert set(file) == {"0", "1", "2", "sentence_to_index", "keys"}
        index = json.loads(file["sentence_to_index"].asstr()[0])
        assert index == {"text 0": "0", "text 1": "1", "text 2": "2"}
        assert file["keys"].asstr()[:].tolist() == ["k0", "k1", "k2"]
        for number, row in enumerate(rows):
            np.testing.assert_array_equal(file[str(number)], row["vectors"])


def test_hdf5_without_rows_has_its_keys(tmp_path):
    columns = {"id": "string", "sentence": "string", "vectors": "vectors"}
    path = str(tmp_path / "joined.hdf5")
    join_parts("hdf5", path, columns, [])
    with h5py.File(path) as file:
        assert set(file) == {"sentence_to_index", "keys"}
        assert file["keys"].asstr()[:].tolist() == []
    join_parts("hdf5", path, {"sentence": "string", "vectors": "vectors"}, [])
    with h5py.File(path) as file:
        assert set(file) == {"sentence_to_index"}


def test_a_part_that_fails_leaves_nothing(tmp_path):
    path = tmp_path / "parts" / "a.parquet"
    with pytest.raises(KeyError):
        write_part("parquet", str(path), Table({"x": "no such kind"}, [{"x": 1}]))
    assert list(path.parent.iterdir()) == []


_WITHOUT_ROOM = """
import os, resource, sys
import numpy as np
from pipeline.batch.formats.formats import join_parts, write_part
from pipeline.batch.formats.table import Table

folder, where = sys.argv[1:]
row = {"vectors": np.ones((8, 512), "f4"), "sentence": "x" * 3000}
rows = [{**row, "id": n} for n in range(9)]
columns = {"vectors": "vectors", "sentence": "string", "id": "int"}
part = f"{folder}/part.hdf5"
write_part("hdf5", part, Table(columns, rows, key="id"))
for limit in (1, 5000, 60_000, 140_000):
    if child := os.fork():
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        continue
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        if where == "join":
            join_parts("hdf5", f"{folder}/file.hdf5", columns, [part])
        else:
            write_part("hdf5", part, Table(columns, rows, key="id"))
    except OSError as error:
        print(error.strerror, error.filename, flush=True)
    sys.exit()
"""


@pytest.mark.parametrize("where", ["write", "join"])
def test_hdf5_without_room_says_so_and_ends_well(repository, tmp_path, where):
    """Libhdf5 crashes if a write fails, or if what it wrote reads in another way."""
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_ROOM, str(tmp_path), where],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said, codes = done.stdout.splitlines()[::2], done.stdout.splitlines()[1::2]
    assert codes == ["0"] * 4
    assert all(line.startswith("File too large /") for line in said)
