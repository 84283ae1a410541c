"""The columns that all rows of a batch job have together."""

from __future__ import annotations

from collections import Counter

import pytest

from pipeline.batch import graph
from pipeline.batch.formats.table import Kind
from pipeline.batch.graph import ColumnError, carried_columns


def split(number, rows, **columns):
    """Returns what a group of files came to: columns with how many rows have each."""
    return {
        "number": number,
        "chunks": [{"name": "", "path": "", "rows": rows}],
        "columns": {name: Counter({Kind.INT: n}) for name, n in columns.items()},
    }


def test_columns_stand_in_the_order_of_the_files():
    splits = [split(1, 1, b=1, c=1), split(0, 2, a=2, b=1)]
    assert list(carried_columns(splits, ["label"])) == ["a", "b", "c"]


def test_a_column_of_the_models_name_is_refused():
    with pytest.raises(ColumnError, match="a column `label`, which the output needs"):
        carried_columns([split(0, 1, label=1)], ["label"])


def test_a_wide_file_beside_a_long_one_is_refused_before_it_fills_the_disk():
    wide = split(0, 1, **{f"k{number}": 1 for number in range(4000)})
    few, many = split(1, 2000, text=2000), split(1, 100_000, text=100_000)
    assert len(carried_columns([wide, few], [])) == 4001
    long = split(0, 1, **{"k" * 100_000: 1})
    with pytest.raises(ColumnError, match="in the output each would have all 2"):
        carried_columns([long, many], [])
    with pytest.raises(ColumnError, match="has 1 columns on average.*all 4,001"):
        carried_columns([wide, many], [])
    rows = 100_000  # that have a tenth of the columns
    own = {f"k{number}": rows // 10 for number in range(400)}
    assert len(carried_columns([split(0, rows, **own)], [])) == 400
    assert carried_columns([split(0, 0)], []) == {}


def test_without_a_good_row_the_columns_are_those_that_are_asked_for():
    none = {"number": 0, "chunks": [], "columns": {}}
    kinds = {"id": Kind.NULL, "day": Kind.NULL}
    assert carried_columns([none], ["label"], ["id", "day"]) == kinds
    rows = [none, split(1, 1, text=1)]
    assert carried_columns(rows, ["label"], ["id", "day"]) == {"text": Kind.INT}
    with pytest.raises(ColumnError, match="a column `label`"):
        carried_columns([none], ["label"], ["label"])


@pytest.mark.parametrize(
    ("format_name", "renamed"),
    [("csv", {"n\ufffdm": 5, "n\ufffdm_2": 1}), ("jsonl", {})],
)
def test_columns_that_nul_tells_apart_are_renamed_where_there_is_none(
    format_name, renamed
):
    splits = [split(0, 2, **{"a": 2, "n\0m": 2}), split(1, 3, **{"n\0m": 3})]
    splits[1]["columns"]["n\ufffdm"] = Counter({Kind.NULL: 1})
    names = list(carried_columns(splits, []))
    assert graph._renamed_as_written(names, splits, format_name) == renamed
