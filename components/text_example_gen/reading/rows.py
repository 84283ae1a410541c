"""Reads the rows of CSV and TSV, and goes on behind one that cannot be read."""

from __future__ import annotations

import csv
import dataclasses
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from components.text_example_gen.reading import reasons
from components.text_example_gen.reading.lines import (
    CARRIAGE_RETURN,
    MOST_CHARS_READ,
    Lines,
    for_csv,
)
from components.text_example_gen.reading.records import (
    MAX_RECORD_CHARS,
    replace_invalid,
)

# Lone surrogates, which are in no text: for csv between fields where nothing is, and
# for an escaped quote or delimiter until the fields are split.
_NOWHERE = "\ud800"
_QUOTE = "\ud801"
_DELIMITER = "\ud802"


@dataclasses.dataclass(frozen=True)
class Dialect:
    """How fields are separated.

    Args:
        delimiter: One character, or "": a row is one field.
        quoted: Whether a field may stand in double quotes, and then hold delimiters,
            line ends and, doubled, quotes.
        escape: A character; a quote, a delimiter or itself behind it is text, and it is
            dropped. Before anything else it is text itself. "": there is none.
        halves: Whether two of `escape` are one in the text; else they stay two.
        skip_blanks: Whether blanks behind a delimiter do not belong to the field.
        is_named: Whether the first line names the delimiter (`sep=;`) and is no row.
    """

    delimiter: str
    quoted: bool
    escape: str = ""
    halves: bool = True
    skip_blanks: bool = False
    is_named: bool = False

    @property
    def notes(self) -> tuple[str, ...]:
        """What a summary says of it beside delimiter and quotes."""
        notes = ("`sep=` line",) if self.is_named else ()
        return (
            (*notes, "blanks behind delimiters dropped") if self.skip_blanks else notes
        )

    def reader(self, lines: Iterable[str], *, strict: bool) -> Iterator[list[str]]:
        """Reads the fields of each row; `strict`: stray quotes are a `csv.Error`.

        It can be asked for the next row after such an error.
        """
        return csv.reader(
            map(self._escaper(), lines) if self.escape else lines,
            delimiter=self.delimiter or _NOWHERE,
            quoting=csv.QUOTE_MINIMAL if self.quoted else csv.QUOTE_NONE,
            skipinitialspace=self.skip_blanks,
            strict=strict,
        )

    def _escaper(self):  # type: ignore[no-untyped-def]
        itself = self.escape if self.halves else 2 * self.escape
        marks = {'"': _QUOTE, self.delimiter: _DELIMITER, self.escape: itself}
        followers = "".join(map(re.escape, marks))
        escaped = re.compile(f"{re.escape(self.escape)}([{followers}])")
        return lambda line: escaped.sub(lambda match: marks[match[1]], line)

    def unescape(self, fields: list[str]) -> list[str]:
        """Puts back into the fields of `reader` what was escaped."""
        return [
            field.replace(_QUOTE, '"').replace(_DELIMITER, self.delimiter)
            for field in fields
        ]


class Row(NamedTuple):
    """A row: its fields, or the reason why they cannot be used.

    Args:
        position: Number of its first line, counted from 1.
        raw: As it stands in the file.
        fields: Empty where `reason` is set.
        reason: One of the codes in `reasons`, or "".
        replaced_utf8: Whether bytes that cannot be decoded became U+FFFD.
        is_repaired: Whether it has stray quotes.
    """

    position: int
    raw: str
    fields: list[str]
    reason: str
    replaced_utf8: bool
    is_repaired: bool


def read_rows(
    lines: Lines, dialect: Dialect, *, width: int | None = None, is_part: bool = False
) -> Iterator[Row]:
    """Reads rows until the lines end; lines without anything are not rows.

    Delimiters and blanks alone are nothing. A quote that is opened and never closed
    properly would swallow the rows after it. Then only the first line is rejected, and
    reading goes on with the second. A row that is too long is rejected as a whole if it
    ends within four times the bounds of a row; else its quote counts as never closed.

    Args:
        lines: The lines that are left of a file.
        dialect: How fields are separated.
        width: Fields that a row should have, if known. Only used to decide whether
            a row with stray quotes can be kept (`"Great" movie,positive`).
        is_part: Whether the lines end before the file does: a quote that is open then
            ends the reading, and its row is not looked at.
    """
    csv.field_size_limit(max(csv.field_size_limit(), MOST_CHARS_READ))
    nothing = f" {dialect.delimiter}"
    reader = dialect.reader(lines, strict=True)
    while True:
        lines.begin()
        reason = ""
        is_repaired = False
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if is_part and _is_open(error):
                return
            if lines.is_over and _ends(lines, reader):
                reason = reasons.TOO_LONG
            else:
                is_repaired = True
                lines.mark_open()
                lines.give_back(1)
                fields = [] if lines.is_too_long else _repair(lines.taken[0], dialect)
                if width is None or len(fields) != width:
                    reason = reasons.BAD_QUOTES
        raw = lines.raw[:MAX_RECORD_CHARS]
        if not raw.strip(nothing):
            continue
        raw, replaced = replace_invalid(raw)
        if lines.is_too_long:
            reason = reasons.TOO_LONG
        elif "\0" in raw:
            reason = reasons.NOT_TEXT
        if reason:
            fields = []
        else:
            if dialect.escape:
                fields = dialect.unescape(fields)
            if lines.has_returns:
                fields = [field.replace(CARRIAGE_RETURN, "\r") for field in fields]
            if replaced:
                fields = [replace_invalid(field)[0] for field in fields]
        yield Row(lines.number, raw, fields, reason, replaced, is_repaired)


def _ends(lines: Lines, reader: Iterator[list[str]]) -> bool:
    """Returns whether a record that is too long ends properly; then it is read."""
    lines.begin_again()
    try:
        next(reader)
    except (csv.Error, StopIteration):
        return False
    return True


def _repair(line: str, dialect: Dialect) -> list[str]:
    """Returns the fields of a line with stray quotes; none if a quote stays open."""
    line = for_csv(line)
    try:
        return next(dialect.reader([line], strict=True))
    except csv.Error as error:
        if _is_open(error):
            return []
    return next(dialect.reader([line], strict=False))


def _is_open(error: csv.Error) -> bool:
    return "unexpected end of data" in str(error)


def fault_in_width(row: Row, width: int, least: int) -> str:
    """Returns the reason why a row does not have the fields it should, or "".

    Empty fields behind the last column are no fault, nor are columns that are missing
    at the end where they are not needed.

    Args:
        row: Without a reason of its own.
        width: Columns of the file.
        least: Of them, up to the last that is needed.
    """
    number = len(row.fields)
    if number < least:
        return reasons.TOO_FEW_FIELDS
    if number > width and any(map(str.strip, row.fields[width:])):
        return reasons.TOO_MANY_FIELDS
    return ""
