"""Finds out how the fields of a CSV or TSV file are separated and quoted.

The delimiter is the one under which the rows of the head agree. Quotes may first come
later; so what they mean is decided by rows of the whole file, up to a bound.
"""

from __future__ import annotations

import dataclasses
import io
import itertools
import re
from typing import NamedTuple

from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading.encodings import Survey
from components.text_example_gen.reading.escapes import with_escape
from components.text_example_gen.reading.evidence import count_faults, rows_of
from components.text_example_gen.reading.opening import Reopen
from components.text_example_gen.reading.quotes import are_syntax
from components.text_example_gen.reading.records import clean_names
from components.text_example_gen.reading.rows import (
    Dialect,
    Row,
    fault_in_width,
)

_CSV_DELIMITERS = (",", ";", "\t", "|")
_TSV_DELIMITERS = ("\t", ",", ";", "|")
# A field in quotes: these stand where a field begins and ends.
_QUOTED = re.compile(r"""(?<![^,;|\t\r\n])"(?:[^"]|"")*(?:(")(?=[,;|\t\r\n]|\Z)|\Z)""")
# What Excel writes and understands as the first line. What cannot stand between fields
# is no delimiter.
_SEP = re.compile(
    r'[\ufeff]?"?sep=([^\0\r\n"\\\ud800-\udfff])"?[ ,;\t|]*(?:\r\n|\n|\r|$)',
    re.IGNORECASE,
)
# A file without a header is one of CSV if so many of its first rows have the columns.
_LEAST_SHARE = 0.5
# So many show how wide rows are where the header lacks a column: for the message.
_FEW_ROWS = 20


class Head(NamedTuple):
    """The beginning of a file as text; `is_part`: more follows."""

    text: str
    is_part: bool

    @property
    def newline(self) -> str:
        """How to open the file: as old Macs wrote it, CR alone ends a line."""
        text = self.text
        if text.count("\r") == text.count("\r\n"):
            return "\n"
        if "\n" in text:
            outside = _QUOTED.sub("", text)  # there, either is a part of a text
            is_open = any(field[1] is None for field in _QUOTED.finditer(text))
            # One that is never closed is text; but the head may cut one.
            if ("\r" in outside or "\n" in outside) and (self.is_part or not is_open):
                text = outside
        returns = text.count("\r") - text.count("\r\n")
        return "\n" if returns <= text.count("\n") else ""

    @property
    def sep_line(self) -> re.Match[str] | None:
        """The first line if it names the delimiter, `sep=;`, and ends as lines do."""
        match = _SEP.match(self.text)
        if match and match[0].endswith("\r") and self.newline == "\n":
            return None
        return match


def find_dialect(
    head: Head, format_name: str, options: ReadOptions, survey: Survey, reopen: Reopen
) -> Dialect:
    """Returns how the fields of a file are separated.

    Args:
        head: Its beginning.
        format_name: `csv` or `tsv`; used where the file does not tell.
        options: What they set is not looked for.
        survey: Says which quotes there are.
        reopen: Only called if the quotes can be read in several ways.
    """
    usual = _TSV_DELIMITERS if format_name == "tsv" else _CSV_DELIMITERS
    delimiter = head.sep_line[1] if head.sep_line else None
    is_named = delimiter is not None
    if options.delimiter is not None:
        delimiter = options.delimiter
    if delimiter is None:
        delimiter = _best(head, usual, options)[0]
    dialect = Dialect(
        delimiter,
        quoted=options.quoting != "none",
        escape=options.escape_character or "",
        is_named=is_named,
    )
    dialect = dataclasses.replace(dialect, skip_blanks=_has_blanks(head, dialect))
    if not survey.quotes:
        is_quoted = delimiter not in ("\t", "") or options.quoting == "double"
        return dataclasses.replace(dialect, quoted=is_quoted and dialect.quoted)
    if options.quoting == "auto" and delimiter in ("\t", ""):
        with reopen() as text:
            rows = rows_of(text, dataclasses.replace(dialect, quoted=True), options)
            quoted = are_syntax(rows, dialect, options)
        dialect = dataclasses.replace(dialect, quoted=quoted)
    if not dialect.quoted:
        return dialect
    if survey.blanks and not dialect.skip_blanks:
        skipping = dataclasses.replace(dialect, skip_blanks=True)
        old = count_faults(reopen, dialect, options, _has_open_blank)
        new = count_faults(
            reopen, skipping, options, _has_open_blank, most_chars=old.chars
        )
        if old.telling and new.at_fault <= old.at_fault:
            dialect = skipping
    if survey.escapes and options.escape_character is None:
        return with_escape(reopen, dialect, options)
    return dialect


