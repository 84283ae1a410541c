"""Times and durations in files of ours, which somebody may have edited since.

Nothing of `pipeline` is imported here: every room that keeps such files may use this.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field

# Python has no times beyond them in every time zone.
_FIRST_YEAR, _LAST_YEAR = 1, 9999
_LONGEST = 1e10  # seconds: three hundred years


def _in_every_zone(time: datetime) -> datetime:
    if not _FIRST_YEAR < time.year < _LAST_YEAR:
        raise ValueError("no calendar has a time zone there")
    return time


Moment = Annotated[AwareDatetime, AfterValidator(_in_every_zone)]
"""A time that can be shown in any time zone."""


def written(time: datetime, timespec: str) -> str:
    """Returns a time in ISO 8601, with its offset from UTC, as `Moment` reads it.

    ISO 8601 has no seconds in an offset, but local mean times of old have: those are
    written in UTC.
    """
    offset = time.utcoffset()
    if offset is not None and offset.total_seconds() % 60:
        time = time.astimezone(timezone.utc)
    return time.isoformat(timespec=timespec)


Seconds = Annotated[float, Field(ge=0, le=_LONGEST, allow_inf_nan=False)]
"""A duration that can be shown."""
