from __future__ import annotations

import pytest

from components.text_example_gen.spans import (
    check_placeholders,
    has_spans,
    pattern_of_span,
    span_name,
    span_number,
)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("data/*.csv", False),
        ("data/{SPAN}/*.csv", True),
        ("data/{SPAN:4}/*.csv", True),
        ("data/{YYYY}-{MM}-{DD}.csv", True),
        ("data/v{VERSION}/*.csv", False),
        ("data/{SPAN}/v{VERSION}/*.csv", True),
    ],
)
def test_a_pattern_has_spans_if_it_names_numbers_or_days(pattern, expected):
    assert has_spans(pattern) is expected


@pytest.mark.parametrize("width", ["", "x", "0", "-2", "11", "99999999999", "\u0664"])
def test_a_width_that_is_none_is_refused(width):
    with pytest.raises(ValueError, match="has no width from 1 to 10"):
        check_placeholders(f"d/{{SPAN:{width}}}/*.csv")
    check_placeholders("d/{SPAN:4}/v{VERSION:10}/*.csv")


def test_a_day_is_numbered_as_tfx_numbers_it():
    from tfx.components.example_gen import utils

    assert span_number("2026-11-26") == utils.date_to_span_number(2026, 11, 26)
    assert span_number(7) == 7


@pytest.mark.parametrize(
    ("pattern", "span", "expected"),
    [
        ("d/{SPAN}/*.csv", 7, "d/7/*.csv"),
        ("d/{SPAN:3}/v{VERSION}/*.csv", 7, "d/007/v*/*.csv"),
        ("d/{SPAN}.csv", 20261126, "d/20261126.csv"),  # further than any calendar
        ("d/{YYYY}/{MM}/{DD}.csv", "2026-01-09", "d/2026/01/09.csv"),
        ("d/{YYYY}/{MM}/{DD}.csv", "0026-01-09", "d/0026/01/09.csv"),
    ],
)
def test_one_span_of_a_pattern_is_a_pattern(pattern, span, expected):
    assert pattern_of_span(pattern, span_number(span)) == expected


def test_a_day_as_a_number_is_refused_where_days_are_meant():
    with pytest.raises(ValueError, match="a day such as 2026-11-26, .*: 20261126"):
        pattern_of_span("d/{YYYY}/{MM}/{DD}.csv", 20261126)


def test_a_span_is_called_by_what_its_pattern_has():
    assert (
        span_name(span_number("2026-11-26"), "d/{YYYY}/{MM}/{DD}.csv") == "2026-11-26"
    )
    assert span_name(12, "d/{SPAN:4}.csv") == "12"


@pytest.mark.parametrize("span", ["yesterday", "2026-13-01", ""])
def test_anything_but_a_number_or_a_day_is_refused(span):
    with pytest.raises(ValueError, match="must be `latest`, a number or a day"):
        span_number(span)


def test_a_number_that_tfx_does_not_take_is_refused():
    assert span_number(2**31 - 1) == 2**31 - 1
    with pytest.raises(ValueError, match="span 202611300300 is too large: .*MM"):
        span_number(202611300300)
