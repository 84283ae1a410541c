"""A goal, and whether a run meets it."""

from __future__ import annotations

from dataclasses import dataclass


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
