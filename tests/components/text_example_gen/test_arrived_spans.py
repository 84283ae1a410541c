"""Which files make a span, and which spans are complete."""

from __future__ import annotations

import pytest

from components.text_example_gen.arrived_spans import (
    arrived_spans,
    check_span,
    newest_span,
)
from components.text_example_gen.errors import DataError


def test_spans_are_numbers_or_days_and_nothing_else_is_a_span(put, tmp_path):
    put("1/a.csv", "12/a.csv", "12/b.csv", "new/a.csv", "13/_SUCCESS")
    numbered = arrived_spans(f"{tmp_path}/{{SPAN}}/*.csv")
    assert numbered == {1: f"{tmp_path}/1", 12: f"{tmp_path}/12"}
    put("d-2026-11-26.csv", "d-2026-02-30.csv", "d-26-1-1.csv")
    days = arrived_spans(f"{tmp_path}/d-{{YYYY}}-{{MM}}-{{DD}}.csv")
    assert list(days) == [20783]


def test_a_width_and_a_version_are_part_of_the_form(put, tmp_path):
    put("0007/v1/a.csv", "8/v2/a.csv")
    assert list(arrived_spans(f"{tmp_path}/{{SPAN:4}}/v{{VERSION}}/*")) == [7]


@pytest.mark.parametrize(
    ("names", "pattern", "number", "message"),
    [
        (["1.csv", "12.csv"], "{SPAN}*.csv", 1, "12.csv may belong to span 12 of "),
        (["a3.csv", "a12.csv"], "*{SPAN}.csv", 3, "a12.csv may belong to span 2 of "),
        (["1x/a.csv", "14/a.csv"], "{SPAN}?/*", 1, "14/a.csv may belong to span 1"),
        (["001/a.csv"], "{SPAN}/*.csv", 1, r"has zeros before .*\nhint: \{SPAN:3\}"),
        (["1/a.csv", "02/a.csv"], "{SPAN}/*.csv", 1, "02/a.csv has zeros before"),
        (["0001/a.csv"], "{SPAN:3}/*", 1, r"hint: \{SPAN:4\} stands for 4 digits"),
    ],
)
def test_a_span_that_is_not_told_from_others_is_refused(
    put, tmp_path, names, pattern, number, message
):
    put(*names)
    with pytest.raises(DataError, match=message):
        check_span(f"{tmp_path}/{pattern}", number)


@pytest.mark.parametrize(
    ("names", "pattern", "number"),
    [
        (["1/a.csv", "12/a.csv", "x/a.csv"], "{SPAN}/*.csv", 1),
        (["1-a.csv", "1-b.csv", "12-a.csv"], "{SPAN}-*.csv", 1),
        (["1.csv", "1b.csv", "2.csv"], "{SPAN}*.csv", 1),
        (["2024.csv", "2025.csv"], "20{SPAN:2}.csv", 24),
        (["v21/a.csv", "v23/a.csv"], "v2{SPAN}/*.csv", 1),
        (["0001/a.csv", "12345/a.csv"], "{SPAN:4}/*", 1),
        (["1/v1/a.csv", "1/v2/a.csv"], "{SPAN}/v{VERSION}/*", 1),
        (["2026-01-01.csv", "2026-01-011.csv"], "{YYYY}-{MM}-{DD}*.csv", 20454),
    ],
)
def test_a_span_that_is_told_from_others_passes(put, tmp_path, names, pattern, number):
    put(*names)
    check_span(f"{tmp_path}/{pattern}", number)


def test_digits_of_other_scripts_make_no_span(put, tmp_path):
    put("3/a.csv", "\u0661\u0662/a.csv")
    assert newest_span(f"{tmp_path}/{{SPAN}}/*") == 3


def test_a_placeholder_that_stands_twice_must_agree(put, tmp_path):
    put("1/span-1.csv", "2/span-3.csv")
    assert list(arrived_spans(f"{tmp_path}/{{SPAN}}/span-{{SPAN}}.csv")) == [1]


def test_the_newest_is_the_highest_number_not_the_last_name(put, tmp_path):
    put("9/a.csv", "10/a.csv")
    assert newest_span(f"{tmp_path}/{{SPAN}}/*") == 10


def test_a_span_without_its_done_file_is_passed_over(put, tmp_path):
    put("1/a.csv", "1/_SUCCESS", "2/a.csv")
    assert newest_span(f"{tmp_path}/{{SPAN}}/*", "_SUCCESS") == 1
    put("2/_SUCCESS")
    assert newest_span(f"{tmp_path}/{{SPAN}}/*", "_SUCCESS") == 2


def test_a_done_file_lies_in_the_spans_own_folder_also_above_its_files(put, tmp_path):
    put("1/pos/a.txt", "1/neg/b.txt", "1/neg/_SUCCESS")
    pattern = f"{tmp_path}/{{SPAN}}/*/*.txt"
    assert arrived_spans(pattern) == {1: f"{tmp_path}/1"}
    with pytest.raises(DataError, match="none of 1 has"):
        newest_span(pattern, "_SUCCESS")
    put("1/_SUCCESS")
    assert newest_span(pattern, "_SUCCESS") == 1


def test_a_done_file_may_be_named_by_its_span(put, tmp_path):
    put("s1.csv", "s2.csv", "s1.done")
    assert newest_span(f"{tmp_path}/s{{SPAN}}.csv", "s{SPAN}.done") == 1


def test_no_complete_span_is_refused_with_those_that_are_there(put, tmp_path):
    put("1/a.csv", "2/a.csv")
    with pytest.raises(
        DataError, match="none of 2 has the file _SUCCESS, the newest being 1, 2"
    ):
        newest_span(f"{tmp_path}/{{SPAN}}/*", "_SUCCESS")


def test_no_span_at_all_is_refused_with_the_place_where_it_was_looked_for(tmp_path):
    with pytest.raises(DataError, match=r"No file matches .*/\{SPAN\}/\*"):
        newest_span(f"{tmp_path}/{{SPAN}}/*")
