"""The pages of an output: which runs it has, and where their pages lie.

OUTPUT/report.html                  of the newest run
OUTPUT/runs/<run id>/summary.json   of each run
OUTPUT/runs/<run id>/report.html
"""

from __future__ import annotations

import csv
import itertools
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from pipeline.errors import UserError
from pipeline.files import write_whole
from pipeline.report.page import PastRun, Review, run_page
from pipeline.runs.summary import RunSummary

PAGE = "report.html"
_RUNS = "runs"
_SUMMARY = "summary.json"
_REVIEW = "review.csv"
_MOST_PAST = 50  # runs
_MOST_REVIEWED = 20  # rows
_MOST_NAMED = 5  # runs, in a message


def write_page(output: Path, summary: RunSummary, *, run_id: str) -> Path:
    """Writes the page of a run that has just ended, and returns its path.

    Args:
        output: Folder of the runs.
        summary: What came of the run.
        run_id: Its name in ML Metadata.
    """
    this = PastRun(run_id, _when(run_id), summary)
    earlier = [run for run in past_runs(output) if run.run_id != run_id]
    page = run_page(summary, runs=[*earlier, this], review=_review(output))
    path = output / PAGE
    write_whole(path, page)
    beside = output / _RUNS / run_id
    if beside.is_dir():
        write_whole(beside / PAGE, page)
    return path


def renew_page(output: Path, run_id: str | None = None) -> Path:
    """Makes the page of the last or an earlier run again, and returns its path.

    Args:
        output: Folder of the runs.
        run_id: Of an earlier run; None: the last one.

    Raises:
        UserError: There is no such run, or its summary cannot be read.
    """
    runs = past_runs(output)
    known = [run.run_id for run in runs]
    if run_id is None:
        summary = _read(output / _SUMMARY)
        page = run_page(summary, runs=runs, review=_review(output))
        path = output / PAGE
        if runs and runs[-1].summary == summary:
            write_whole(output / _RUNS / runs[-1].run_id / PAGE, page)
    else:
        if run_id not in os.listdir(_folder(output)):
            raise UserError(_no_such_run(run_id, known))
        path = output / _RUNS / run_id / PAGE
        summary = _read(path.with_name(_SUMMARY))
        until = itertools.takewhile(lambda run: run.run_id != run_id, runs)
        this = PastRun(run_id, _when(run_id), summary)
        # What a person has reviewed since is of the last run.
        page = run_page(summary, runs=[*until, this])
    write_whole(path, page)
    return path


def _folder(output: Path) -> Path:
    folder = output / _RUNS
    if not folder.is_dir():
        raise UserError(f"{output} keeps no earlier runs: there is no folder {folder}")
    return folder


def _no_such_run(run_id: str, known: Sequence[str]) -> str:
    newest = ", ".join(reversed(known[-_MOST_NAMED:])) or "none"
    return (
        f"option --run: there is no such run. Received: {run_id!r} "
        f"(hint: the newest are {newest})"
    )


def past_runs(output: Path) -> list[PastRun]:
    """Returns the runs whose summaries are kept, oldest first, at most the newest 50.

    A summary that is not whole, as a killed run may leave it, is passed over.
    """
    runs = []
    folder = output / _RUNS
    names = os.listdir(folder) if folder.is_dir() else []
    for name in names:
        path = folder / name / _SUMMARY
        if path.is_file():
            runs.append((_when(name) or _changed(path), name, path))
    found = []
    for when, name, path in sorted(runs)[-_MOST_PAST:]:
        try:
            found.append(PastRun(name, when, _read(path)))
        except UserError:
            continue
    return found


def _when(run_id: str) -> str:
    """Returns when a run began that is named by its time, else ""."""
    try:
        return f"{datetime.fromisoformat(run_id):%Y-%m-%d %H:%M}"
    except ValueError:
        return ""


def _changed(path: Path) -> str:
    return f"{datetime.fromtimestamp(path.stat().st_mtime):%Y-%m-%d %H:%M}"


def _read(path: Path) -> RunSummary:
    try:
        return RunSummary.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise UserError(
            f"{path} is not there: no run has ended (hint: elmo-tfx run)"
        ) from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise UserError(f"{path} is not the summary of a run") from error


def _review(output: Path) -> Review | None:
    """Returns the first rows of what `elmo-tfx review` wrote, if somebody ran it."""
    path = output / _REVIEW
    if not path.is_file():
        return None
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        names, *rows = itertools.islice(csv.reader(file), _MOST_REVIEWED + 1)
    return Review(names, rows)
