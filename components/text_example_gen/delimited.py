"""Reads CSV and TSV, row by row."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from typing import BinaryIO

from components.text_example_gen import reasons
from components.text_example_gen.columns import check_columns
from components.text_example_gen.lines import Lines
from components.text_example_gen.options import ReadOptions
from components.text_example_gen.records import Record, Reject
from components.text_example_gen.rows import Dialect, Row, read_rows

_DETAILS = {
    reasons.BAD_QUOTES: "a double quote opens a field and is not closed properly",
    reasons.NOT_TEXT: "the row contains a NUL character",
    reasons.TOO_LONG: "the row is too long",
}


def read_delimited(
    stream: BinaryIO, path: str, dialect: Dialect, options: ReadOptions
) -> Iterator[Record | Reject]:
    """Reads one CSV or TSV file of any size.

    Yields:
        Records and rejects in the order of the file; positions are line numbers.

    Raises:
        UnreadableFileError: The header lacks a required column.
    """
    text = io.TextIOWrapper(
        stream, encoding="utf-8-sig", errors="surrogateescape", newline=""
    )
    lines = Lines(text)
    names, first = _read_names(lines, path, dialect, options)
    keep = set(names if options.keep_all else options.required)
    kept = [(i, name) for i, name in enumerate(names) if name in keep]
    rows = read_rows(lines, dialect, width=len(names))
    for row in itertools.chain(first, rows):
        problem = _problem(row, len(names))
        if problem is None:
            yield Record(
                source=path,
                position=row.position,
                columns={name: row.fields[i] for i, name in kept},
                raw=row.raw,
                replaced_utf8=row.replaced_utf8,
            )
        else:
            reason, detail = problem
            yield Reject(
                source=path,
                position=row.position,
                reason=reason,
                detail=detail,
                text=row.raw,
            )


def _read_names(
    lines: Lines, path: str, dialect: Dialect, options: ReadOptions
) -> tuple[list[str], list[Row]]:
    """The names of the columns, and the first row where it is no header."""
    width = None if options.columns is None else len(options.columns)
    first = next(read_rows(lines, dialect, width=width), None)
    if first is None:
        return list(options.columns or options.required), []
    header = [name.strip() for name in first.fields]
    if options.columns is not None:
        is_header = options.header or (
            options.header is None and header == list(options.columns)
        )
        return list(options.columns), [] if is_header else [first]
    check_columns(
        path,
        header,
        options.required,
        hint="if the file has no header row, name its columns (`columns`)",
    )
    return header, []


def _problem(row: Row, width: int) -> tuple[str, str] | None:
    if row.reason:
        return row.reason, _DETAILS[row.reason]
    if len(row.fields) == width:
        return None
    reason = (
        reasons.TOO_FEW_FIELDS if len(row.fields) < width else reasons.TOO_MANY_FIELDS
    )
    return reason, f"{len(row.fields)} fields where {width} are expected"
