"""Parquet with values that Python does not have, and with values that are too large."""

from __future__ import annotations

import base64
import datetime
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading import parquet
from components.text_example_gen.reading.arrow_values import text_sizes
from components.text_example_gen.reading.parquet_batches import check_row_counts
from components.text_example_gen.reading.read_file import read_file
from components.text_example_gen.reading.records import MAX_RECORD_CHARS

KEPT = ReadOptions(label_column=None, keep_all=True)
UTC = datetime.timezone.utc


def strings(*values: bytes) -> pa.Array:
    """Strings of any bytes, which no builder would take."""
    offsets = np.cumsum([0, *map(len, values)], dtype="int32")
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(values))]
    return pa.Array.from_buffers(pa.string(), len(values), buffers)


def times(unit, zone, *values):
    return pa.array(values, pa.int64()).view(pa.timestamp(unit, zone))


def repeated(rows, value):
    """A column that is one value again and again, and in a file hardly more than it."""
    return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), [value])


@pytest.fixture
def read(tmp_path):
    def read(columns, options=KEPT, names=None, **writing):
        path = tmp_path / "a.parquet"
        if not isinstance(columns, pa.Table):
            columns = pa.table(columns, names)
        pq.write_table(columns, path, version="2.6", write_statistics=False, **writing)
        return list(read_file(str(path), options))

    return read


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (strings(b"a\xff", b"b"), "a\ufffd"),
        (pa.array([2**31 - 1, 0], pa.int32()).view(pa.date32()), "5881580-07-11"),
        (pa.array([1001, 0], pa.time64("ns")), "00:00:00.000001001"),
        (pa.array([1000, 1], pa.time64("ns")), datetime.time(0, 0, 0, 1)),
        (
            pa.array([[3_600_000_000_001], []], pa.list_(pa.time64("ns"))),
            ["01:00:00.000000001"],
        ),
        (times("us", None, 2**60, 0), "38504-08-17T21:30:06.846976"),
        (times("us", "UTC", 2**60, 0), "38504-08-17T21:30:06.846976+00:00"),
        (times("ms", "UTC", -(2**60), 0), "-36532"),
        (
            times("us", "Mars/Phobos", 1, 0),
            datetime.datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
        ),
        (times("ns", "Mars/Phobos", 1, 0), pd.Timestamp(1, unit="ns", tz="UTC")),
        (times("us", "Asia/Tokyo", 253402300799000000, 0), None),
        (pa.array([-1, 0], pa.int64()).view(pa.time64("us")), None),
    ],
)
@pytest.mark.parametrize("form", ["flat", "list", "structure", "map"])
def test_a_value_that_python_does_not_have_is_mended(read, column, value, form):
    nested = {
        "flat": lambda: column,
        "list": lambda: pa.ListArray.from_arrays(pa.array([0, 1, 2], "int32"), column),
        "structure": lambda: pa.StructArray.from_arrays([column], ["x"]),
        "map": lambda: pa.MapArray.from_arrays([0, 1, 2], ["k", "k"], column),
    }[form]()
    items = read({"text": ["x", "y"], "v": nested})
    assert [item["columns"]["text"] for item in items] == ["x", "y"]
    found = items[0]["columns"]["v"]
    if form == "list":
        found = found[0]
    elif form == "structure":
        found = found["x"]
    elif form == "map":
        found = found[0][1]
    if isinstance(value, str):
        assert value in found
    elif value is not None:
        assert found == value
    is_text = pa.types.is_string(column.type)
    assert [item["replaced_utf8"] for item in items] == [is_text, False]


def test_a_duration_that_python_does_not_have_is_iso_8601(read):
    # Not in maps: of these Parquet keeps the number alone.
    [record] = read(
        {"text": ["x"], "v": pa.array([[-(2**62)]], pa.list_(pa.duration("s")))}
    )
    assert record["columns"]["v"] == ["-P53375995583650DT27904S"]


def test_columns_and_members_of_one_name_are_all_kept(read):
    inner = pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"])
    columns = [pa.array(["x"]), pa.array(["p"]), pa.array(["q"]), inner]
    table = pa.Table.from_arrays(columns, ["text", "note", "note", "s"])
    [record] = read(table)
    assert record["columns"] == {
        "text": "x",
        "note": "p",
        "note_2": "q",
        "s": {"a": 1, "a_2": 2},
    }
    assert record["renamed"] == ("note_2", "a_2")
    [record] = read(table, ReadOptions(label_column=None))
    assert (record["columns"], record["renamed"]) == ({"text": "x"}, ())


