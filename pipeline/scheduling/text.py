"""What a schedule tells: its story line by line, and its history as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from pipeline.scheduling.outcome import Outcome
from pipeline.scheduling.store import PastRun, numbers_of

_HEADER = ("run", "due", "began", "took", "outcome", "details")
_ON_TIME = timedelta(minutes=1)


def moment(time: datetime) -> str:
    """Returns a time to the minute, in its own zone."""
    return f"{time:%Y-%m-%d %H:%M}"


def began(run: int, span: str | None, due: datetime, now: datetime) -> str:
    """Returns the line for the start of a run.

    Args:
        run: Its number.
        span: The span it was told to read; None where the data has none.
        due: When it came due.
        now: When it began.
    """
    line = f"run {run} began" + (f" (span {span})" if span else "")
    return line if now - due < _ON_TIME else f"{line}, due since {moment(due)}"


def ended(run: int, outcome: Outcome, numbers: Mapping[str, int]) -> str:
    """Returns the line for the end of a run.

    Args:
        run: Its number.
        outcome: What came of it.
        numbers: TFX's name of an earlier run -> its number.
    """
    details = _details(outcome, numbers)
    if outcome.outcome == "pushed":
        line = f"run {run}: {details}"
    else:
        line = f"run {run}: {outcome.outcome}{_joint(outcome)}{details}"
    if outcome.outcome == "failed":
        line += f"; log: {outcome.log}"
    return line


def table(history: Sequence[PastRun]) -> str:
    """Returns the history as aligned columns that end with a newline."""
    numbers = numbers_of(history)
    rows = [_HEADER, *(_row(past, numbers) for past in history)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines) + "\n"


def _row(past: PastRun, numbers: Mapping[str, int]) -> tuple[str, ...]:
    took = timedelta(seconds=round(past.seconds))
    return (
        str(past.run),
        moment(past.scheduled),
        moment(past.started),
        str(took),
        past.outcome.outcome,
        _details(past.outcome, numbers),
    )


def _joint(outcome: Outcome) -> str:
    return {"nothing new": " ", "interrupted": "; "}.get(outcome.outcome, ": ")


def _details(outcome: Outcome, numbers: Mapping[str, int]) -> str:
    """Returns what there is to say of an outcome beside its name."""
    parts = [_result(outcome, numbers), *outcome.warnings]
    if outcome.removed_versions:
        removed = ", ".join(map(str, outcome.removed_versions))
        parts.append(f"versions removed: {removed}")
    return "; ".join(parts)


def _result(outcome: Outcome, numbers: Mapping[str, int]) -> str:
    if outcome.outcome == "pushed":
        span = f"span {outcome.span}, " if outcome.span else ""
        reached = (
            "" if outcome.accuracy is None else f", accuracy {outcome.accuracy:.3f}"
        )
        return f"{span}model pushed as version {outcome.version}{reached}"
    if outcome.outcome == "refused":
        span = f" (span {outcome.span})" if outcome.span else ""
        return "; ".join(outcome.reasons) + span
    if outcome.outcome == "nothing new":
        number = numbers.get(outcome.run_id or "")
        return f"since run {number}" if number else f"({outcome.reason})"
    if outcome.outcome == "interrupted":
        return "the next start of the schedule goes on with it"
    return ": ".join(filter(None, [outcome.component, outcome.reason]))
