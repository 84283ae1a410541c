"""The command `elmo-tfx runs`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pipeline.errors import RunError
    from pipeline.runs.past_runs import PastRun

_HEADER = (
    "began",
    "span",
    "rows",
    "accuracy",
    "AUC",
    "verdict",
    "version",
    "took",
    "why",
)
_MOST_WHY = 80  # characters


@click.command(
    "runs",
    epilog="""\b
Examples:
  elmo-tfx runs --output out
  elmo-tfx runs --output out --json | jq '.[] | select(.verdict == "failed")'

The newest run comes last. Exit code 1: ML Metadata cannot be read, and only runs of
which something else is kept are listed; 2: no run has written into the folder.
""",
)
@click.option("--output", required=True, type=click.Path(), help="Folder of the runs.")
@click.option("--json", "as_json", is_flag=True, help="One list of JSON.")
def command(output: str, as_json: bool) -> None:
    """List the runs of an output: when, on what, how good, and what came of them.

    Those that failed, were killed or are under way are listed, too.
    """
    from pipeline.runs import all_runs

    faults: list[RunError] = []
    with _quiet() as say:
        runs = all_runs.past_runs(output, before_slow=say, unreadable=faults.append)
    if as_json:
        click.echo(all_runs.as_json(runs), nl=False)
    elif runs:
        click.echo(_table(runs), nl=False)
    elif not faults:
        click.echo("no run has begun so far", err=True)
    if faults:
        raise faults[0]


@contextlib.contextmanager
def _quiet() -> Iterator[Callable[[int], None]]:
    """Yields what says that it takes a while; then the libraries' messages go away."""
    with contextlib.ExitStack() as stack:

        def say(count: int) -> None:
            runs = "a run" if count == 1 else f"{count} runs"
            click.echo(f"reading {runs} of an earlier version …", err=True)
            from pipeline.runs.run_log import run_log

            stack.enter_context(run_log(Path(os.devnull)))

        yield say


def _table(runs: Sequence[PastRun]) -> str:
    from tabulate import tabulate

    # As the first row: tabulate would make the columns of headers wider.
    rows = [_HEADER, *(_row(run) for run in runs)]
    shown = [i for i, name in enumerate(_HEADER) if name != "span" or _has_spans(runs)]
    align = {"rows": "right", "accuracy": "right", "AUC": "right", "took": "right"}
    return (
        tabulate(
            [[row[i] for i in shown] for row in rows],
            tablefmt="plain",
            disable_numparse=True,
            colalign=[align.get(_HEADER[i], "left") for i in shown],
        )
        + "\n"
    )


def _has_spans(runs: Sequence[PastRun]) -> bool:
    return any(run.span for run in runs)


def _row(run: PastRun) -> tuple[str, ...]:
    from pipeline.terminal import visible_line

    accuracy, auc = run.measures.get("accuracy"), run.measures.get("auc")
    took = "-" if run.seconds is None else str(timedelta(seconds=round(run.seconds)))
    why, mark = _why(run), " withdrawn" if run.withdrawn else ""
    return (
        f"{run.began.astimezone():%Y-%m-%d %H:%M}",
        visible_line(run.span or "-"),
        "-" if run.rows is None else f"{run.rows:,}",
        "-" if accuracy is None else f"{accuracy:.1%}",
        "-" if auc is None else f"{auc:.3f}",
        run.verdict,
        "-" if run.version is None else f"{run.version}{mark}",
        took,
        why if len(why) <= _MOST_WHY else why[: _MOST_WHY - 1] + "…",
    )


def _why(run: PastRun) -> str:
    from pipeline.errors import brief_line

    reasons = brief_line("; ".join(run.reasons)) if run.reasons else ""
    parts = [": ".join(filter(None, [run.component, reasons])), *run.warnings]
    return brief_line("; ".join(filter(None, parts)))
