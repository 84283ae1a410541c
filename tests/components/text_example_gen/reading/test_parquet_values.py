"""What becomes of Parquet's values, beside which rows and by whichever program."""

from __future__ import annotations

import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading import parquet
from components.text_example_gen.reading.read_file import read_file
from components.text_example_gen.values import to_json

KEPT = ReadOptions(label_column=None, keep_all=True)


@pytest.mark.skipif(int(pa.__version__.split(".")[0]) > 14, reason="float16 is known")
def test_a_type_that_is_too_new_is_not_taken_for_damage(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["a"]}), path)
    text, half = (b"\x4c" + kind + b"\0\0" for kind in (b"\x1c", b"\xfc"))  # in Thrift
    before = path.read_bytes()
    assert before.count(text) == 1
    path.write_bytes(before.replace(text, half))
    [reject] = read_file(str(path), KEPT)
    assert reject["reason"] == "unknown_format"
    assert f"pyarrow {pa.__version__}, which reads it, does not" in reject["detail"]


def test_an_encoding_that_is_too_new_is_not_taken_for_damage(tmp_path, monkeypatch):
    """No writer at hand makes one: what pyarrow raises is all that is real here."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["a"]}), path)

    def refuse(*_, **__):
        raise OSError("Not yet implemented: DecodeArrow for an encoding.")

    monkeypatch.setattr(parquet, "group_batches", refuse)
    [reject] = read_file(str(path), KEPT)
    assert reject["reason"] == "unknown_format"


def _many_kinds():
    day = datetime.datetime(2024, 2, 29, 12, 30, 1, 5)
    numbers = pa.array([0.1, 2.5, None])
    times = pa.array([day, day, None], pa.timestamp("us"))
    kinds = {str(kind): numbers.cast(kind) for kind in (pa.float32(), pa.float64())}
    for kind in (pa.timestamp("ns"), pa.timestamp("s"), pa.date32(), pa.date64()):
        kinds[str(kind)] = times.cast(kind, safe=False)
    kinds["zone"] = times.cast(pa.timestamp("us", "Europe/Berlin"))
    kinds["duration"] = pa.array([1, 2, None], pa.duration("ms"))
    kinds["time"] = pa.array([1, 2, None], pa.time64("us"))
    kinds["decimal"] = pa.array([1, 2, None]).cast(pa.decimal128(38, 2))
    kinds["binary"] = pa.array([b"a", b"\xff", None])
    kinds["category"] = pa.array(["a", "b", None]).dictionary_encode()
    kinds["list"] = pa.array([[0.1], [], None], pa.list_(pa.float32()))
    kinds["map"] = pa.array([[("a", 0.1)], [], None], pa.map_("string", "float"))
    kinds["structure"] = pa.StructArray.from_arrays(
        [kinds["float"], pa.array(["a", "b", "c"])], ["number", "text"]
    )
    return kinds


def test_no_value_of_a_row_depends_on_the_rows_beside_it(tmp_path):
    """Beside a text that is not UTF-8, rows are read one by one."""
    read = []
    for last in (b"good", b"b\xffd"):
        texts = pa.array([b"a", b"b", last]).view(pa.string())
        path = tmp_path / "a.parquet"
        pq.write_table(pa.table({"text": texts, **_many_kinds()}), path)
        read.append([item["columns"] for item in read_file(str(path), KEPT)])
    good, beside_bad = read
    assert repr(good[:2]) == repr(beside_bad[:2])


@pytest.mark.parametrize(
    ("year", "program"),
    [(1678, b""), (1901, b""), (2024, b"")]
    + [(2024, b"parquet-mr"), (2263, b"parquet-mr"), (9999, b"parquet-mr")],
)
def test_times_in_the_old_form_are_those_that_were_written(tmp_path, year, program):
    time = datetime.datetime(year, 12, 31, 1, 2, 3, 4)
    path = tmp_path / "a.parquet"
    table = pa.table({"text": ["a"], "t": pa.array([time], pa.timestamp("us"))})
    pq.write_table(table, path, use_deprecated_int96_timestamps=True)
    # As Spark writes it, which pyarrow does from 1970 on.
    path.write_bytes(path.read_bytes().replace(b"parquet-cpp"[: len(program)], program))
    [record] = read_file(str(path), KEPT)
    assert record["columns"]["t"] == time


_LEAST = -(2**63)
LEAST_TIMES = {
    pa.timestamp("ns"): "1677-09-21T00:12:43.145224192",
    pa.timestamp("ns", "Europe/Berlin"): "1677-09-21T00:12:43.145224192+00:00",
    pa.duration("ns"): "-P106751DT85636.854775808S",
    pa.timestamp("us", "UTC"): f"{_LEAST} timestamp[us, tz=UTC]",
}


@pytest.mark.parametrize("kind", LEAST_TIMES, ids=str)
@pytest.mark.parametrize("is_inside", [False, True], ids=["column", "list"])
def test_the_least_time_is_not_taken_for_none(tmp_path, kind, is_inside):
    values = pa.array([_LEAST, _LEAST + 1, None], pa.int64()).view(kind)
    if is_inside:
        values = pa.ListArray.from_arrays([0, 1, 2, 3], values)
    path = tmp_path / "a.parquet"
    table = pa.table({"text": ["a", "b", "c"], "time": values})
    pq.write_table(table, path, version="2.6")
    rows = [to_json(r["columns"]) for r in read_file(str(path), KEPT)]
    least, next_one, none = (
        row["time"][0] if is_inside else row["time"] for row in rows
    )
    assert least == LEAST_TIMES[kind]
    assert "NaT" not in next_one
    assert none is None
