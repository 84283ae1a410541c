"""What a schedule shows: lines when runs begin and end, and its history as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from tabulate import tabulate

from pipeline.scheduling.outcome import Outcome
from pipeline.scheduling.record import numbers_of
from pipeline.scheduling.store import PastRun
from pipeline.terminal import visible_line

_HEADER = ("run", "due", "began", "took", "outcome", "details")
_ON_TIME = timedelta(minutes=1)


def minute(time: datetime) -> str:
    """Returns a time to the minute, in its own zone."""
    return f"{time:%Y-%m-%d %H:%M}"


def beginning(run: int, span: str | None, due: datetime, now: datetime) -> str:
    """Returns the line for the start of a run.

    Args:
        run: Its number.
        span: The span that it is told to read; None if the data has none.
        due: When it came due.
        now: When it began.
    """
    line = f"run {run} began" + (f" (span {span})" if span else "")
    return line if now - due < _ON_TIME else f"{line}, due since {minute(due)}"


def end(run: int, outcome: Outcome, numbers: Mapping[str, int]) -> str:
    """Returns the line for the end of a run.

    Args:
        run: Its number.
        outcome: What came of it.
        numbers: TFX's name of an earlier run -> its number.
    """
    details = _details(outcome, numbers)
    if outcome.outcome == "pushed":
        return f"run {run}: {details}"
    joint = {"nothing new": " ", "interrupted": "; "}.get(outcome.outcome, ": ")
    line = f"run {run}: {outcome.outcome}{joint}{details}"
    return f"{line}; log: {outcome.log}" if outcome.outcome == "failed" else line


def table(history: Sequence[PastRun]) -> str:
    """Returns the history as aligned columns that end with a newline."""
    numbers = numbers_of(history)
    rows = [
        (
            past.run,
            minute(past.scheduled),
            minute(past.started),
            timedelta(seconds=round(past.seconds)),
            past.outcome.outcome,
            visible_line(_details(past.outcome, numbers)),
        )
        for past in history
    ]
    # As the first row: tabulate would make the columns of headers wider.
    table = tabulate([_HEADER, *rows], tablefmt="plain", disable_numparse=True)
    return table + "\n"


def _details(outcome: Outcome, numbers: Mapping[str, int]) -> str:
    """Returns what there is to say of an outcome beside its name."""
    parts = [_result(outcome, numbers), *outcome.warnings]
    if outcome.removed_versions:
        removed = ", ".join(map(str, outcome.removed_versions))
        parts.append(f"versions removed: {removed}")
    return "; ".join(parts)


def _result(outcome: Outcome, numbers: Mapping[str, int]) -> str:
    accuracy, span = outcome.accuracy, outcome.span
    if outcome.outcome == "pushed":
        before = f"span {span}, " if span else ""
        after = "" if accuracy is None else f", accuracy {accuracy:.3f}"
        return f"{before}model pushed as version {outcome.version}{after}"
    if outcome.outcome == "refused":
        return "; ".join(outcome.reasons) + (f" (span {span})" if span else "")
    if outcome.outcome == "nothing new":
        number = numbers.get(outcome.run_id or "")
        return f"since run {number}" if number else f"({outcome.reason})"
    if outcome.outcome == "interrupted":
        return "the next start of the schedule goes on with it"
    return ": ".join(filter(None, [outcome.component, outcome.reason]))
