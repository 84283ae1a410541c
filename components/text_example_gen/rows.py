"""Splits lines into rows of fields, so that a bad row costs no row but itself."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterable, Iterator

from components.text_example_gen import reasons
from components.text_example_gen.lines import Lines
from components.text_example_gen.records import MAX_RECORD_CHARS, replace_invalid


@dataclasses.dataclass(frozen=True)
class Dialect:
    """How fields are told apart.

    Args:
        delimiter: One character.
        quoted: Whether a field may stand in double quotes, and then hold delimiters,
            line ends and, doubled, quotes.
    """

    delimiter: str
    quoted: bool

    def reader(self, lines: Iterable[str], *, strict: bool) -> Iterator[list[str]]:
        """The fields of each row; `strict` raises `csv.Error` on misplaced quotes."""
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quoting=csv.QUOTE_MINIMAL if self.quoted else csv.QUOTE_NONE,
            strict=strict,
        )


@dataclasses.dataclass(frozen=True)
class Row:
    """A row: its fields, or the reason why it has none.

    Args:
        position: Number of its first line, counted from 1.
        raw: As it stands in the file.
        fields: Empty where `reason` is set.
        reason: One of `reasons.REASONS`, or "".
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
    """Reads rows until the lines end; blank lines are no rows.

    A quote that is opened and never properly closed would swallow the rows after it.
    Such a row is rejected up to the end of its first line, and reading goes on with
    the second.

    Args:
        lines: Where to read; may have been read from before.
        dialect: How fields are told apart.
        width: Fields that a row should have, if known. Only used to decide whether
            a row with stray quotes can be kept (`"Great" movie,positive`).
    """
    csv.field_size_limit(max(csv.field_size_limit(), MAX_RECORD_CHARS))
    while True:
        lines.begin()
        reason = ""
        try:
            fields = next(dialect.reader(lines, strict=True))
        except StopIteration:
            return
        except csv.Error:
            lines.give_back(1)
            fields = _repair(lines.taken[0], dialect)
            if width is None or len(fields) != width:
                reason = reasons.BAD_QUOTES
        raw, replaced = replace_invalid(lines.raw)
        if lines.is_cut:
            reason = reasons.TOO_LONG
        elif "\0" in raw:
            reason = reasons.NOT_TEXT
        elif not raw.strip(" "):
            continue
        if replaced:
            fields = [replace_invalid(field)[0] for field in fields]
        yield Row(lines.number, raw, [] if reason else fields, reason, replaced)


def _repair(line: str, dialect: Dialect) -> list[str]:
    """The fields of a line with stray quotes; none if a quote stays open."""
    line = line.replace("\0", "\ufffd")
    try:
        return next(dialect.reader([line], strict=True))
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            return []
    return next(dialect.reader([line], strict=False))