def find_delimiter(
    head: Head, candidates: tuple[str, ...], options: ReadOptions
) -> str | None:
    """Returns which of `candidates` splits the rows into the columns, or None."""
    if head.sep_line:
        return head.sep_line[1]
    delimiter, fit = _best(head, candidates, options)
    return delimiter if fit.has_names and fit.share >= _LEAST_SHARE else None


class _Fit(NamedTuple):
    """How well rows agree with a delimiter; the greater, the better.

    Args:
        has_names: Whether the first row names the columns, or is as wide as `columns`.
        share: Of the rows, those with as many fields as the first, or as `columns`.
        is_split: Whether there is more than one column.
        labels: Distinct labels, negative: texts that were split give many.
        spaced: Share of the fields that begin with a blank, negative: a comma in a text
            has one behind it.
    """

    has_names: bool
    share: float
    is_split: bool
    labels: int
    spaced: float


_NO_FIT = _Fit(False, 0.0, False, 0, 0.0)


def _best(
    head: Head, candidates: tuple[str, ...], options: ReadOptions
) -> tuple[str, _Fit]:
    """Returns the delimiter that fits best, or "".

    Of equals it is the first, but a comma only if there is no other: texts have commas.
    What stands between labels separates no fields, unless nothing else makes a header.
    """
    fits = []
    usual = candidates
    candidates = tuple(c for c in candidates if c != options.label_separator)
    for delimiter in candidates:
        fit = _fit(head, delimiter, options)
        fits.append(fit)
        if options.columns is None and fit.has_names and fit.is_split:
            break  # no other splits a header into the same names
    between_labels = options.label_separator
    if (
        between_labels in usual
        and options.columns is None
        and not any(fit.has_names for fit in fits)
    ):
        # In quotes, labels may have what stands between fields, too.
        fit = _fit(head, between_labels, options)
        if fit.has_names and fit.is_split:
            return between_labels, fit
    best = max(range(len(fits)), key=lambda i: (fits[i], candidates[i] != ",", -i))
    if fits[best].has_names and not fits[best].is_split:
        # One column; where its texts have delimiters, these mean nothing.
        return ("" if fits[0].share < 1 else candidates[0]), fits[best]
    return candidates[best], fits[best]


def _fit(head: Head, delimiter: str, options: ReadOptions) -> _Fit:
    """Returns how well a delimiter fits, with quotes as syntax or without."""
    best = _NO_FIT
    for quoted in _quotings(options):
        dialect = Dialect(delimiter, quoted, is_named=head.sep_line is not None)
        best = max(best, _fit_dialect(head, dialect, options))
        if best.share == 1:
            break
    return best


def _quotings(options: ReadOptions) -> tuple[bool, ...]:
    return {"auto": (True, False), "double": (True,), "none": (False,)}[options.quoting]


def _fit_dialect(head: Head, dialect: Dialect, options: ReadOptions) -> _Fit:
    columns = options.columns
    text = io.StringIO(_whole_rows(head), newline=head.newline)
    rows = rows_of(text, dialect, options)
    first = next(rows, None)
    if first is None:
        return _NO_FIT
    if columns is None:
        names = clean_names(first.fields, options)
        has_names = set(names).issuperset(options.required)
        others = list(rows if has_names else itertools.islice(rows, _FEW_ROWS))
    else:
        names = list(columns)
        has_names = True
        others = [first, *rows]
    width = len(names)
    fitting = [row for row in others if not fault_in_width(row, width, width)]
    share = len(fitting) / len(others) if others else 1.0
    if columns is not None and not fitting:
        has_names = False
    labels: set[str] = set()
    if has_names and options.label_column in names:
        place = names.index(options.label_column)
        labels = {row.fields[place] for row in fitting if place < len(row.fields)}
    behind = [field for row in fitting for field in row.fields[1:]]
    spaced = sum(field.startswith(" ") for field in behind) / max(1, len(behind))
    return _Fit(has_names, share, width > 1, -len(labels), -spaced)


def _whole_rows(head: Head) -> str:
    if not head.is_part:
        return head.text
    end = max(head.text.rfind("\n"), head.text.rfind("\r"))
    return head.text[: end + 1] or head.text


def _has_blanks(head: Head, dialect: Dialect) -> bool:
    """Returns whether a blank stands behind each delimiter of each row of the head."""
    if dialect.delimiter in ("\t", "", " "):
        return False
    text = _whole_rows(head)
    if head.sep_line:
        text = text[head.sep_line.end() :]
    number = text.count(dialect.delimiter)
    return 0 < number == text.count(f"{dialect.delimiter} ")


def _has_open_blank(row: Row) -> bool:
    return any(f[:1] == " " and f.lstrip(" ")[:1] == '"' for f in row.fields)