@pytest.mark.parametrize("use_dictionary", [False, True])
def test_a_text_that_is_too_long_costs_its_row(read, use_dictionary):
    long = "a" * (MAX_RECORD_CHARS + 1)
    good = "\u00e4" * 100_000
    columns = {"text": [good, long, "y"]}
    first, bad, last = read(columns, compression="zstd", use_dictionary=use_dictionary)
    assert first["columns"] == {"text": good}
    assert (bad["reason"], bad["position"]) == ("too_long", 2)
    assert bad["text"] == "a" * 1000
    assert "`text` alone has about 16,777,217 characters" in bad["detail"]
    assert last["columns"] == {"text": "y"}


def test_a_column_that_is_not_kept_costs_nothing(read):
    long = "a" * (MAX_RECORD_CHARS + 1)
    options = ReadOptions(label_column=None)
    [record] = read({"text": ["x"], "other": [long]}, options, compression="zstd")
    assert record["columns"] == {"text": "x"}


@pytest.mark.parametrize("use_dictionary", [False, True])
def test_rows_are_read_so_many_at_a_time_as_fit_into_memory(
    tmp_path, monkeypatch, use_dictionary
):
    monkeypatch.setattr(parquet, "_BATCH_BYTES", 2**20)
    path = tmp_path / "a.parquet"
    pq.write_table(
        pa.table({"text": ["a" * 2**17] * 600, "n": list(range(600))}),
        path,
        compression="zstd",
        use_dictionary=use_dictionary,
        write_batch_size=1,
        dictionary_pagesize_limit=2**30,
    )
    usual = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(usual)
    pa.set_memory_pool(pool)
    try:
        items = list(read_file(str(path), KEPT))
    finally:
        pa.set_memory_pool(usual)
    assert [len(item["columns"]["text"]) for item in items] == [2**17] * 600
    assert pool.max_memory() < 8 * 2**20


@pytest.mark.parametrize("page", [2**20, 2**30])
def test_a_dictionary_is_not_read_for_every_few_rows(tmp_path, monkeypatch, page):
    """A category of pandas: each batch has all of its values."""
    texts = pa.array([f"text {n} {'of many ' * 12}" for n in range(30_000)])
    path = tmp_path / "a.parquet"
    table = pa.table({"text": texts.dictionary_encode(), "n": range(30_000)})
    pq.write_table(table, path, dictionary_pagesize_limit=page)
    batches = []

    def noted(*args, **kwargs):
        for batch in group_batches(*args, **kwargs):
            batches.append(len(batch))
            yield batch

    group_batches = parquet.group_batches
    monkeypatch.setattr(parquet, "group_batches", noted)
    options = ReadOptions(label_column=None, keep_all=True)
    columns = [record["columns"] for record in read_file(str(path), options)]
    assert columns == table.to_pylist()
    assert len(batches) <= 4


def test_a_page_that_is_far_larger_than_on_disk_is_not_unpacked(read, monkeypatch):
    monkeypatch.setattr(parquet, "_MOST_BYTES", 2**20)
    text = "a" * 2**21
    [reject] = read({"text": [text, "x"]}, compression="zstd", use_dictionary=False)
    assert (reject["reason"], reject["position"]) == ("too_long", 0)
    assert "2,097,167 bytes of column `text`" in reject["detail"]
    good, _ = read({"text": [text, "x"]}, compression="none", use_dictionary=False)
    assert good["columns"] == {"text": text}


def test_lists_that_are_far_larger_than_on_disk_are_not_unpacked(read, monkeypatch):
    monkeypatch.setattr(parquet, "_MOST_BYTES", 2**20)
    zeros = pa.ListArray.from_arrays([0, 2**20], pa.array(np.zeros(2**20, "int8")))
    columns = {"text": ["x"], "v": zeros}
    [reject] = read(columns, compression="zstd")
    assert "column `v.list." in reject["detail"]  # `item` or `element`
    [record] = read(columns, ReadOptions(label_column=None), compression="zstd")
    assert record["columns"] == {"text": "x"}


