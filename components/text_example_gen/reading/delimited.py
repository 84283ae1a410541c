"""Reads CSV and TSV, row by row, and finds out how their fields are separated."""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading import reasons
from components.text_example_gen.reading.lines import Lines
from components.text_example_gen.reading.records import (
    MAX_RECORD_CHARS,
    MAX_RECORD_VALUES,
    Record,
    Reject,
    check_columns,
    distinct_names,
    new_names,
    reject_at,
    replace_invalid,
)

_CSV_DELIMITERS = (",", ";", "\t", "|")
_DETAILS = {
    reasons.BAD_QUOTES: "a double quote opens a field and is not closed properly",
    reasons.NOT_TEXT: "the row contains a NUL character",
    reasons.TOO_LONG: "the row is too long",
}


@dataclasses.dataclass(frozen=True)
class Dialect:
    """How fields are separated.

    Args:
        delimiter: One character.
        quoted: Whether a field may stand in double quotes, and then hold delimiters,
            line ends and, doubled, quotes.
    """

    delimiter: str
    quoted: bool

    def reader(self, lines: Iterable[str], *, strict: bool) -> Iterator[list[str]]:
        """Reads the fields of each row; `strict`: stray quotes are a `csv.Error`."""
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quoting=csv.QUOTE_MINIMAL if self.quoted else csv.QUOTE_NONE,
            strict=strict,
        )


def read_delimited(
    stream: BinaryIO, path: str, dialect: Dialect, options: ReadOptions
) -> Iterator[Record | Reject]:
    """Reads one CSV or TSV file of any size.

    Yields:
        Records and rejects in the order of the file; positions are line numbers.

    Raises:
        UnreadableFileError: A required column is missing from the header.
    """
    text = io.TextIOWrapper(
        stream, encoding="utf-8-sig", errors="surrogateescape", newline=""
    )
    lines = Lines(text)
    names, first = _read_names(lines, path, dialect, options)
    columns = distinct_names(names)
    keep = set(columns if options.keep_all else options.required)
    kept = [(i, name) for i, name in enumerate(columns) if name in keep]
    renamed = tuple(name for name in new_names(names, columns) if name in keep)
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
                renamed=renamed,
            )
        else:
            reason, detail = problem
            yield reject_at(path, row.position, reason, detail, row.raw)


def _read_names(
    lines: Lines, path: str, dialect: Dialect, options: ReadOptions
) -> tuple[list[str], list[Row]]:
    """Returns the names of the columns, and the first row if it is not a header."""
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
        options,
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


@dataclasses.dataclass(frozen=True)
class Row:
    """A row: its fields, or the reason why they cannot be used.

    Args:
        position: Number of its first line, counted from 1.
        raw: As it stands in the file.
        fields: Empty where `reason` is set.
        reason: One of the codes in `reasons`, or "".
        replaced_utf8: Whether invalid bytes became U+FFFD.
    """

    position: int
    raw: str
    fields: list[str]
    reason: str
    replaced_utf8: bool


def read_rows(
    lines: Lines, dialect: Dialect, *, width: int | None = None
) -> Iterator[Row]:
    """Reads rows until the lines end; blank lines are not rows.

    A quote that is opened and never closed properly would swallow the rows after it.
    Then only the first line is rejected, and reading goes on with the second.

    Args:
        lines: The lines that are left of a file.
        dialect: How fields are separated.
        width: Fields that a row should have, if known. Only used to decide whether
            a row with stray quotes can be kept (`"Great" movie,positive`).
    """
    csv.field_size_limit(max(csv.field_size_limit(), MAX_RECORD_CHARS))
    while True:
        lines.begin()
        reason = ""
        try:
            fields = next(dialect.reader(_narrow(lines, dialect), strict=True))
        except StopIteration:
            return
        except csv.Error:
            lines.give_back(1)
            line = lines.taken[0]
            fields = [] if _is_wide(line, dialect) else _repair(line, dialect)
            if width is None or len(fields) != width:
                reason = reasons.BAD_QUOTES
        raw, replaced = replace_invalid(lines.raw)
        if lines.is_cut or _is_wide(lines.taken[0], dialect):
            reason = reasons.TOO_LONG
        elif "\0" in raw:
            reason = reasons.NOT_TEXT
        elif not raw.strip(" "):
            continue
        if replaced:
            fields = [replace_invalid(field)[0] for field in fields]
        yield Row(lines.number, raw, [] if reason else fields, reason, replaced)


def _narrow(lines: Iterable[str], dialect: Dialect) -> Iterator[str]:
    """Yields the lines of a record while it has no more delimiters than it may have.

    Raises:
        csv.Error: It has more.
    """
    number = 0
    for line in lines:
        number += line.count(dialect.delimiter)
        if number > MAX_RECORD_VALUES:
            raise csv.Error("the record has too many fields")
        yield line


def _is_wide(line: str, dialect: Dialect) -> bool:
    return line.count(dialect.delimiter) > MAX_RECORD_VALUES


def _repair(line: str, dialect: Dialect) -> list[str]:
    """Returns the fields of a line with stray quotes; none if a quote stays open."""
    line = line.replace("\0", "\ufffd")
    try:
        return next(dialect.reader([line], strict=True))
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            return []
    return next(dialect.reader([line], strict=False))


def find_dialect(head: str, format_name: str, options: ReadOptions) -> Dialect:
    """Returns the delimiter that splits the first row into the columns, and quoting.

    Args:
        head: The beginning of the file, without byte order mark.
        format_name: `csv` or `tsv`; used where the file does not tell.
        options: What they set is not looked for.
    """
    if options.delimiter is not None:
        candidates: tuple[str, ...] = (options.delimiter,)
    else:
        candidates = ("\t",) if format_name == "tsv" else _CSV_DELIMITERS
    delimiter = find_delimiter(head, candidates, options) or candidates[0]
    quoted = options.quoted
    if quoted is None:
        quoted = format_name == "csv" or _is_quoted(head, delimiter, options)
    return Dialect(delimiter, quoted)


def find_delimiter(
    head: str, candidates: tuple[str, ...], options: ReadOptions
) -> str | None:
    """Returns the first of `candidates` that splits the first row into the columns."""
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
    """Returns whether quotes in a TSV are syntax: all rows then fit, and some need it.

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
