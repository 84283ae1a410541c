"""What the table says, computed from the raw results, and whether the goals are met."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic.dataclasses import dataclass

from benchmarks.batch.contenders import BARE_LOOP, PREDICT, TFX
from benchmarks.markdown import Goal, at_least, at_most

# Of the labels, a share: two contenders round differently, and a text may lie between.
_TOLERANCE = 0.001
_BILLION = 10**9
_OF_BARE_LOOP = 0.85
_TIMES_TFX = 3
_GROWTH = 1.10


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a number of rows has taken."""

    rows: int
    wall_seconds: float
    core_seconds: float

    @property
    def rows_per_second(self) -> float:
        """Rows in a second of the clock."""
        return self.rows / self.wall_seconds

    @property
    def microseconds_per_row(self) -> float:
        """Of the clock."""
        return 1e6 * self.wall_seconds / self.rows

    @property
    def core_seconds_per_million(self) -> float:
        """Seconds of cores for a million rows."""
        return 1e6 * self.core_seconds / self.rows


@dataclass(frozen=True, kw_only=True)
class Run:
    """One contender on a number of rows, once: a line of the table.

    Args:
        contender: Its name.
        whole: What the process has taken.
        start_up: The part of it that does not depend on the rows; None if another run
            has to say so.
        peak_mib: Largest resident size.
        labels: Rows by the label that they got; None if it gives none.
        version: Of the model, if the contender says so.
    """

    contender: str
    whole: Cost
    start_up: Cost | None
    peak_mib: float
    labels: Mapping[str, int] | None = None
    version: str | None = None

    @property
    def net(self) -> Cost | None:
        """The cost without the start-up; None if nothing is left of its time."""
        if self.start_up is None:
            return None
        rows = self.whole.rows - self.start_up.rows
        wall_seconds = self.whole.wall_seconds - self.start_up.wall_seconds
        core_seconds = self.whole.core_seconds - self.start_up.core_seconds
        if min(rows, wall_seconds) <= 0:
            return None
        return Cost(rows=rows, wall_seconds=wall_seconds, core_seconds=core_seconds)


@dataclass(frozen=True, kw_only=True)
class Missing:
    """A line that could not be measured."""

    contender: str
    rows: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Results:
    """All that one call has measured.

    Args:
        sizes: Rows, by `small`, `rows` and `large`.
        runs: In the order of the table.
        missing: What failed.
        conditions: What the lines under the table say.
    """

    sizes: Mapping[str, int]
    runs: list[Run]
    missing: list[Missing]
    conditions: Mapping[str, Any]

    def find(self, contender: str, size: str) -> Run | None:
        """Returns the run of a contender on the rows of a size, if there is one."""
        for run in self.runs:
            if (run.contender, run.whole.rows) == (contender, self.sizes[size]):
                return run
        return None

    def net(self, contender: str, size: str) -> Cost | None:
        """Returns what that run costs without the start-up, if it is known."""
        run = self.find(contender, size)
        return None if run is None else run.net


def core_hours_of_a_billion(cost: Cost) -> float:
    """Returns the core hours of a billion rows that cost the same each."""
    return cost.core_seconds / cost.rows * _BILLION / 3600


def disagree(one: Run, other: Run) -> bool:
    """Says whether two runs on the same rows differ in how often each label is."""
    if one.labels is None or other.labels is None:
        return False
    names = {*one.labels, *other.labels}
    moved = sum(abs(one.labels.get(n, 0) - other.labels.get(n, 0)) for n in names) / 2
    return moved > _TOLERANCE * one.whole.rows


def judge(results: Results) -> list[Goal]:
    """Returns every goal with what came of it, all without the start-up."""
    predict = results.net(PREDICT, "rows")
    small, large = (results.net(PREDICT, size) for size in ("small", "large"))
    return [
        at_least(
            f"predict has at least {_OF_BARE_LOOP:.0%} of the bare loop's speed",
            _times_as_fast(predict, results.net(BARE_LOOP, "rows")),
            _OF_BARE_LOOP,
            "{:.0%}",
        ),
        at_least(
            f"predict is at least {_TIMES_TFX} times as fast as {TFX}",
            _times_as_fast(predict, results.net(TFX, "rows")),
            _TIMES_TFX,
            "{:.2f} times",
        ),
        at_most(
            f"a row of {results.sizes['large']:,} costs at most {_GROWTH:.2f} times "
            f"what one of {results.sizes['small']:,} costs",
            _times_as_fast(small, large),
            _GROWTH,
            "{:.2f} times",
        ),
    ]


def _times_as_fast(one: Cost | None, other: Cost | None) -> float | None:
    if one is None or other is None:
        return None
    return one.rows_per_second / other.rows_per_second
