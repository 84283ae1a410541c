"""Whether a backslash escapes quotes and delimiters in a CSV or TSV file."""

from __future__ import annotations

import csv
import dataclasses
import io
import re

from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading.encodings import SURVEY_BYTES
from components.text_example_gen.reading.evidence import count_faults, rows_of
from components.text_example_gen.reading.lines import for_csv
from components.text_example_gen.reading.opening import Reopen
from components.text_example_gen.reading.quotes import DECISIVE
from components.text_example_gen.reading.rows import Dialect, Row

# An escape is taken if it leaves, or makes, at most this share of the faults.
_FEWER_FAULTS = 0.1
# A backslash alone. Who escapes backslashes writes none, but MySQL `\n` and the like.
_ALONE = re.compile(r"""(?<!\\)(?:\\\\)*\\[^\\"',;|\t\r\n0bnrtNZ]""")
# Rows with such ones, for each with two in a row, that may be damage.
_MOST_ALONE = 0.1


def with_escape(reopen: Reopen, dialect: Dialect, options: ReadOptions) -> Dialect:
    r"""Returns the dialect, with a backslash as `escape` if the rows say that it is.

    They do if most rows with `\"`, or with one before a delimiter, are otherwise at
    fault, and nine tenths of these faults go away. They also do if fields that are not
    in quotes have `\"`, and hardly any has a quote without it: programs that double
    quotes put such fields into quotes.

    Args:
        reopen: Opens the file.
        dialect: Without an escape.
        options: Name the columns.
    """
    escaping = dataclasses.replace(dialect, escape="\\")
    # Of an even number of backslashes the last is no escape.
    escaped = re.compile(rf'(?<!\\)(?:\\\\)*\\["{re.escape(dialect.delimiter)}]')

    def has_escape(row: Row) -> bool:
        if escaped.search(row.raw) is None:
            return False
        is_fault = bool(row.reason) or row.is_repaired
        return is_fault or not _has_as_many_fields(row, escaping)

    old = count_faults(reopen, dialect, options, has_escape)
    # These would be changed, or swallow others.
    right = old.telling - old.telling_at_fault
    most = old.at_fault - (1 - _FEWER_FAULTS) * old.telling_at_fault
    if old.telling_at_fault <= right:
        bare = _bare_and_escaped(reopen, dialect, options)
        if bare and right <= _FEWER_FAULTS * bare:
            most = old.at_fault + _FEWER_FAULTS * bare
        elif old.at_fault and not right:
            # Of a text of several lines, only the first shows where a quote is open.
            most = _FEWER_FAULTS * old.at_fault
        else:
            return dialect
    new = count_faults(reopen, escaping, options, has_escape, most_chars=old.chars)
    if new.at_fault > most:
        return dialect
    halves = _halves(reopen, escaping, options)
    return dataclasses.replace(escaping, halves=halves)


def _has_as_many_fields(row: Row, dialect: Dialect) -> bool:
    """Returns whether another dialect finds as many fields in a row that is right."""
    lines = map(for_csv, io.StringIO(row.raw, newline=""))
    try:
        found = list(dialect.reader(lines, strict=True))
    except csv.Error:
        return False
    return [len(fields) for fields in found] == [len(row.fields)]


def _bare_and_escaped(reopen: Reopen, dialect: Dialect, options: ReadOptions) -> int:
    """Returns how many rows have escaped quotes in fields that are not in quotes.

    None if more than a tenth as many have such fields with a quote that is not escaped.
    """
    escaped = plain = chars = 0
    with reopen() as text:
        for row in rows_of(text, dialect, options):
            chars += len(row.raw)
            if '"' in row.raw:
                bare = [f for f in row.fields if '"' in f and _is_bare(f, row, dialect)]
                is_plain = any('"' in field.replace('\\"', "") for field in bare)
                plain += is_plain
                escaped += bool(bare) and not is_plain
            if chars > SURVEY_BYTES or escaped + plain >= DECISIVE:
                break
    return escaped if plain <= _FEWER_FAULTS * escaped else 0


def _is_bare(field: str, row: Row, dialect: Dialect) -> bool:
    """Returns whether a field with a quote in it stands in the row as it is."""
    before = dialect.delimiter or "\n"
    return f"{before}{field}" in f"{before}{row.raw}"


def _halves(reopen: Reopen, dialect: Dialect, options: ReadOptions) -> bool:
    """Returns whether two backslashes of a file with escaped quotes are one in a text.

    Not where backslashes stand alone as well: who escapes them leaves none.
    """
    halved = alone = chars = 0
    with reopen() as text:
        for row in rows_of(text, dialect, options):
            chars += len(row.raw)
            halved += "\\\\" in row.raw
            alone += _ALONE.search(row.raw) is not None
            if chars > SURVEY_BYTES or halved >= DECISIVE:
                break
    return alone <= _MOST_ALONE * halved
