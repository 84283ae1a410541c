"""What speaks for one way to read quotes, and against another: rows at fault."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple, TextIO

from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading.encodings import SURVEY_BYTES
from components.text_example_gen.reading.lines import Lines
from components.text_example_gen.reading.opening import DAMAGE, Reopen, is_damage
from components.text_example_gen.reading.quotes import DECISIVE
from components.text_example_gen.reading.records import clean_names
from components.text_example_gen.reading.rows import (
    Dialect,
    Row,
    fault_in_width,
    read_rows,
)


def rows_of(text: TextIO, dialect: Dialect, options: ReadOptions) -> Iterator[Row]:
    """Yields the rows of a part of a file, the header among them, up to any damage."""
    try:
        yield from _rows_before_damage(text, dialect, options)
    except DAMAGE as error:
        if not is_damage(error):
            raise


def _rows_before_damage(
    text: TextIO, dialect: Dialect, options: ReadOptions
) -> Iterator[Row]:
    lines = Lines(text, dialect.delimiter)
    if dialect.is_named:
        next(lines)
    width = None if options.columns is None else len(options.columns)
    first = next(read_rows(lines, dialect, width=width, is_part=True), None)
    if first is None:
        return
    yield first
    width = width or len(first.fields)
    yield from read_rows(lines, dialect, width=width, is_part=True)


class Faults(NamedTuple):
    """How many rows are telling, at fault, and both; and how much was read."""

    telling: int = 0
    at_fault: int = 0
    telling_at_fault: int = 0
    chars: int = 0


def count_faults(
    reopen: Reopen,
    dialect: Dialect,
    options: ReadOptions,
    is_telling: Callable[[Row], bool],
    *,
    most_chars: int | None = None,
) -> Faults:
    """Reads a file, up to a bound, until it has told enough.

    Args:
        reopen: Opens the file.
        dialect: How it is read.
        options: Name the columns.
        is_telling: Whether a row is one of those of which the question is.
        most_chars: As far as another dialect was counted; None: until many have told.
    """
    with reopen() as text:
        rows = rows_of(text, dialect, options)
        first = next(rows, None)
        if first is None:
            return Faults()
        names = options.columns or clean_names(first.fields, options)
        places = [i for i, name in enumerate(names) if name in options.required]
        width, least = len(names), 1 + max(places, default=len(names) - 1)
        telling = faults = both = chars = 0
        for row in rows if options.columns is None else itertools.chain([first], rows):
            chars += len(row.raw)
            at_fault = (
                row.is_repaired
                or bool(row.reason)
                or bool(fault_in_width(row, width, least))
            )
            tells = is_telling(row)
            faults += at_fault
            telling += tells
            both += at_fault and tells
            if chars >= (most_chars or SURVEY_BYTES):
                break
            if most_chars is None and telling >= DECISIVE:
                break
    return Faults(telling, faults, both, chars)
