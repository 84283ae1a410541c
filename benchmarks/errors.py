"""What can go wrong here and is no fault of the program."""

from __future__ import annotations

import re


class BenchmarkError(Exception):
    """The benchmark cannot go on; the message says why in one line."""


class NotMeasured(BenchmarkError):
    """One contender cannot be measured; the others can."""


def error_line(stderr: str) -> str:
    """Gives the line that names the error; Keras's messages go on for many lines."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    named = [
        line for line in lines if re.match(r"error:|[\w.]*(Error|Exception)\b", line)
    ]
    return (named or lines or ["no message"])[-1]
