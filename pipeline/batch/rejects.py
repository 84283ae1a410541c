"""Rejected rows, written aside as one JSON object a line."""

from __future__ import annotations

import collections
import dataclasses
import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from typing import Any

from components.text_example_gen.errors import DataError
from pipeline.batch import storage

_SHOWN = 3
_SHARE = re.compile(r"(\d+(?:\.\d+)?)%")


class TooManyRejected(DataError):
    """More rows were rejected than allowed; everything else is written."""


@dataclasses.dataclass(frozen=True)
class Allowance:
    """A number of rows, or a share of all rows.

    Args:
        rows: If it is a number.
        share: From 0 to 1, if it is a share.
    """

    rows: int | None = None
    share: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Allowance:
        """Reads `100` or `0.5%`.

        Raises:
            ValueError: It is neither.
        """
        share = _SHARE.fullmatch(text)
        if share and float(share[1]) <= 100:
            return cls(share=float(share[1]) / 100)
        if text.isdecimal():
            return cls(rows=int(text))
        raise ValueError(
            f"a number of rows or a share such as 1% is expected. Received: {text!r}"
        )

    def check(self, summary: Mapping[str, Any]) -> None:
        """Refuses what a finished job has rejected, if it is too much.

        Raises:
            TooManyRejected: With the reasons, and where the rows lie. A file that
                could not be read on is too much in any case: nobody knows how many
                rows it had.
        """
        problems = summary["problems"]
        if problems:
            more = f" (and {len(problems) - 1} more files)" if problems[1:] else ""
            message, _, hint = problems[0].partition("\n")
            raise TooManyRejected(
                f"{message}{more}; all other rows are written"
                + (f"\n{hint}" if hint else "")
            )
        rows, rejected = summary["rows_in"], summary["rows_rejected"]
        allowed = self.share * rows if self.rows is None else self.rows
        if rejected > allowed:
            named = list(summary["reasons"].items())[:_SHOWN]
            reasons = ", ".join(f"{reason} {number:,}" for reason, number in named)
            others = rejected - sum(number for _, number in named)
            if others:
                reasons += f", others {others:,}"
            raise TooManyRejected(
                f"{rejected:,} of {rows:,} rows were rejected ({reasons}); they lie in "
                f"{summary['output']}/rejected, all other rows are written\n"
                "hint: mend these rows, or allow more with --max-rejected"
            )


_MEMORY_BYTES = 2**20  # beyond it they wait on the local disk
_MOST_PROBLEMS = 100


class RejectLines:
    """Gathers the rejects of one piece of work; use it as a context manager.

    Attributes:
        reasons: Rejected rows per reason.
        problems: What is wrong with files as wholes, of the first hundred of them.
    """

    def __init__(self) -> None:
        self.reasons: collections.Counter[str] = collections.Counter()
        self.problems: list[str] = []

    def __enter__(self) -> RejectLines:
        self._lines = tempfile.SpooledTemporaryFile(_MEMORY_BYTES)
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()

    def add(self, reject: Mapping[str, Any]) -> None:
        """Takes a `records.Reject`."""
        line = json.dumps(reject, ensure_ascii=False) + "\n"
        self._lines.write(line.encode("utf-8"))
        self.reasons[reject["reason"]] += 1
        if reject["position"] == 0 and len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(reject["detail"])

    def write(self, path: str) -> str | None:
        """Writes them, if there are any; gives the path, else None."""
        if not self.reasons:
            return None
        self._lines.seek(0)
        with storage.local_writer(path) as local, local.open("wb") as file:
            shutil.copyfileobj(self._lines, file)
        return path


def add_reasons(tallies: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Sums rejected rows per reason, most frequent first."""
    total: collections.Counter[str] = collections.Counter()
    for each in tallies:
        total.update(each)
    return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))
