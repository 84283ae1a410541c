"""Checks cron expressions and says when they come due.

Accepted is what Unix, Kubeflow Pipelines and Vertex AI have in common: numbers, names
of months and weekdays, lists, ranges and steps. croniter finds the times, but accepts
more: `@daily`, `L`, `#`, ranges that end before they begin. Elsewhere these mean
something else or nothing, so they are refused here, with the name of the wrong field.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone

from pipeline.errors import UserError

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec"
_WEEKDAYS = "sun mon tue wed thu fri sat"
_ITEM = re.compile(r"(?P<first>\*|\w+)(-(?P<last>\w+))?(/(?P<step>\d{1,9}))?")
_MOST_DIGITS = 9
# A leap year and the years around it: 29 February comes due, 30 February never does.
_ANY_TIME = datetime(2000, 1, 1, tzinfo=timezone.utc)


class CronError(UserError):
    """A cron expression cannot be used; one line that says why, with an example."""


@dataclass(frozen=True)
class _Field:
    name: str
    low: int
    high: int
    names: str = ""  # in order; the first stands for `low`
    may_be_any: bool = False  # whether `?` stands for `*`


_FIVE = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("weekday", 0, 7, _WEEKDAYS),
)
# Kubeflow Pipelines has no 7 for Sunday, and its own pages write `?` for a day.
_SIX = (
    _Field("second", 0, 59),
    *_FIVE[:2],
    _Field("day", 1, 31, may_be_any=True),
    _FIVE[3],
    _Field("weekday", 0, 6, _WEEKDAYS, may_be_any=True),
)
_EXAMPLES = {
    5: 'such as "0 3 * * *", every day at 03:00',
    6: 'such as "0 0 3 * * *", every day at 03:00:00',
}


def check_cron(expression: str, *, fields: int = 5) -> None:
    """Refuses an expression that is not valid, or never comes due.

    Args:
        expression: Fields between blanks; Sunday is 0, and with five fields also 7.
        fields: 5, minute first (Unix, Vertex AI), or 6, second first (Kubeflow
            Pipelines).

    Raises:
        CronError: It cannot be used. One line.
    """
    known, parts = _fields(fields), expression.split()
    if len(parts) != len(known):
        raise _error(
            f"it must have {len(known)} fields: {' '.join(f.name for f in known)}",
            expression,
            fields,
        )
    for field, part in zip(known, parts, strict=True):
        wrong = _problem(field, part)
        if wrong:
            raise _error(wrong, expression, fields)
    next_time(expression, _ANY_TIME, fields=fields)


def next_time(expression: str, after: datetime, *, fields: int = 5) -> datetime:
    """Returns the first time after `after` at which an expression comes due.

    When clocks are put forward, a time that is left out comes due right after the
    gap; but with an hour of `*` it does not, as each hour has a time of its own. When
    they are put back, a time that comes twice is due once, the first time; but with an
    hour of `*` or `*/n` both are due, as no certain hour is meant.

    Args:
        expression: One that `check_cron` takes.
        after: With a time zone, in which the expression is read.
        fields: As in `check_cron`.

    Raises:
        CronError: It never comes due.
        ValueError: `after` has no time zone.
    """
    from croniter import CroniterBadDateError, croniter

    if after.tzinfo is None:
        raise ValueError(f"`after` must have a time zone. Received: {after!r}")
    hour = expression.split()[fields - 4]
    times = croniter(
        _without_single_ranges(expression, fields),
        after,
        datetime,
        second_at_beginning=fields == 6,
    )
    try:
        due = times.get_next()
        while _is_second_pass(due) and not hour.startswith("*"):
            due = times.get_next()
    except CroniterBadDateError as error:
        message = "there is no such date, so it never comes due"
        raise _error(message, expression, fields) from error
    return due


def _without_single_ranges(expression: str, fields: int) -> str:
    """Returns an expression with `5` for `5-5`, which is any value to croniter."""
    parts = []
    for field, part in zip(_fields(fields), expression.split(), strict=True):
        items = []
        for item in part.split(","):
            match = _ITEM.fullmatch(item)
            if match is not None and match["last"] is not None:
                first, last = (_number(field, match[end]) for end in ("first", "last"))
                item = match["first"] if first == last else item
            items.append(item)
        parts.append(",".join(items))
    return " ".join(parts)


def _fields(count: int) -> tuple[_Field, ...]:
    if count not in (5, 6):
        raise ValueError(f"`fields` must be 5 or 6. Received: fields={count!r}")
    return _FIVE if count == 5 else _SIX


def _problem(field: _Field, part: str) -> str | None:
    """Returns what is wrong with one field, or None."""
    if part == "?" and field.may_be_any:
        return None
    for item in part.split(","):
        match = _ITEM.fullmatch(item)
        allowed = f"{field.name} must be {_allowed(field)}, not {item!r}"
        if match is None or (match["first"] == "*" and match["last"]):
            return allowed
        if match["step"] is not None and int(match["step"]) == 0:
            return f"the step of {field.name} must be at least 1, not {item!r}"
        if match["first"] == "*":
            continue
        first, last = _number(field, match["first"]), _number(field, match["last"])
        if first is None or (match["last"] and last is None):
            return allowed
        if last is not None and last < first:
            return f"the range of {field.name} ends before it begins: {item!r}"
    return None


def _number(field: _Field, text: str | None) -> int | None:
    """Returns the number that a text stands for in a field; None: for none."""
    if text is None:
        return None
    names = field.names.split()
    if text.lower() in names:
        return field.low + names.index(text.lower())
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        return None
    return int(text) if field.low <= int(text) <= field.high else None


def _allowed(field: _Field) -> str:
    names = f" or {field.names[:3]} to {field.names[-3:]}" if field.names else ""
    return f"{field.low} to {field.high}{names}, a list, a range, * or */step"


def _is_second_pass(due: datetime) -> bool:
    """Whether the wall clock shows this time again, after it was put back."""
    return due.fold == 1 and due.utcoffset() != due.replace(fold=0).utcoffset()


def _error(problem: str, expression: str, fields: int) -> CronError:
    return CronError(
        f"cron expression: {problem}. Received: {expression!r} "
        f"(hint: {_EXAMPLES[fields]})"
    )
