"""Spans: the parts in which data arrives, numbered, or named by a day.

A pattern with `{SPAN}` has numbered spans, one with `{YYYY}`, `{MM}` and `{DD}` has a
span for each day; TFX numbers days from 1970-01-01.
"""

from __future__ import annotations

import datetime
import re

LATEST = "latest"

# What TFX fills in; `{SPAN:4}` is padded with zeros to four digits.
PLACEHOLDER = re.compile(r"\{(SPAN|VERSION)(:[^}]*)?\}|\{(YYYY|MM|DD)\}")

_EPOCH = datetime.date(1970, 1, 1)


def has_spans(pattern: str) -> bool:
    """Whether a pattern tells spans apart."""
    found = (match[1] or match[3] for match in PLACEHOLDER.finditer(pattern))
    return any(name != "VERSION" for name in found)


def check_placeholders(pattern: str) -> None:
    """Refuses a pattern that names neither numbered spans nor whole days.

    Raises:
        ValueError: It has both, or only a part of a day.
    """
    names = {match[1] or match[3] for match in PLACEHOLDER.finditer(pattern)}
    day = names & {"YYYY", "MM", "DD"}
    if day and (len(day) < 3 or "SPAN" in names):
        raise ValueError(
            "a pattern has {SPAN}, or all of {YYYY}, {MM} and {DD}. "
            f"Received: {pattern!r}"
        )


def pattern_of_span(pattern: str, number: int) -> str:
    """The pattern with one span filled in, and `*` for `{VERSION}`."""
    day = _EPOCH + datetime.timedelta(days=number)
    known = {"YYYY": f"{day:%Y}", "MM": f"{day:%m}", "DD": f"{day:%d}"}

    def fill(match: re.Match[str]) -> str:
        name = match[1] or match[3]
        if name == "SPAN":
            return str(number).zfill(int((match[2] or ":0")[1:]))
        return known.get(name, "*")

    return PLACEHOLDER.sub(fill, pattern)


def span_number(given: int | str) -> int:
    """The number of a span that is given by its number or its day, `2026-11-26`.

    Raises:
        ValueError: It is neither.
    """
    if isinstance(given, int):
        return given
    try:
        return (datetime.date.fromisoformat(given) - _EPOCH).days
    except ValueError as error:
        raise ValueError(
            f"must be `{LATEST}`, a number or a day such as 2026-11-26"
        ) from error


def span_name(number: int, pattern: str) -> str:
    """What to call a span of a pattern: its number, or its day."""
    if "{YYYY}" not in pattern:
        return str(number)
    return (_EPOCH + datetime.timedelta(days=number)).isoformat()
