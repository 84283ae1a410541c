"""Numbers as options take them."""

from __future__ import annotations

import math
from typing import Any

import click

MOST = 2**31 - 1
"""Of what is counted; nothing behind the options takes more in all places."""
MOST_OF_64_BITS = 2**63 - 1
"""Of rows and versions, which are only compared."""


class WholeNumber(click.IntRange):
    """A whole number with bounds on both sides.

    Args:
        min: The smallest one.
        max: The largest one.
    """

    def __init__(self, min: int, max: int = MOST) -> None:
        super().__init__(min, max)


class FiniteNumber(click.FloatRange):
    """A number that is not NaN and not infinite; as `click.FloatRange` besides."""

    def convert(self, value: Any, *where: Any) -> Any:
        number = super().convert(value, *where)
        if not math.isfinite(number):
            self.fail(f"{number} is not a finite number.", *where)
        return number
