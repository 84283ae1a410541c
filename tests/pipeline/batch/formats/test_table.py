"""Carried values in JSON's types."""

from __future__ import annotations

import datetime
import decimal
import json

import pandas as pd
import pytest

from pipeline.batch.formats import table


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a", "a"),
        (3, 3),
        (True, True),
        (None, None),
        (0.5, 0.5),
        (float("nan"), None),
        (float("inf"), None),
        (b"\xff\x00", "/wA="),
        (datetime.date(2026, 11, 25), "2026-11-25"),
        (datetime.datetime(2026, 11, 25, 3, 4), "2026-11-25T03:04:00"),
        (decimal.Decimal("1.10"), "1.10"),
        ([1, {"a": float("nan")}], [1, {"a": None}]),
        ((1, 2), [1, 2]),
        (datetime.timedelta(days=1, microseconds=500000), "P1DT0.5S"),
        (datetime.timedelta(seconds=-1), "-P0DT1S"),
        (pd.Timedelta(86_400_000_000_001, "ns"), "P1DT0.000000001S"),
    ],
)
def test_values_become_json(value, expected):
    assert table.to_json(value) == expected
    json.dumps(table.to_json(value), allow_nan=False)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "null"),
        (True, "bool"),
        (1, "int"),
        (2**63, "string"),
        (-(2**63), "long"),
        (2**53, "int"),
        (2**53 + 1, "long"),
        (1.5, "float"),
        ("x", "string"),
        ([1], "string"),
        (datetime.date(2026, 11, 25), "date"),
        (datetime.datetime(2026, 11, 25, 3, 4), "timestamp"),
        (datetime.datetime(2026, 11, 25, tzinfo=datetime.timezone.utc), "instant"),
        (pd.Timestamp("2026-11-25T00:00:00.000001"), "timestamp"),
        (pd.Timestamp("2026-11-25T00:00:00.000000001"), "string"),
        (b"x", "bytes"),
        (decimal.Decimal("1.10"), "string"),
    ],
)
def test_the_kind_is_the_type_of_a_column(value, kind):
    assert table.kind_of(value) == kind


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (2**24, "int"),
        (2**24 + 1, "long"),
        (3.4e38, "float"),
        (-1e39, "double"),
        (float("inf"), "float"),
    ],
)
def test_floats_of_tfrecord_hold_less(value, kind):
    assert table.kind_of(value, "tfrecord") == kind


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        ("int", "int", "int"),
        ("null", "bool", "bool"),
        ("bool", "null", "bool"),
        ("int", "float", "float"),
        ("int", "long", "long"),
        ("long", "float", "string"),
        ("double", "float", "string"),
        ("double", "null", "double"),
        ("float", "int", "float"),
        ("int", "bool", "string"),
        ("string", "int", "string"),
        ("null", "null", "null"),
        ("date", "date", "date"),
        ("date", "timestamp", "string"),
        ("timestamp", "instant", "string"),
        ("bytes", "null", "bytes"),
    ],
)
def test_two_kinds_have_a_common_one(one, other, common):
    assert table.common_kind(one, other) == common


@pytest.mark.parametrize(
    "value",
    [
        None,
        "a",
        3,
        b"\xff\x00",
        datetime.date(2026, 11, 25),
        datetime.datetime(2026, 11, 25, 3, 4, 5, 6),
        datetime.datetime(2026, 11, 25, tzinfo=datetime.timezone.utc),
    ],
)
def test_what_became_json_comes_back_by_its_kind(value):
    kind = table.kind_of(value)
    assert table.from_json(kind, table.to_json(value)) == value


def test_columns_of_tables_are_merged_in_the_order_in_which_they_come():
    merged = table.merge_kinds(
        {"b": {"int": 2}, "a": {"null": 1}}, {"a": {"bool": 1}, "c": {"int": 1}}
    )
    assert merged == {"b": "int", "a": "bool", "c": "int"}
    assert list(merged) == ["b", "a", "c"]


def test_values_of_columns_with_several_kinds_are_counted():
    columns = (
        {"n": {"long": 2, "null": 1}, "x": {"int": 3}},
        {"n": {"float": 1, "string": 4}, "x": {"int": 1}},
    )
    assert table.count_as_text("parquet", *columns) == {"n": 3}
    assert table.count_as_text("jsonl", *columns) == {}
    assert table.count_as_text("tfrecord", {"n": {"double": 2}}) == {"n": 2}


@pytest.mark.parametrize(
    ("value", "text"),
    [("a,b", "a,b"), (None, ""), (1, "1"), (True, "true"), ([1, "ä"], '[1, "ä"]')],
)
def test_a_field_of_csv_is_text(value, text):
    assert table.to_text(value) == text
