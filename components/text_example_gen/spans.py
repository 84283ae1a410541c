"""Spans: the parts in which data arrives, numbered, or named by a day.

A pattern with `{SPAN}` has numbered spans, one with `{YYYY}`, `{MM}` and `{DD}` has a
span for each day; TFX numbers days from 1970-01-01.
"""

from __future__ import annotations

import datetime
import re

LATEST = "latest"

# TFX fills these in; `{SPAN:4}` is padded with zeros to four digits.
PLACEHOLDER = re.compile(r"\{(SPAN|VERSION)(:[^}]*)?\}|\{(YYYY|MM|DD)\}")

_WIDTH = re.compile(":([1-9]|10)")
_MOST = 2**31 - 1  # TFX keeps them in 32 bits
_EPOCH = datetime.date(1970, 1, 1)


def has_spans(pattern: str) -> bool:
    """Returns whether a pattern has a placeholder for spans."""
    return bool(placeholder_names(pattern) - {"VERSION"})


def placeholder_names(pattern: str) -> set[str]:
    """Returns the names of a pattern's placeholders, such as `SPAN`."""
    return {match[1] or match[3] for match in PLACEHOLDER.finditer(pattern)}


def without_placeholders(pattern: str) -> str:
    """Returns the pattern with `*` for `{SPAN}` and its like."""
    return PLACEHOLDER.sub("*", pattern)


def check_placeholders(pattern: str) -> None:
    """Refuses a pattern that mixes numbers and days, or names only a part of a day.

    Raises:
        ValueError: It has both, or only a part of a day, or a width that is none.
    """
    for match in PLACEHOLDER.finditer(pattern):
        if match[2] and not _WIDTH.fullmatch(match[2]):
            raise ValueError(
                f"{match[0]} has no width from 1 to 10, as {{{match[1]}:4}} has. "
                f"Received: {pattern!r}"
            )
    names = placeholder_names(pattern)
    day = names & {"YYYY", "MM", "DD"}
    if day and (len(day) < 3 or "SPAN" in names):
        raise ValueError(
            "a pattern has {SPAN}, or all of {YYYY}, {MM} and {DD}. "
            f"Received: {pattern!r}"
        )


def pattern_of_span(pattern: str, number: int) -> str:
    """Returns the pattern with one span filled in, and `*` for `{VERSION}`.

    Raises:
        ValueError: The pattern has days, and no day has that number.
    """
    known = {}
    if "YYYY" in placeholder_names(pattern):  # else any number: 20261126 is no day
        day = _day(number)
        known = {"YYYY": f"{day.year:04}", "MM": f"{day:%m}", "DD": f"{day:%d}"}

    def fill(match: re.Match[str]) -> str:
        name = match[1] or match[3]
        if name == "SPAN":
            return str(number).zfill(int((match[2] or ":0")[1:]))
        return known.get(name, "*")

    return PLACEHOLDER.sub(fill, pattern)


def span_number(span: int | str) -> int:
    """Returns the number of a span, given by its number or its day, `2026-11-26`.

    Raises:
        ValueError: It is neither, or is a number that TFX does not take.
    """
    if isinstance(span, int):
        if span > _MOST:
            raise ValueError(
                f"span {span} is too large: numbers of spans go up to {_MOST} (hint: "
                "days have placeholders of their own, {YYYY}, {MM} and {DD})"
            )
        return span
    try:
        return (datetime.date.fromisoformat(span) - _EPOCH).days
    except ValueError as error:
        raise ValueError(
            f"must be `{LATEST}`, a number or a day such as 2026-11-26"
        ) from error


def span_name(number: int, pattern: str) -> str:
    """Returns the name of a span of a pattern: its number, or its day."""
    if "{YYYY}" not in pattern:
        return str(number)
    return _day(number).isoformat()


def _day(number: int) -> datetime.date:
    try:
        return _EPOCH + datetime.timedelta(days=number)
    except OverflowError as error:
        raise ValueError(
            "a span must be a day such as 2026-11-26, or its number from 1970 on. "
            f"Received: {number}"
        ) from error
