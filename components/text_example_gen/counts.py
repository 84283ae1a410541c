"""Counts: what became of every row, from counters that were kept independently."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

# Names of the tallies that the Beam graph keeps. A tally's key is one of these and,
# after it, what is told apart (a reason; a split and a label).
ROWS_IN = "rows_in"
USED = "used"
REJECTED = "rejected"
WRITTEN = "written"
REJECTS_WRITTEN = "rejects_written"
SEEN_LABEL = "seen_label"
FILE_PROBLEM = "file_problem"
DUPLICATES = "duplicates"
CONFLICTING = "conflicting"
REPLACED_UTF8 = "replaced_utf8"


@dataclasses.dataclass(frozen=True)
class Counts:
    """What became of every row. All are numbers of rows, but for `files`.

    Args:
        rows_in: Rows read, good or bad; a file that could not be read counts as one.
        rows_used: Rows in the splits.
        rows_rejected: Rows written aside.
        reasons: Rejected rows per reason.
        labels: Used rows per split and label.
        duplicates: Used rows beyond the first with the same text and label.
        conflicting: Used rows whose text another row has with another label.
        replaced_utf8: Used rows in which invalid bytes became U+FFFD.
        files: Files that matched.
        seen_labels: Rows per label, before rows were rejected for their label.
        file_problems: What is wrong with files as wholes.
    """

    rows_in: int
    rows_used: int
    rows_rejected: int
    reasons: dict[str, int]
    labels: dict[str, dict[str, int]]
    duplicates: int
    conflicting: int
    replaced_utf8: int
    files: int
    seen_labels: dict[str, int]
    file_problems: list[str]

    @classmethod
    def from_tallies(
        cls,
        tallies: Iterable[tuple[Sequence[str], int]],
        *,
        split_names: Sequence[str],
        files: int,
    ) -> Counts:
        """Puts the tallies of the Beam graph in their places.

        Raises:
            RuntimeError: A row was lost or counted twice: a fault of this program.
        """
        groups: dict[str, dict[tuple[str, ...], int]] = collections.defaultdict(dict)
        for (name, *rest), number in tallies:
            groups[name][tuple(rest)] = number
        labels: dict[str, dict[str, int]] = {name: {} for name in split_names}
        for (split, label), number in sorted(groups[USED].items()):
            labels[split][label] = number
        counts = cls(
            rows_in=_total(groups[ROWS_IN]),
            rows_used=_total(groups[WRITTEN]),
            rows_rejected=_total(groups[REJECTS_WRITTEN]),
            reasons={r: n for (r,), n in _most_first(groups[REJECTED])},
            labels=labels,
            duplicates=_total(groups[DUPLICATES]),
            conflicting=_total(groups[CONFLICTING]),
            replaced_utf8=_total(groups[REPLACED_UTF8]),
            files=files,
            seen_labels={label: n for (label,), n in _most_first(groups[SEEN_LABEL])},
            file_problems=sorted(detail for (detail,) in groups[FILE_PROBLEM]),
        )
        counts._check(_total(groups[USED]), _total(groups[REJECTED]))
        return counts

    def to_dict(self) -> dict[str, Any]:
        """What `counts.json` holds."""
        values = dataclasses.asdict(self)
        del values["seen_labels"], values["file_problems"]
        return values

    def _check(self, used: int, rejected: int) -> None:
        if (
            self.rows_in != self.rows_used + self.rows_rejected
            or self.rows_used != used
            or self.rows_rejected != rejected
        ):
            raise RuntimeError(
                "Rows do not add up; this is a fault of the program, not of the data. "
                f"Read: {self.rows_in}, used: {used}, written: {self.rows_used}, "
                f"rejected: {rejected}, written aside: {self.rows_rejected}"
            )


def _total(tally: dict[tuple[str, ...], int]) -> int:
    return sum(tally.values())


def _most_first(tally: dict[tuple[str, ...], int]) -> list[tuple[tuple[str, ...], int]]:
    return sorted(tally.items(), key=lambda item: (-item[1], item[0]))
