"""Whether quotes are syntax where a tab, or nothing, stands between the fields."""

from __future__ import annotations

import collections
import re
from collections.abc import Iterable

from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading import reasons
from components.text_example_gen.reading.encodings import SURVEY_BYTES
from components.text_example_gen.reading.records import clean_names
from components.text_example_gen.reading.rows import Dialect, Row

DECISIVE = 1000
"""So many rows with quotes decide what quotes mean."""
# Fields that Excel would have written otherwise, of those that it may have written.
_MOST_ODD_FIELDS = 0.05
_LEAST_QUOTED = 4  # fields
_LINE_END = re.compile(r"\r\n|\r|\n")


def are_syntax(rows: Iterable[Row], dialect: Dialect, options: ReadOptions) -> bool:
    """Returns whether quotes are syntax where a tab, or nothing, stands between fields.

    In plain TSV a quote is a character like any other, so a text may begin with one.
    Whoever writes quoted TSV puts fields with quotes, tabs or line ends into quotes and
    doubles the quotes within, and never leaves a quote in a field without. So rows that
    are written just so are counted against those with quotes in other places. Where no
    row is either, `_Habits` decide.

    Args:
        rows: Of the file, read with quotes as syntax; its header is the first.
        dialect: How its fields are separated.
        options: Name the columns.
    """
    first: Row | None = None
    just_so = other = chars = 0
    habits = _Habits(dialect.delimiter)
    for row in rows:
        if first is None:
            first = row
            if options.columns is None and _is_quoted_header(row, dialect, options):
                return True
        chars += len(row.raw)
        if row.reason == reasons.TOO_LONG and row is not first:
            continue  # nobody has seen its end
        if options.columns is not None or row is not first:
            habits.add(row.raw)
        if '"' in row.raw:
            verdict = _verdict(row, dialect, options, len(first.fields))
            just_so += verdict > 0
            other += verdict < 0
        if chars > SURVEY_BYTES or just_so + other >= DECISIVE:
            break
    if just_so > other:
        return True
    return other <= _MOST_ODD_FIELDS * habits.quoted and habits.are_quoted


class _Habits:
    """Which fields stand in quotes, where no quote is within one.

    Excel puts fields with a comma in quotes, also between tabs, and no others. pandas
    may put all fields in quotes that are no numbers.

    Args:
        delimiter: Between the fields.
    """

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter
        # Fields in quotes, and without: those with a comma or a line end, words, and
        # numbers.
        self._quoted: collections.Counter[str] = collections.Counter()
        self._bare: collections.Counter[str] = collections.Counter()

    def add(self, raw: str) -> None:
        """Looks at a row as it stands in the file."""
        raw = raw.rstrip("\r\n")
        for field in raw.split(self._delimiter) if self._delimiter else [raw]:
            is_quoted = len(field) > 1 and field[0] == field[-1] == '"'
            bare = field[1:-1] if is_quoted else field
            if not bare:
                continue
            is_number = bare.lstrip("-").replace(".", "", 1).isdigit()
            is_special = "," in bare or _LINE_END.search(bare)
            kind = "number" if is_number else "comma" if is_special else "word"
            (self._quoted if is_quoted else self._bare)[kind] += 1

    @property
    def quoted(self) -> int:
        """How many fields stand in quotes."""
        return self._quoted.total()

    @property
    def are_quoted(self) -> bool:
        """Whether the quotes can only come from such a program."""
        most = _MOST_ODD_FIELDS * self._quoted["comma"]
        is_excel = (
            self._quoted["comma"] > 0
            and self._bare["comma"] <= most
            and self._quoted["word"] + self._quoted["number"] <= most
        )
        words = self._quoted["comma"] + self._quoted["word"]
        is_pandas = words >= _LEAST_QUOTED and (
            self._bare["comma"] + self._bare["word"] == 0
        )
        return is_excel or is_pandas


def _is_quoted_header(row: Row, dialect: Dialect, options: ReadOptions) -> bool:
    """Whether only with quotes as syntax a row names the columns."""
    plain = clean_names(_split(row.raw, dialect), options)
    needed = set(options.required)
    return needed <= set(clean_names(row.fields, options)) and not needed <= set(plain)


def _verdict(row: Row, dialect: Dialect, options: ReadOptions, width: int) -> int:
    """Returns 1 if a row is written as quoted rows are, -1 if not, 0 if it is open."""
    if options.columns is not None:
        width = len(options.columns)
    if row.reason == reasons.NOT_TEXT:  # a NUL, wherever quotes are
        return 0
    if row.reason or row.is_repaired:
        return -1
    plain = [len(_split(line, dialect)) for line in _LINE_END.split(row.raw) if line]
    is_plain = all(number == width for number in plain)
    if len(row.fields) != width:  # a wrong row either way, unless its lines are right
        return -1 if is_plain else 0
    inner = [field.count('"') for field in row.fields]
    special = (dialect.delimiter or "\n", "\n", "\r")
    broken = [any(c in field for c in special) for field in row.fields]
    least = sum(
        2 * number + 2
        for number, is_broken in zip(inner, broken, strict=True)
        if number or is_broken
    )
    found = row.raw.count('"')
    if found < least:
        return -1  # a quote in a field that is not in quotes
    if any(inner) or found == 2 * sum(inner) + 2 * width > 2:
        return 1
    if not any(broken):
        return 0  # `"Good"` may be a text with its quotes
    return 0 if is_plain else 1


def _split(line: str, dialect: Dialect) -> list[str]:
    return line.split(dialect.delimiter) if dialect.delimiter else [line]
