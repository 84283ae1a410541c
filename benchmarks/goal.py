"""A goal, and whether a run meets it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_MET = {True: "reached", False: "**not reached**", None: "not measured"}


@dataclass(frozen=True)
class Goal:
    """One goal with what came of it; `met` is None where it was not measured."""

    text: str
    value: str
    met: bool | None


def at_least(text: str, value: float | None, wanted: float, form: str) -> Goal:
    """Judges a figure that must not be below `wanted`."""
    if value is None:
        return Goal(text, "not measured", None)
    return Goal(text, form.format(value), value >= wanted)


def goal_lines(goals: Iterable[Goal]) -> str:
    """Gives a Markdown list that says of each goal whether it was reached."""
    return "\n".join(
        f"- {goal.text}: {_MET[goal.met]}"
        + ("" if goal.met is None else f", {goal.value}.")
        for goal in goals
    )
