"""The goals, and whether a run meets them."""

from __future__ import annotations

from benchmarks.batch.contenders import BARE_LOOP, PREDICT, TFX
from benchmarks.batch.figures import Cost, Results
from benchmarks.goal import Goal, at_least

_OF_BARE_LOOP = 0.85
_TIMES_TFX = 3
_GROWTH = 1.10


def judge(results: Results) -> list[Goal]:
    """Gives every goal with what came of it, all without the start-up."""
    predict = results.net(PREDICT, "rows")
    small, large = (results.net(PREDICT, size) for size in ("small", "large"))
    return [
        at_least(
            f"predict has at least {_OF_BARE_LOOP:.0%} of the bare loop's speed",
            _speed(predict, results.net(BARE_LOOP, "rows")),
            _OF_BARE_LOOP,
            "{:.0%}",
        ),
        at_least(
            f"predict is at least {_TIMES_TFX} times as fast as {TFX}",
            _speed(predict, results.net(TFX, "rows")),
            _TIMES_TFX,
            "{:.2f} times",
        ),
        _at_most(
            f"a row of {results.sizes['large']:,} costs at most {_GROWTH:.2f} times "
            f"what one of {results.sizes['small']:,} costs",
            _speed(small, large),
            _GROWTH,
        ),
    ]


def _speed(one: Cost | None, other: Cost | None) -> float | None:
    """Gives how many times as fast as the other the one is."""
    if one is None or other is None:
        return None
    return one.rows_per_second / other.rows_per_second


def _at_most(text: str, value: float | None, wanted: float) -> Goal:
    if value is None:
        return Goal(text, "not measured", None)
    return Goal(text, f"{value:.2f} times", value <= wanted)
