"""Reads CSV and TSV files: the names of their columns, and their rows as records."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterator
from typing import Any, TextIO

from components.text_example_gen.errors import UnreadableFileError
from components.text_example_gen.file_names import format_by_name
from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading import reasons
from components.text_example_gen.reading.layout import Layout, OnLayout
from components.text_example_gen.reading.lines import Lines
from components.text_example_gen.reading.records import (
    Record,
    Reject,
    check_columns,
    clean_names,
    distinct_names,
    new_names,
    reject_at,
)
from components.text_example_gen.reading.rows import (
    Dialect,
    Row,
    fault_in_width,
    read_rows,
)

_MARK = "\ufeff"  # before the header of a file that was put behind another
_DETAILS = {
    reasons.REPEATED_HEADER: "the row is the header once more",
    reasons.BAD_QUOTES: "a double quote opens a field and is not closed properly",
    reasons.NOT_TEXT: "the row contains a NUL character",
    reasons.TOO_LONG: "the row is too long",
}
_SHOWN_CHARS = 1000  # of a header that cannot be read
_IN_QUOTES = re.compile('"[^"]*"')


def read_delimited(
    text: TextIO,
    path: str,
    dialect: Dialect,
    options: ReadOptions,
    *,
    layout: Layout,
    on_layout: OnLayout,
) -> Iterator[Record | Reject]:
    """Reads one CSV or TSV file of any size.

    Args:
        text: From its beginning.
        path: As the records say it.
        dialect: How fields are separated.
        options: Name the columns.
        layout: What is known so far.
        on_layout: Is called with the rest, too, before the first row.

    Yields:
        Records and rejects in the order of the file; positions are line numbers.

    Raises:
        UnreadableFileError: The header cannot be read, or lacks a required column.
    """
    lines = Lines(text, dialect.delimiter, most_chars=options.most_chars)
    if dialect.is_named:
        next(lines)
    names, first, found = _read_names(lines, path, dialect, options)
    on_layout(dataclasses.replace(layout, **found))
    columns = distinct_names(names)
    keep = set(columns if options.keep_all else options.required)
    kept = [(i, name) for i, name in enumerate(columns) if name in keep]
    least = 1 + max(i for i, name in kept if name in options.required)
    renamed = tuple(name for name in new_names(names, columns) if name in keep)
    width = len(names)
    folded = [name.casefold() for name in names]
    rows = itertools.chain(first, read_rows(lines, dialect, width=width))
    for number, row in enumerate(rows):
        if not number:
            _check_row_names(row, columns, path, options)
        position, raw, fields, reason, replaced_utf8, _ = row
        if len(fields) != width and not reason:
            reason = fault_in_width(row, width, least)
        if width > 1 and _is_header(fields, folded, options):
            reason = reasons.REPEATED_HEADER
        if reason:
            found_fields = f"{len(fields)} field{'s' if len(fields) != 1 else ''}"
            detail = _DETAILS.get(reason, f"{found_fields} where {width} are expected")
            yield reject_at(path, position, reason, detail, raw)
            continue
        given = len(fields)
        yield {
            "source": path,
            "position": position,
            "columns": {name: fields[i] for i, name in kept if i < given},
            "raw": raw,
            "replaced_utf8": replaced_utf8,
            "renamed": renamed,
        }


def _check_row_names(
    row: Row, columns: list[str], path: str, options: ReadOptions
) -> None:
    """Refuses a header that lacks the name of a first column with row numbers.

    R writes such files. Where the last column is empty, too, all others would be taken
    for their neighbours, and nothing would tell.

    Raises:
        UnreadableFileError: The first row shows it.
    """
    is_shifted = len(row.fields) == len(columns) + 1 and not row.fields[-1].strip()
    if is_shifted and row.fields[0] == "1" and columns[0] in options.text_columns:
        raise UnreadableFileError(
            reasons.TOO_MANY_FIELDS,
            f"{path}: its rows have one field more than its header, and the first one "
            f"stands where `{columns[0]}` should: 1\nhint: in R, "
            "`write.csv(..., row.names = FALSE)`; else give the first column a name",
        )


def _is_header(fields: list[str], names: list[str], options: ReadOptions) -> bool:
    """Returns whether a row is the header once more, in quotes, other case or shorter.

    Args:
        fields: Of the row.
        names: Of the columns, without case.
        options: Name the columns.
    """
    if not fields:  # of a row that cannot be read
        return False
    first = fields[0].strip(f'" {_MARK}')
    if first.casefold() != names[0] and first.isascii():
        return False  # nearly all rows
    row = [name.strip('"').casefold() for name in clean_names(fields, options)]
    while row and not row[-1]:
        row.pop()
    named = names[: len(row)]
    return len(row) > 0 and row == named and not any(names[len(row) :])


def _read_names(
    lines: Lines, path: str, dialect: Dialect, options: ReadOptions
) -> tuple[list[str], list[Row], dict[str, Any]]:
    """Returns the columns' names, the first row if it is no header, parts of `Layout`.

    Raises:
        UnreadableFileError: The header cannot be read, or lacks a required column.
    """
    width = None if options.columns is None else len(options.columns)
    first = next(read_rows(lines, dialect, width=width), None)
    if first is None:
        return list(options.columns or options.required), [], {}
    names = clean_names(first.fields, options)
    if options.columns is not None:
        is_header = options.header or (
            options.header is None
            and _is_header(
                first.fields, [name.casefold() for name in options.columns], options
            )
        )
        if is_header:
            _check_end(first, path, dialect)
            return list(options.columns), [], {"header": "yes"}
        return list(options.columns), [first], {"header": "no"}
    if first.reason:
        raise UnreadableFileError(
            first.reason,
            f"{path}: its header, line {first.position}, cannot be read: "
            f"{_DETAILS[first.reason]}\nhint: mend this line, or `quoting=none` if "
            "quotes are not syntax",
            first.raw[:_SHOWN_CHARS],
        )
    _check_end(first, path, dialect)
    may_be_texts = options.label_column is None and format_by_name(path) is None
    check_columns(
        path,
        names,
        options,
        hint="if the file has no header row, name its columns (`columns`)",
        hint_besides="if each file is one text, `format=folder`" * may_be_texts,
    )
    found: dict[str, Any] = {"header": "yes"}
    nameless = sum(
        not name and new not in options.required
        for name, new in zip(names, distinct_names(names), strict=True)
    )
    if nameless and not options.keep_all:
        # Excel and broken quotes leave such columns; a text may go on in them.
        note = f"{nameless} column{'s' if nameless > 1 else ''} without a name left out"
        found["notes"] = (*found.get("notes", dialect.notes), note)
    if names != [name.strip() for name in first.fields]:
        note = "invisible characters dropped from header"
        found["notes"] = (*found.get("notes", dialect.notes), note)
    return names, [], found


def _check_end(header: Row, path: str, dialect: Dialect) -> None:
    """Refuses a header that ends unlike the other lines: it would swallow a row.

    Raises:
        UnreadableFileError: It holds a carriage return that is not in quotes.
    """
    raw = _IN_QUOTES.sub("", header.raw) if dialect.quoted else header.raw
    if "\r" in raw:
        raise UnreadableFileError(
            reasons.MISSING_COLUMN,
            f"{path}: its header ends with a carriage return, and other lines with a "
            "line feed\nhint: give all lines the same end",
            header.raw[:_SHOWN_CHARS],
        )
