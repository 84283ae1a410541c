"""The pages of an output: which runs it has, and where their pages lie.

OUTPUT/report.html              of the newest run
OUTPUT/runs/<run>/summary.json  of each run
OUTPUT/runs/<run>/report.html   beside it
"""

from __future__ import annotations

import csv
import itertools
import json
import logging
import math
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UserError
from pipeline.files import absolute, read_regular, write_whole
from pipeline.report.page import Review, run_page
from pipeline.runs.past_runs import REPORT, RUNS, SUMMARY
from pipeline.runs.summary import RunSummary

_LOGGER = logging.getLogger(__name__)
_SUMMARIES = f"{RUNS}/*/{SUMMARY}"
_REVIEW = "review.csv"
_MOST_RUNS = 50  # of those side by side
_MOST_REVIEWED = 20  # rows
_UTF16 = (b"\xff\xfe", b"\xfe\xff")  # with which a spreadsheet's text may begin
_MOST_NAMED = 3  # runs, in a message


@dataclass(frozen=True)
class _Kept:
    """A run that is kept, in a folder of its own."""

    folder: Path
    summary: RunSummary

    @property
    def names(self) -> set[str]:
        """What a person may call it."""
        return {self.folder.name, self.summary.run_id or self.folder.name}


def write_page(output: Path, summary: RunSummary) -> Path:
    """Writes the page of the last run, and returns its path.

    Args:
        output: Folder of the runs.
        summary: What came of it; where it is kept among the runs, so is its page.
    """
    kept = _kept(output, most=_MOST_RUNS)
    this = [run for run in kept if run.summary.run_id == summary.run_id]
    earlier = [run.summary for run in kept if run not in this]
    page = run_page(summary, runs=[*earlier, summary], review=_review(output))
    for folder in [run.folder for run in this if summary.run_id] + [output]:
        write_whole(folder / REPORT, page)
    return output / REPORT


def renew_page(output: Path, name: str | None = None) -> Path:
    """Makes the page of the last or an earlier run again, and returns its path.

    Args:
        output: Folder of the runs.
        name: Of an earlier run, or of its folder; None: the last one.

    Raises:
        UserError: There is no such run, or its summary cannot be read.
    """
    if name is None:
        summary = read_summary(output / SUMMARY)
        return write_page(output, summary.moved_to(absolute(output)))
    kept = _kept(output)
    place = next((n for n, run in enumerate(kept) if name in run.names), None)
    if place is None:
        newest = ", ".join(run.folder.name for run in kept[: -_MOST_NAMED - 1 : -1])
        raise UserError(
            f"option --run: no such run is kept in {output}. Received: {name!r} "
            f"(hint: {f'the newest are {newest}' if kept else 'none is kept there'})"
        )
    # What a person has reviewed since belongs to the last run.
    until = [run.summary for run in kept[: place + 1]][-_MOST_RUNS:]
    page = kept[place].folder / REPORT
    write_whole(page, run_page(kept[place].summary, runs=until))
    return page


def _kept(output: Path, most: int = 0) -> list[_Kept]:
    """Returns the runs whose summaries are kept, in the order in which they began.

    One that cannot be read is passed over, and named in the log.

    Args:
        output: Folder of the runs.
        most: How many of the newest are read; 0: all.
    """
    kept = []
    paths = sorted(output.glob(_SUMMARIES), key=lambda path: path.stat().st_mtime_ns)
    for path in paths[-most:]:
        try:
            summary = read_summary(path).moved_to(absolute(output))
            kept.append(_Kept(path.parent, summary))
        except UserError as error:
            _LOGGER.warning("%s", error.format_message())
    return sorted(kept, key=_order)


def _order(run: _Kept) -> tuple[float, str]:
    began = run.summary.began
    return began.timestamp() if began else 0.0, run.folder.name


def read_summary(path: Path) -> RunSummary:
    """Returns what `summary.json` of a run holds.

    Raises:
        UserError: It is not there, or cannot be read.
    """
    try:
        content = read_regular(path)
        _refuse_not_finite(content)
        return RunSummary.model_validate_json(content)
    except FileNotFoundError as error:
        raise UserError(
            f"{path} is not there: no run has ended (hint: elmo-tfx run)"
        ) from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{path} is not the summary of a run (hint: remove it; the next run writes "
            "its own)"
        ) from error


def _refuse_not_finite(content: bytes) -> None:
    """Refuses numbers that JSON has not, or that are beyond those of a float.

    What could not be measured is null in our files, and nothing shows another one.
    """

    def finite(text: str) -> float:
        value = float(text)
        if not math.isfinite(value):
            raise ValueError(f"{text} is no number of a summary")
        return value

    json.loads(content, parse_float=finite, parse_constant=finite)


def _review(output: Path) -> Review | None:
    """Returns the first rows of what `elmo-tfx review` wrote, if somebody ran it.

    A spreadsheet may have written it since, in its own way.
    """
    path = output / _REVIEW
    if not path.is_file():
        return None
    try:
        with path.open("rb") as raw:
            encoding = "utf-16" if raw.read(2) in _UTF16 else "utf-8-sig"
        with path.open(encoding=encoding, errors="replace", newline="") as file:
            head = file.readline()
            file.seek(0)
            delimiter = max(",;\t", key=head.count)
            rows = csv.reader(file, delimiter=delimiter)
            names, *rows_read = [*itertools.islice(rows, _MOST_REVIEWED + 1)] or [[]]
    except (OSError, UnicodeError, csv.Error) as error:
        return Review([], [], f"{path} cannot be read: {error}")
    return Review(names, rows_read)
