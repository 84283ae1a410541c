"""Durations as a person types them."""

from __future__ import annotations

import re

_DURATION = re.compile(r"([0-9]{1,6})([smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def seconds_of(duration: str) -> int:
    """Returns the seconds of a duration such as `90s`, `5m` or `1h`.

    Raises:
        ValueError: It is no duration, or of no length.
    """
    found = _DURATION.fullmatch(duration)
    seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
    if not seconds:
        raise ValueError("must be a duration such as 90s, 5m or 1h")
    return seconds
