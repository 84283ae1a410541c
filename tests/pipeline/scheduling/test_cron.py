"""Tests of pipeline.scheduling.cron: what is refused, and changes of clocks."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from pipeline.scheduling.cron import CronError, check_cron, next_time

_BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("expression", "fields"),
    [
        ("0 3 * * *", 5),
        ("*/15 0-6,22 1,15 * mon-FRI", 5),
        ("5/15 3 * jan,jul 7", 5),
        ("0 0 29 2 *", 5),  # every four years
        ("0 0 30 2 1", 5),  # no such day, but Mondays
        ("0 0 3 * * *", 6),
        ("0 0 3 ? * 1", 6),
    ],
)
def test_what_cron_understands_is_taken(expression, fields):
    check_cron(expression, fields=fields)


@pytest.mark.parametrize(
    ("expression", "fields", "problem"),
    [
        ("0 3 * *", 5, "must have 5 fields: minute hour day month weekday"),
        ("0 0 3 * * *", 5, "must have 5 fields"),
        ("0 3 * * *", 6, "must have 6 fields: second minute hour day month weekday"),
        ("@daily", 5, "must have 5 fields"),
        ("0 24 * * *", 5, "hour must be 0 to 23, a list, .*, not '24'"),
        ("60 3 * * *", 5, "minute must be 0 to 59"),
        ("0 3 0 * *", 5, "day must be 1 to 31"),
        ("0 3 * sept *", 5, "month must be 1 to 12 or jan to dec"),
        ("0 3 * * 8", 5, "weekday must be 0 to 7"),
        ("0 0 3 * * 7", 6, "weekday must be 0 to 6"),
        ("0 3 ? * *", 5, "day must be 1 to 31, .*, not '\\?'"),
        ("0 3 L * *", 5, "day must be 1 to 31, .*, not 'L'"),
        ("0 3 * * 1#2", 5, "weekday must be"),
        ("H 3 * * *", 5, "minute must be"),
        ("1,,2 3 * * *", 5, "minute must be"),
        ("*-5 3 * * *", 5, "minute must be"),
        ("² 3 * * *", 5, "minute must be"),
        ("9" * 10 + " 3 * * *", 5, "minute must be 0 to 59"),
        ("*/0 3 * * *", 5, "the step of minute must be at least 1"),
        ("0 3 * * 5-1", 5, "the range of weekday ends before it begins: '5-1'"),
        ("0 0 31 2 *", 5, "there is no such date, so it never comes due"),
        ("0 0 0 30 2 *", 6, "there is no such date"),
    ],
)
def test_anything_else_is_refused_in_one_line_with_an_example(
    expression, fields, problem
):
    with pytest.raises(CronError, match=f"cron expression: .*{problem}") as refused:
        check_cron(expression, fields=fields)
    message = str(refused.value)
    assert "\n" not in message
    assert f"Received: {expression!r}" in message
    assert ("0 0 3 * * *" if fields == 6 else '"0 3 * * *"') in message


@pytest.mark.parametrize("form", ["{} 3 * * *", "*/{} 3 * * *", "0-{} 3 * * *"])
def test_a_number_of_thousands_of_digits_is_refused(form):
    with pytest.raises(CronError, match="minute must be 0 to 59"):
        check_cron(form.format("9" * 5000), fields=5)


def test_a_week_begins_on_sunday_as_in_cron():
    thursday = datetime(2026, 11, 26, tzinfo=timezone.utc)
    for sunday in ("0", "7", "sun"):
        due = next_time(f"0 3 * * {sunday}", thursday)
        assert due == datetime(2026, 11, 29, 3, tzinfo=timezone.utc)


def test_of_six_fields_the_first_is_the_second():
    start = datetime(2026, 11, 26, tzinfo=timezone.utc)
    due = next_time("15 30 3 * * *", start, fields=6)
    assert due == datetime(2026, 11, 26, 3, 30, 15, tzinfo=timezone.utc)


def test_a_time_is_after_the_given_one_and_not_at_it():
    three = datetime(2026, 11, 26, 3, tzinfo=timezone.utc)
    assert next_time("0 3 * * *", three) == three + timedelta(days=1)


@pytest.mark.parametrize(
    ("single", "value"),
    [
        ("0 5-5 * * *", "0 5 * * *"),
        ("34-34,50 3-3/2 * * *", "34,50 3 * * *"),
        ("0 3 7-7 feb-2 *", "0 3 7 2 *"),
        ("0 3 * * wed-WED", "0 3 * * 3"),
    ],
)
def test_a_range_of_one_value_is_that_value(single, value):
    check_cron(single)
    due = expected = datetime(2026, 1, 1, tzinfo=_BERLIN)
    for _ in range(5):
        due, expected = next_time(single, due), next_time(value, expected)
        assert due == expected


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="`after` must have a time zone"):
        next_time("0 3 * * *", datetime(2026, 11, 26))


def _times(expression: str, start: str, count: int) -> list[str]:
    now, times = datetime.fromisoformat(start).astimezone(_BERLIN), []
    for _ in range(count):
        # As a scheduler does, which calculates in UTC.
        now = next_time(expression, now.astimezone(timezone.utc).astimezone(_BERLIN))
        times.append(now.isoformat(timespec="minutes"))
    return times


def test_a_time_that_spring_leaves_out_comes_due_right_after_the_gap():
    assert _times("30 2 * * *", "2026-03-28T12:00+01:00", 2) == [
        "2026-03-29T03:00+02:00",
        "2026-03-30T02:30+02:00",
    ]


def test_a_time_that_autumn_brings_twice_comes_due_once():
    assert _times("30 2 * * *", "2026-10-24T12:00+02:00", 2) == [
        "2026-10-25T02:30+02:00",
        "2026-10-26T02:30+01:00",
    ]


def test_what_is_meant_for_every_hour_comes_due_in_each_that_passes():
    assert _times("30 * * * *", "2026-10-25T01:00+02:00", 4) == [
        "2026-10-25T01:30+02:00",
        "2026-10-25T02:30+02:00",
        "2026-10-25T02:30+01:00",
        "2026-10-25T03:30+01:00",
    ]
    assert _times("30 * * * *", "2026-03-29T01:00+01:00", 2) == [
        "2026-03-29T01:30+01:00",
        "2026-03-29T03:30+02:00",
    ]


@pytest.mark.parametrize(
    ("hours", "times"),
    [
        ("*", ["03:10", "04:10"]),
        ("0-23", ["03:10", "04:10"]),  # the same, written out
        ("*/2", ["03:00", "04:10"]),
        ("1-3", ["03:00", "03:10"]),
    ],
)
def test_spring_makes_up_for_an_hour_unless_each_hour_is_meant(hours, times):
    found = _times(f"10 {hours} * * *", "2027-03-28T01:50+01:00", 2)
    assert found == [f"2027-03-28T{time}+02:00" for time in times]


def test_the_hour_keeps_its_place_on_the_wall_clock():
    assert _times("0 3 * * *", "2026-10-24T12:00+02:00", 1) == [
        "2026-10-25T03:00+01:00"
    ]