def test_the_lists_of_all_columns_share_one_bound(read, monkeypatch):
    monkeypatch.setattr(parquet, "_MOST_BYTES", 10 * 2**20)
    zeros = pa.ListArray.from_arrays([0, 2**20], pa.array(np.zeros(2**20, "int8")))
    columns = {"text": ["x"], "a": zeros}
    [record] = read(columns, compression="zstd")
    assert "reason" not in record
    [reject] = read({**columns, "b": zeros}, compression="zstd")
    assert reject["reason"] == "too_long"
    assert "bytes of columns up to column `b.list." in reject["detail"]


def test_texts_in_lists_are_counted_before_they_are_made(read):
    # A thousand times a megabyte in one row.
    texts = repeated(1000, "a" * 2**20)
    lists = pa.ListArray.from_arrays([0, 1000], texts)
    [reject] = read(
        {"text": ["x"], "v": lists}, compression="zstd", dictionary_pagesize_limit=2**30
    )
    assert reject["reason"] == "too_long"


def test_a_type_that_is_a_program_does_not_run(read, tmp_path):
    class Program(pa.PyExtensionType):
        def __init__(self):
            super().__init__(pa.int64())

        def __reduce__(self):
            return (print, ("it ran",))

    column = pa.ExtensionArray.from_storage(Program(), pa.array([1]))
    [reject] = read({"text": ["x"], "v": column})
    assert reject["reason"] == "damaged_file"
    assert "a program" in reject["detail"]


@pytest.mark.parametrize("size", [2**27 - 1, 2**32 + 64])
def test_a_page_that_says_it_is_larger_than_its_column_is_damage(tmp_path, size):
    path = tmp_path / "a.parquet"
    table = pa.table({"text": ["x" * 2**20]})
    pq.write_table(table, path, compression="none", use_dictionary=False)
    data = path.read_bytes()
    header = pq.read_metadata(path).row_group(0).column(0).data_page_offset
    # Fields of type i32: the page's type, its size, and its size on disk in 4 bytes.
    place = header + 2 + 1 + 4
    assert data[header] == data[place] == 0x15
    number = _varint(2 * size)
    path.write_bytes(data[: place + 1] + number + data[place + 1 + len(number) :])
    before = pa.total_allocated_bytes()
    [reject] = read_file(str(path), KEPT)
    assert (reject["reason"], reject["position"]) == ("damaged_file", 0)
    assert "page" in reject["detail"]
    assert pa.total_allocated_bytes() == before


# Of the column of numbers in a page of four rows: that the page has 1 value, and that
# the third number belongs to the second row (levels of repetition 0, 1, 1, 0, 0).
SHORT = {
    "numbers": ([1, 2, 3, 4], b"\x2c\x15\x08", b"\x2c\x15\x02", "have 1 values of 4"),
    "lists": (
        [[1, 2], [3], [4], [5]],
        b"\x03\x02",
        b"\x03\x06",
        "`numbers` has 3 rows of 4|columns do not have the same size",
    ),
}


@pytest.mark.parametrize(("column", "old", "new", "reason"), SHORT.values(), ids=SHORT)
def test_a_column_with_fewer_rows_than_others_is_damage(
    tmp_path, column, old, new, reason
):
    # pyarrow ended the process when it was asked for the rows that only others have.
    path = tmp_path / "a.parquet"
    table = pa.table({"text": ["a", "b", "c", "d"], "numbers": column})
    options = {"compression": "none", "use_dictionary": False}
    pq.write_table(table, path, write_statistics=False, **options)
    assert len([*read_file(str(path), KEPT)]) == 4
    before, found, after = path.read_bytes().rpartition(old)
    assert found
    path.write_bytes(before + new + after)
    [reject] = read_file(str(path), KEPT)
    assert (reject["reason"], reject["position"]) == ("damaged_file", 0)
    assert any(words in reject["detail"] for words in reason.split("|"))


def test_a_row_group_that_lacks_a_column_is_damage():
    groups = [SimpleNamespace(num_rows=2, num_columns=1)]
    metadata = SimpleNamespace(
        num_row_groups=1, num_rows=2, num_columns=2, row_group=groups.__getitem__
    )
    with pytest.raises(EOFError, match="row group 1 has 1 of 2 columns"):
        check_row_counts(metadata)


