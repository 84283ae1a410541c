"""How many rows of a batch job may be at fault before its exit code says so."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from components.text_example_gen.reading.reasons import (
    REPEATED_HEADER,
    TOO_MANY_COLUMNS,
)
from pipeline.batch.inputs import TYPED
from pipeline.commands.numbers import MOST_OF_64_BITS
from pipeline.errors import RunError, UserError, with_typed_options

if TYPE_CHECKING:  # it imports Beam
    from pipeline.batch.run_job import JobSummary

_SHARE = re.compile(r"(\d+(?:\.\d+)?)%")
_SHOWN_REASONS = 3


@dataclasses.dataclass(frozen=True)
class Allowance:
    """How many rows may be at fault: a number of rows, or a share of all rows.

    Args:
        rows: If it is a number.
        share: From 0 to 1, if it is a share.
    """

    rows: int | None = None
    share: float = 0.0

    @classmethod
    def parse(cls, text: str, option: str) -> Allowance:
        """Reads `100` or `0.5%`; `option` is for the message.

        Raises:
            UserError: It is neither.
        """
        share = _SHARE.fullmatch(text)
        if share and float(share[1]) <= 100:
            return cls(share=float(share[1]) / 100)
        # Of digits by the thousand, Python makes no number.
        is_number = text.isdecimal() and len(text) <= len(str(MOST_OF_64_BITS))
        if is_number and int(text) <= MOST_OF_64_BITS:
            return cls(rows=int(text))
        raise UserError(
            f"option {option}: a number of rows or a share such as 1% is "
            f"expected. Received: {text!r}"
        )

    def _allows(self, number: int, rows: int) -> bool:
        return number <= (self.share * rows if self.rows is None else self.rows)

    def check_replaced(self, summary: JobSummary) -> None:
        """Refuses a finished job in which too many rows could not be decoded whole.

        Raises:
            RunError: With how many.
        """
        replaced, rows = summary.counts["replaced_utf8"], summary.counts["rows_in"]
        if not self._allows(replaced, rows):
            raise RunError(
                f"{replaced:,} of {rows:,} rows have characters that cannot be decoded "
                "and became U+FFFD; they are written\nhint: set the encoding of "
                "the files with --encoding, or allow so many with --max-replaced "
                f"{replaced}"
            )

    def check_rejected(self, summary: JobSummary) -> None:
        """Refuses what a finished job has rejected, if it is too much.

        Raises:
            RunError: With the reasons, and where the rows lie. A file that could not be
                read to its end is too much in any case: nobody knows how many rows it
                had.
        """
        counts, rejected = summary.counts, summary.rows_rejected
        if counts["problems"]:
            more = len(counts["problems"]) - 1
            others = f" (and {more} more files)" if more else ""
            problem = with_typed_options(counts["problems"][0], TYPED)
            message, newline, hint = problem.partition("\n")
            raise RunError(
                f"{message}{others}; all other rows are written{newline}{hint}"
            )
        reasons = dict(counts["reasons"])
        headers = reasons.pop(REPEATED_HEADER, 0)  # no row of data
        rejected, rows = rejected - headers, counts["rows_in"] - headers
        if not self._allows(rejected, rows):
            shown = list(reasons.items())[:_SHOWN_REASONS]
            named = ", ".join(f"{reason} {number:,}" for reason, number in shown)
            hidden = rejected - sum(number for _, number in shown)
            if hidden:
                named += f", others {hidden:,}"
            mend = "mend these rows"
            if TOO_MANY_COLUMNS in reasons:
                mend += ", choose the columns to carry with --keep"
            raise RunError(
                f"{rejected:,} of {rows:,} rows were rejected ({named}); they lie in "
                f"{summary.output}/rejected, all other rows are written\n"
                f"hint: {mend}, or allow so many with --max-rejected {rejected}"
            )
