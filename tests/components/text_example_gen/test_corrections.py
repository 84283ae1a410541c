"""Labels that a person corrected in a table."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from components.text_example_gen.corrections import (
    CorrectionCounts,
    as_cell,
    from_cell,
    read_corrections,
    row_id,
)
from components.text_example_gen.errors import DataError
from components.text_example_gen.notes import correction_notes

_HEADER = ("rank", "row_id", "label", "text", "corrected_label")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    rows = [(f"text {i}", ("neg", "pos")[i % 2]) for i in range(30)]
    _write(path, [("text", "label"), *rows, ("TEXT  1", "pos")])
    return path


def _write(path: Path, rows, encoding: str = "utf-8", delimiter: str = ",") -> Path:
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


def _table(path: Path, lines, **options) -> Path:
    rows = [(n, row_id(text), old, text, new) for n, (text, old, new) in lines]
    return _write(path, [_HEADER, *rows], **options)


@pytest.mark.parametrize(
    "options", [{}, {"encoding": "utf-16", "delimiter": "\t"}, {"delimiter": ";"}]
)
def test_every_line_of_a_table_is_accounted_for(ingest, data, tmp_path, options):
    table = _table(
        tmp_path / "review.csv",
        enumerate(
            [
                ("text 1", "pos", " neg "),  # and the same in capitals
                ("text 2", "neg", ""),
                ("text 3", "neg", "pos"),  # so it is
                ("text 5", "other", "neg"),  # no row has this label
                ("gone", "neg", "pos"),
                ("text 7", "pos", "pos"),
            ]
        ),
        **options,
    )
    result = ingest(data, corrections=str(table))
    labels = dict(result.rows)
    assert labels["text 1"] == labels["TEXT  1"] == "neg"
    before = {f"text {i}": ("neg", "pos")[i % 2] for i in range(30) if i != 1}
    assert {text: labels[text] for text in before} == before
    assert result.counts["rows_in"] == result.counts["rows_used"] == 31
    counts = result.counts["corrections"]
    assert counts.pop("from_examples").endswith("../review.csv")
    assert counts == {
        "path": str(table),
        "applied": 1,
        "rows": 2,
        "as_data": 2,
        "not_found": 2,
        "undecided": 1,
        "not_found_lines": [5, 6],
    }


def test_a_label_that_no_row_has_is_a_slip_of_the_pen(ingest, data, tmp_path):
    table = _table(tmp_path / "t.csv", [(1, ("text 1", "pos", "negg"))])
    message = r"t.csv, line 2: no row of the data has the label 'negg'\nhint: .* 'neg'"
    with pytest.raises(DataError, match=message):
        ingest(data, corrections=str(table))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("row_id", "label"), ("t1", "a")], "no column `corrected_label`"),
        ([_HEADER, (1, "17", "a", "x", "b")], "line 2: `row_id` must be as"),
        ([_HEADER, (1, row_id("x"), "", "x", "b")], "line 2: `label` is empty"),
        (
            [
                _HEADER,
                (1, row_id("x"), "a", "x", "b"),
                (2, row_id("X"), "a", "X", "c"),
            ],
            "line 3: the same row is 'b' in line 2, and here 'c'",
        ),
    ],
)
def test_a_table_that_cannot_be_used_gets_one_clear_line(tmp_path, rows, message):
    table = _write(tmp_path / "t.csv", rows)
    with pytest.raises(DataError, match=message) as error:
        read_corrections(str(table))
    assert "t.csv" in str(error.value)


def test_a_table_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match="none.csv: No such file"):
        read_corrections(str(tmp_path / "none.csv"))


def test_notes_say_what_became_of_them(tmp_path, ingest, data):
    assert correction_notes(None) == []
    table = _table(
        tmp_path / "t.csv",
        [(1, ("text 1", "pos", "neg")), (2, ("gone", "pos", "neg"))],
    )
    counts = CorrectionCounts(
        **ingest(data, corrections=str(table)).counts["corrections"]
    )
    assert correction_notes(counts) == [
        "1 of 2 corrections changed 2 rows",
        "corrections of rows that are not there, with this text and label: "
        f"1 (line 3 of {table})",
    ]


@pytest.mark.parametrize(
    "value", ["pos", "é 1", "1", "-5", "0", "“Well”", "...", "/data/a.csv", ""]
)
def test_a_cell_that_a_spreadsheet_leaves_alone_is_written_as_it_is(value):
    assert as_cell(value) == from_cell(value) == value


@pytest.mark.parametrize(
    "value",
    ["=1+1", "+1", "-x", "@a", "\t=1", " =1", "007", "1.10", "1-2", ".5", "'x", "''7"],
)
def test_a_cell_that_might_be_a_formula_or_be_rounded_comes_back(value):
    assert as_cell(value) == "'" + value
    assert from_cell(as_cell(value)) == value


def test_a_label_with_an_apostrophe_that_a_person_typed_stays():
    assert from_cell("'tis") == "'tis"
    assert from_cell(7) == 7


def test_labels_of_digits_survive_a_table(ingest, tmp_path):
    data = tmp_path / "digits.csv"
    rows = [(f"text {i}", ("007", "+1")[i % 2]) for i in range(30)]
    _write(data, [("text", "label"), *rows])
    table = _table(
        tmp_path / "review.csv", [(1, ("text 2", as_cell("007"), as_cell("+1")))]
    )
    result = ingest(data, corrections=str(table))
    assert dict(result.rows)["text 2"] == "+1"
