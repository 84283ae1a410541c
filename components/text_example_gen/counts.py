"""Counts: what became of every row, and the tallies in the Beam graph behind it."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam

from components.text_example_gen.reading.layout import Layout

# A tally: a key and a number of rows. The key begins with one of the names below; the
# rest, such as a reason, or a split and a label, says which rows were counted.
Tally = tuple[tuple[str, ...], int]

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
LAYOUT = "layout"  # counts files


@dataclasses.dataclass(frozen=True)
class Counts:
    """What became of every row, in rows; `files` and `layouts` count files.

    Rows are counted where they are read, used, rejected and written, independently.

    Args:
        rows_in: Rows read, good or bad; a file that could not be read counts as one.
        rows_used: Rows in the splits.
        rows_rejected: Rows written to the rejects.
        reasons: Rejected rows per reason.
        labels: Used rows per split and label.
        duplicates: Used rows beyond the first with the same text and label.
        conflicting: Used rows whose text another row has with another label.
        replaced_utf8: Used rows in which what cannot be decoded became U+FFFD.
        files: Files that matched.
        layouts: Files by how they are written (`reading.layout.Layout`).
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
    layouts: dict[str, int]
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
        """Returns the counts that the tallies of a Beam graph add up to.

        Raises:
            RuntimeError: A row was lost or counted twice: a bug in this program.
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
            layouts={layout: n for (layout,), n in _most_first(groups[LAYOUT])},
            seen_labels={label: n for (label,), n in _most_first(groups[SEEN_LABEL])},
            file_problems=sorted(detail for (detail,) in groups[FILE_PROBLEM]),
        )
        counts._check(_total(groups[USED]), _total(groups[REJECTED]))
        return counts

    def to_dict(self) -> dict[str, Any]:
        """Returns what `counts.json` holds."""
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
                "Rows do not add up; this is a bug in the program, not in the data. "
                f"Read: {self.rows_in}, used: {used}, written: {self.rows_used}, "
                f"rejected: {rejected}, rejects written: {self.rows_rejected}"
            )


def _total(tally: dict[tuple[str, ...], int]) -> int:
    return sum(tally.values())


def _most_first(tally: dict[tuple[str, ...], int]) -> list[tuple[tuple[str, ...], int]]:
    return sorted(tally.items(), key=lambda item: (-item[1], item[0]))


def tally_read(item: dict[str, Any]) -> Tally:
    """Counts a record or a reject, as it comes from reading."""
    return (ROWS_IN,), 1


def tally_layout(layout: Layout) -> Tally:
    """Counts a file."""
    return (LAYOUT, str(layout)), 1


def tally_labelled(row: dict[str, Any]) -> Tally:
    """Counts a row with text and label."""
    return (SEEN_LABEL, row["label"]), 1


def tally_used(row: dict[str, Any], split_names: Sequence[str]) -> Iterator[Tally]:
    """Counts a row that goes into a split."""
    yield (USED, split_names[row["split"]], row["label"]), 1
    if row["replaced_utf8"]:
        yield (REPLACED_UTF8,), 1


def tally_rejected(reject: dict[str, Any]) -> Iterator[Tally]:
    """Counts a reject, wherever it comes from."""
    yield (REJECTED, reject["reason"]), 1
    if reject["position"] == 0:
        yield (FILE_PROBLEM, reject["detail"]), 1


class TallyDuplicates(beam.PTransform):
    """Counts the rows whose text other rows have too."""

    def expand(self, rows: beam.PCollection) -> beam.PCollection:
        """Adds the counting to a pipeline."""
        return (
            rows
            | "ByTextAndLabel" >> beam.Map(_by_text_and_label)
            | "CountEqual" >> beam.CombinePerKey(sum)
            | "ByText" >> beam.Map(_by_text)
            | "GroupTexts" >> beam.GroupByKey()
            | "CountDuplicates" >> beam.FlatMap(_duplicates)
        )


def _by_text_and_label(row: dict[str, Any]) -> tuple[tuple[bytes, str], int]:
    return (row["digest"], row["label"]), 1


def _by_text(equal: tuple[tuple[bytes, str], int]) -> tuple[bytes, int]:
    (key, _), number = equal
    return key, number


def _duplicates(text: tuple[bytes, Any]) -> Iterator[Tally]:
    """Takes one text and its numbers of rows, one number per label."""
    numbers = list(text[1])
    total = sum(numbers)
    if total > len(numbers):
        yield (DUPLICATES,), total - len(numbers)
    if len(numbers) > 1:
        yield (CONFLICTING,), total
