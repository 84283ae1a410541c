"""The lines of a file; those of the current record can be given back."""

from __future__ import annotations

import collections
import csv
import math
from typing import TextIO

from components.text_example_gen.reading.records import (
    MAX_RECORD_CHARS,
    MAX_RECORD_VALUES,
)

_MOST_TIMES = 4  # the bounds of a record, to find its end
_EACH_LINE = 32  # characters that take about as long as an empty line

MOST_CHARS_READ = 2 * _MOST_TIMES * MAX_RECORD_CHARS
"""No record that is read has so many characters."""

CARRIAGE_RETURN = "\ud803"
"""A lone surrogate, which is in no text; it stands for a CR that ends no line."""


def for_csv(line: str) -> str:
    """Returns a line without what ends the reading of csv: NUL, and CR within it."""
    if "\r" in line and line.find("\r", 0, -1) >= 0:
        inner = line.rstrip("\r\n")
        line = inner.replace("\r", CARRIAGE_RETURN) + line[len(inner) :]
    return line.replace("\0", "\ufffd") if "\0" in line else line


class Lines:
    """Iterates over lines as `csv.reader` needs them, and keeps those of a record.

    Call `begin` before each record. `taken` holds the lines that the record took, and
    `give_back` puts back all but the first of them, to be read again.

    Args:
        text: Opened with `newline=""`, so that line ends inside quotes survive, or with
            a line feed, where CR alone ends no line.
        delimiter: Of which a record may have no more than `MAX_RECORD_VALUES`.
        most_chars: As of `ReadOptions`.

    Attributes:
        taken: Lines since `begin` as they stand in the file, each cut after
            `MAX_RECORD_CHARS`. Lines that are handed out have U+FFFD for NUL, because
            csv in Python 3.10 stops at a NUL, and `CARRIAGE_RETURN` within, because it
            stops at a CR that is not in quotes.
        has_returns: Whether the record has such ones.
        is_over: Whether the record was left because it passed a bound.
        number: Number of the first line of `taken`, counted from 1.
    """

    def __init__(
        self,
        text: TextIO,
        delimiter: str | None = None,
        *,
        most_chars: int | None = None,
    ) -> None:
        self._text = text
        self._delimiter = delimiter
        self._room = math.inf if most_chars is None else most_chars
        self._pending: collections.deque[str] = collections.deque()
        self._chars = 0
        self._delimiters = 0  # among the first `_counted` lines of the record
        self._counted = 0
        # A quote that is open behind a line before this one is not closed properly.
        self._open_until = 0
        # A record with fewer characters is within all bounds.
        self._short = min(MAX_RECORD_CHARS, MAX_RECORD_VALUES)
        self.taken: list[str] = []
        self.number = 1
        self.has_returns = False
        self.is_over = False
        self._times = 1

    def begin(self) -> None:
        """Starts a record: forgets the lines of the previous one."""
        self.number += len(self.taken)
        self.taken = []
        self._times = 1
        self._forget()

    def _forget(self) -> None:
        self.has_returns = self.is_over = False
        self._chars = self._delimiters = self._counted = 0

    def begin_again(self) -> None:
        """Starts the record once more, with four times the room: it may end there."""
        self.give_back(0)
        self._times = _MOST_TIMES
        self._forget()

    def mark_open(self) -> None:
        """Says that the quote which took the last lines of `taken` is never closed.

        Any other that is open at the end of one of them meets the same fault. It is not
        looked for again: else a file in which each line opens a quote would be read
        anew from each of its lines.
        """
        self._open_until = max(self._open_until, self.number + len(self.taken) - 1)

    def give_back(self, keep: int) -> None:
        """Puts back all lines of this record but the first `keep`."""
        self._pending.extendleft(reversed(self.taken[keep:]))
        del self.taken[keep:]

    @property
    def raw(self) -> str:
        """The record as it stands in the file, without its last line end."""
        taken = self.taken
        return (taken[0] if len(taken) == 1 else "".join(taken)).rstrip("\r\n")

    @property
    def is_too_long(self) -> bool:
        """Whether a line has too many characters, or the first too many delimiters."""
        if self._chars < self._short:
            return False
        return (
            any(len(line) >= MAX_RECORD_CHARS for line in self.taken)
            or self._count(self.taken[0]) > MAX_RECORD_VALUES
        )

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        """The next line with its line end.

        Raises:
            csv.Error: The record has become too long, or its quote is known to be
                never closed.
        """
        if self.taken and self.number + len(self.taken) <= self._open_until:
            raise csv.Error("the quote is never closed")
        line = self._pending.popleft() if self._pending else self._read()
        self.taken.append(line)
        self._chars += len(line)
        if self._chars >= self._short:
            self._check_size()
        shown = for_csv(line)
        self.has_returns |= CARRIAGE_RETURN in shown
        return shown

    def _check_size(self) -> None:
        self._delimiters += sum(map(self._count, self.taken[self._counted :]))
        self._counted = len(self.taken)
        most_chars = self._times * MAX_RECORD_CHARS
        most_values = self._times * MAX_RECORD_VALUES
        self.is_over = (
            (self._chars > most_chars and len(self.taken) > 1)
            or len(self.taken) > most_values
            or self._delimiters > most_values
        )
        if self.is_over:
            raise csv.Error("the record is too long")

    def _count(self, line: str) -> int:
        return line.count(self._delimiter) if self._delimiter else 0

    def _read(self) -> str:
        line = rest = self._text.readline(MAX_RECORD_CHARS)
        if not line or self._room <= 0:
            raise StopIteration
        self._room -= len(line) + _EACH_LINE
        while len(rest) >= MAX_RECORD_CHARS and not rest.endswith(("\n", "\r")):
            rest = self._text.readline(MAX_RECORD_CHARS)
            self._room -= len(rest)
        return line
