"""The table that a person corrects in a spreadsheet: OUTPUT/review.csv."""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
import os
import re
from collections.abc import Sequence
from pathlib import Path

from components.text_example_gen.corrections import (
    CORRECTED,
    LABEL,
    ROW_ID,
    as_cell,
    read_corrections,
)
from components.text_example_gen.errors import DataError
from pipeline.errors import RunError, UserError
from pipeline.files import write_whole

NAME = "review.csv"
# A cell of a spreadsheet holds 32,767 characters; nobody reads as many.
_MOST_CHARACTERS = 5_000
# Nobody sees them, Transform takes them for blanks, and a file of many is no text.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclasses.dataclass(frozen=True)
class ReviewLine:
    """A line of the table; its columns are the attributes, in their order.

    Attributes:
        rank: 1 is most likely wrong; None: a correction of before that is carried on.
        text: To read; white space and control characters are one blank, and long texts
            are cut.
        label: As the data has it.
        suggested_label: What the model thinks.
        corrected_label: For the person; filled where it was corrected before.
        label_probability: Out of fold, of the label that the run had.
        suggested_probability: The same of the other one.
        similar: Texts that are nearly the same, with another label.
        source, row: Where the row stands; empty: not known.
        rows: How many rows have this text and label.
        split: Of the run.
        row_id: For `data.corrections`.
    """

    rank: int | None
    text: str
    label: str
    suggested_label: str
    corrected_label: str
    label_probability: float | None
    suggested_probability: float | None
    similar: str
    source: str
    row: int | None
    rows: int
    split: str
    row_id: str


COLUMNS = tuple(field.name for field in dataclasses.fields(ReviewLine))
assert {ROW_ID, LABEL, CORRECTED} <= set(COLUMNS)


def refuse_filled(path: Path) -> None:
    """Refuses a file that must not be written over.

    Raises:
        UserError: A person has worked in it, or it is no table of this command.
    """
    if not path.exists():
        return
    try:
        filled = len(read_corrections(str(path)).labels)
    except DataError as error:
        raise UserError(
            f"{path} is there, and is no table that this command wrote: {error} "
            "(hint: name another file by --to)"
        ) from error
    if filled:
        raise UserError(
            f"{path} is there, with {filled} corrected labels in it "
            "(hint: name another file by --to)"
        )


def unfilled(path: Path) -> Path:
    """Returns a path, or one beside it if somebody has worked in that file."""
    for number in itertools.count(2):
        try:
            refuse_filled(path)
        except UserError:
            stem = path.stem.removesuffix(f"-{number - 1}")
            path = path.with_name(f"{stem}-{number}{path.suffix}")
        else:
            break
    return path


def write_table(path: Path, lines: Sequence[ReviewLine]) -> None:
    """Writes the table as CSV that spreadsheets open as it is meant.

    In UTF-8 with a byte order mark. No cell is taken for a formula: `as_cell`. Where
    `path` is a link, the file that it leads to is written.

    Raises:
        RunError: It cannot be written; what was there before stays.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for line in lines:
        writer.writerow(map(_cell, dataclasses.astuple(line)))
    try:
        path = Path(os.path.realpath(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.getvalue().encode("utf-8-sig"))
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror}") from error


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}"
    return as_cell(value) if isinstance(value, str) else str(value)


def shown(text: str, most: int = _MOST_CHARACTERS) -> str:
    """Returns a text in one line of at most so many characters, none of control."""
    line = " ".join(_CONTROLS.sub(" ", text[: 4 * most]).split())
    return line if len(line) <= most else line[: most - 1] + "…"
