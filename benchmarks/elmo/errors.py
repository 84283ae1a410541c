"""What can go wrong here and is no fault of the program."""

from __future__ import annotations


class BenchmarkError(Exception):
    """The benchmark cannot go on; the message says why in one line."""


class NotMeasured(BenchmarkError):
    """One contender cannot be measured; the others can."""
