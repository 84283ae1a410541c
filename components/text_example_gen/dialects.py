"""Finds out how the fields of a delimited file are told apart."""

from __future__ import annotations

import csv
import io

from components.text_example_gen.options import ReadOptions
from components.text_example_gen.rows import Dialect

_CSV_DELIMITERS = (",", ";", "\t", "|")


def find_dialect(head: str, format_name: str, options: ReadOptions) -> Dialect:
    """The delimiter with which the first row has the wanted columns, and the quoting.

    Args:
        head: The beginning of the file, without byte order mark.
        format_name: `csv` or `tsv`; decides what nothing else tells.
        options: What was given is taken; only the rest is found out.
    """
    if options.delimiter is not None:
        candidates: tuple[str, ...] = (options.delimiter,)
    else:
        candidates = ("\t",) if format_name == "tsv" else _CSV_DELIMITERS
    found = find_delimiter(head, candidates, options)
    delimiter = candidates[0] if found is None else found
    quoted = options.quoted
    if quoted is None:
        quoted = format_name == "csv" or _is_quoted(head, delimiter, options)
    return Dialect(delimiter, quoted)


def find_delimiter(
    head: str, candidates: tuple[str, ...], options: ReadOptions
) -> str | None:
    """The first of `candidates` with which the first row has the wanted columns."""
    for delimiter in candidates:
        for quoted in (True, False):
            if _fits(_first_row(head, Dialect(delimiter, quoted)), options):
                return delimiter
    return None


def _fits(first_row: list[str], options: ReadOptions) -> bool:
    if options.columns is not None:
        return len(first_row) == len(options.columns)
    return {name.strip() for name in first_row}.issuperset(options.required)


def _is_quoted(head: str, delimiter: str, options: ReadOptions) -> bool:
    """Whether quotes in a TSV are syntax: all rows fit together so, and some need it.

    In plain TSV a quote is a character like any other, so a text may begin with one.
    """
    if '"' not in head:
        return False
    quoted = Dialect(delimiter, quoted=True)
    plain = Dialect(delimiter, quoted=False)
    if _fits(_first_row(head, quoted), options) and not _fits(
        _first_row(head, plain), options
    ):
        return True  # `"text"<tab>"label"`
    widths = set()
    is_needed = False
    try:
        for row in quoted.reader(_lines(head), strict=True):
            if row:
                widths.add(len(row))
                is_needed |= any(c in field for field in row for c in f'"{delimiter}\n')
    except csv.Error as error:
        # The head may end inside quotes; any other mistake shows that they are text.
        if "unexpected end of data" not in str(error):
            return False
    return is_needed and len(widths) == 1


def _first_row(head: str, dialect: Dialect) -> list[str]:
    try:
        return next(row for row in dialect.reader(_lines(head), strict=True) if row)
    except (StopIteration, csv.Error):
        return []


def _lines(head: str) -> io.StringIO:
    return io.StringIO(head.replace("\0", "\ufffd"), newline="")