def test_no_wrong_count_of_rows_loses_rows(tmp_path):
    path = tmp_path / "a.parquet"
    table = pa.table({"text": ["a", "b", "c", "d"], "numbers": [[1], [], [2], [3]]})
    pq.write_table(table, path, use_dictionary=False, write_statistics=False)
    data, rows = path.read_bytes(), [*read_file(str(path), KEPT)]
    four, three = b"\x16\x08", b"\x16\x06"  # a field of type i64
    refused = 0
    for place in range(len(data)):
        if data[place : place + 2] == four:
            path.write_bytes(data[:place] + three + data[place + 2 :])
            found = [*read_file(str(path), KEPT)]
            refused += found != rows
            assert found == rows or found[0]["reason"] == "damaged_file", place
    assert refused == 3  # of the file, of its row group, of the texts


def test_a_value_that_its_dictionary_does_not_have_is_damage():
    for indices, dictionary in ([0, 3], ["a"]), ([-1], ["a"]), ([0], []):
        array = pa.DictionaryArray.from_arrays(
            pa.array(indices, pa.int32()), pa.array(dictionary, pa.string()), safe=False
        )
        with pytest.raises(pa.ArrowInvalid, match="none of the"):
            text_sizes(array)
    missing = pa.array([None, None], pa.dictionary(pa.int32(), pa.string()))
    assert text_sizes(missing).tolist() == [0, 0]


def _varint(number: int) -> bytes:
    data = []
    while number > 127:
        data.append(number & 127 | 128)
        number >>= 7
    return bytes([*data, number])


def test_columns_in_structures_have_names_with_dots(tmp_path):
    rows = [
        {"id": 1, "data": {"text": "x", "meta": {"label": True}}, "data.id": 7},
        {"id": 2, "data": {"text": "y", "meta": None}, "data.id": 8},
        {"id": 3, "data": None, "data.id": None},
    ]
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    names = {"text_column": "data.text", "label_column": "data.meta.label"}
    items = read_file(str(path), ReadOptions(**names, key_column="data.id"))
    assert [item["columns"] for item in items] == [
        {"data.text": "x", "data.meta.label": True, "data.id": 7},
        {"data.text": "y", "data.id": 8},
        {"data.id": None},
    ]
    [first, *_] = read_file(str(path), ReadOptions(**names, keep_all=True))
    assert list(first["columns"]) == [*rows[0], "data.text", "data.meta.label"]
    [error] = read_file(str(path), ReadOptions(label_column="id"))
    assert "did you mean `data.text`?" in error["detail"]


def test_a_file_with_two_texts_in_a_structure_is_refused(tmp_path):
    pair = [pa.array(["x"]), pa.array(["y"])]
    twice = pa.StructArray.from_arrays(pair, ["text", "text"])
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"m": twice}), path)
    options = ReadOptions(text_column="m.text", label_column=None)
    [reject] = read_file(str(path), options)
    assert reject["reason"] == "missing_column"
    assert "has 2 columns named `m.text`" in reject["detail"]


def test_a_float_of_32_bits_has_the_digits_of_its_own_kind(tmp_path):
    path = tmp_path / "a.parquet"
    labels = pa.array([0.1, 2.0, None], pa.float32())
    pq.write_table(pa.table({"text": ["a", "b", "c"], "label": labels}), path)
    items = list(read_file(str(path), ReadOptions()))
    assert [item["columns"]["label"] for item in items] == [0.1, 2.0, None]


def test_a_column_of_which_a_list_is_missing_is_named_and_can_be_left_out(tmp_path):
    """As pandas and datasets write vectors; pyarrow gives no row of the file then."""
    said = pa.schema([("text", pa.string()), ("vector", pa.list_(pa.float32(), 2))])
    vectors = pa.array([[1.0, 2.0], None], pa.list_(pa.float32()))
    table = pa.table({"text": ["x", "y"], "vector": vectors})
    written = base64.b64encode(said.serialize().to_pybytes())
    path = tmp_path / "a.parquet"
    pq.write_table(table.replace_schema_metadata({"ARROW:schema": written}), path)
    [reject] = read_file(str(path), KEPT)
    assert reject["reason"] == "damaged_file"
    assert "cannot be read with column `vector`, where a list is" in reject["detail"]
    assert "hint: carry other columns only (`keep`)" in reject["detail"]
    others = read_file(str(path), ReadOptions(label_column=None))
    assert [record["columns"] for record in others] == [{"text": "x"}, {"text": "y"}]
