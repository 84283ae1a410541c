"""Counts: what became of every row, and the tallies in the Beam graph behind it."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam

from components.text_example_gen.corrections import CorrectionCounts
from components.text_example_gen.labelling import labels_of
from components.text_example_gen.reading.layout import Layout
from components.text_example_gen.reading.reasons import REPEATED_HEADER

# A tally: a key and a number of rows. The key begins with one of the names below; the
# rest, such as a reason, or a split and a label, says which rows were counted.
Tally = tuple[tuple[str, ...], int]

ROWS_IN = "rows_in"
USED = "used"
ALSO = "also"  # labels of used rows beyond the first
REJECTED = "rejected"
WRITTEN = "written"
REJECTS_WRITTEN = "rejects_written"
SEEN_LABEL = "seen_label"
FILE_PROBLEM = "file_problem"
DUPLICATES = "duplicates"
CONFLICTING = "conflicting"
REPLACED_UTF8 = "replaced_utf8"
CLEANED = "cleaned"
RELABELLED = "relabelled"
CORRECTED = "corrected"
GIVEN = "given"
LEAKED = "leaked"
VALUES = "values"
LAYOUT = "layout"  # counts files

_MOST_WRITINGS = 20  # of all labels together, in `cleaned_labels`


@dataclasses.dataclass(frozen=True)
class Counts:
    """What became of every row, in rows; `files` and `layouts` count files.

    Rows are counted where they are read, used, rejected and written, independently.

    Args:
        rows_in: Rows read, good or bad; a file that could not be read counts as one.
        rows_used: Rows in the splits.
        rows_rejected: Rows written to the rejects.
        reasons: Rejected rows per reason.
        labels: Used rows per split and label; a row with several counts for each.
        duplicates: Used rows beyond the first with the same text and labels.
        conflicting: Used rows whose text another row has with other labels.
        replaced_utf8: Used rows in which what cannot be decoded became U+FFFD.
        files: Files that matched.
        layouts: Files by how they are written (`reading.layout.Layout`).
        seen_labels: Rows per label, before rows were rejected for their label.
        file_problems: What is wrong with files as wholes.
        cleaned: Used rows per thing that was done to a label, such as
            `values.INVISIBLE`.
        cleaned_labels: Label -> how else it was written -> used rows; the most frequent
            ones.
        left_out_files: Those that were not read, as their names are not those of data.
        split_files: Files that are named for different splits, such as `test.csv`, and
            whose rows were divided together.
        given: Rows with text and label that came with a held-out split, per split.
        leaked: Used rows that are held out although an earlier split has their text:
            as rows come with splits, or by groups.
        values: Different values of each column that is kept.
        corrected: Rows that corrections are about: digest of the text in hexadecimal,
            label before and label after -> rows.
        corrections: What became of the corrections; None: there were none.
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
    cleaned: dict[str, int] = dataclasses.field(default_factory=dict)
    cleaned_labels: dict[str, dict[str, int]] = dataclasses.field(default_factory=dict)
    left_out_files: list[str] = dataclasses.field(default_factory=list)
    split_files: list[str] = dataclasses.field(default_factory=list)
    given: dict[str, int] = dataclasses.field(default_factory=dict)
    leaked: int = 0
    values: dict[str, int] = dataclasses.field(default_factory=dict)
    corrected: dict[tuple[str, ...], int] = dataclasses.field(default_factory=dict)
    corrections: CorrectionCounts | None = None

    @classmethod
    def from_tallies(
        cls,
        tallies: Iterable[tuple[Sequence[str], int]],
        *,
        split_names: Sequence[str],
        files: int,
        held_out: Sequence[str] = (),
    ) -> Counts:
        """Returns the counts that the tallies of a Beam graph add up to.

        Args:
            tallies: A key and a number each, of which each key stands once.
            split_names: The training split first.
            files: Number of files.
            held_out: Splits that have files of their own.

        Raises:
            RuntimeError: A row was lost or counted twice: a bug in this program.
        """
        groups: dict[str, dict[tuple[str, ...], int]] = collections.defaultdict(dict)
        for (name, *rest), number in tallies:
            groups[name][tuple(rest)] = number
        labels: dict[str, dict[str, int]] = {name: {} for name in split_names}
        of_labels = collections.Counter(groups[USED])
        of_labels.update(groups[ALSO])
        for (split, label), number in sorted(of_labels.items()):
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
            cleaned={kind: n for (kind,), n in _most_first(groups[CLEANED])},
            cleaned_labels=_by_label(groups[RELABELLED]),
            given={
                split: groups[GIVEN].get((split,), 0)
                for split in split_names
                if split in held_out or (split,) in groups[GIVEN]
            },
            leaked=_total(groups[LEAKED]),
            values={name: n for (name,), n in sorted(groups[VALUES].items())},
            corrected=groups[CORRECTED],
        )
        counts._check(_total(groups[USED]), _total(groups[REJECTED]))
        return counts

    def without_headers(self) -> Counts:
        """Returns the counts less repeated headers, with which no text is lost."""
        others = dict(self.reasons)
        headers = others.pop(REPEATED_HEADER, 0)
        return dataclasses.replace(
            self,
            rows_in=self.rows_in - headers,
            rows_rejected=self.rows_rejected - headers,
            reasons=others,
        )

    def share_that_allows(self, rows: int) -> str:
        """Returns so many of the rows that were read as a share, rounded up."""
        return f"{-(-100 * rows // self.rows_in) / 100:g}"

    def to_dict(self) -> dict[str, Any]:
        """Returns what `counts.json` holds."""
        values = dataclasses.asdict(self)
        for name in ("seen_labels", "file_problems", "corrected"):
            del values[name]
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


def _by_label(tally: dict[tuple[str, ...], int]) -> dict[str, dict[str, int]]:
    by_label: dict[str, dict[str, int]] = {}
    for (label, written), number in _most_first(tally)[:_MOST_WRITINGS]:
        by_label.setdefault(label, {})[written] = number
    return by_label


def tally_read(item: dict[str, Any]) -> Tally:
    """Counts a record or a reject, as it comes from reading."""
    return (ROWS_IN,), 1


def tally_layout(layout: Layout) -> Tally:
    """Counts a file."""
    return (LAYOUT, str(layout)), 1


def tally_labelled(row: dict[str, Any], split_names: Sequence[str]) -> Iterator[Tally]:
    """Counts a row with text and label, once for each label, before it is divided."""
    for label in labels_of(row):
        yield (SEEN_LABEL, label), 1
    if row["before"] is not None:
        yield (CORRECTED, row["digest"].hex(), row["before"], row["label"]), 1
    if row["split"]:
        yield (GIVEN, split_names[row["split"]]), 1


def tally_used(row: dict[str, Any], split_names: Sequence[str]) -> Iterator[Tally]:
    """Counts a row that goes into a split."""
    split = split_names[row["split"]]
    first, *others = labels_of(row)
    yield (USED, split, first), 1
    for label in others:
        yield (ALSO, split, label), 1
    if row["replaced_utf8"]:
        yield (REPLACED_UTF8,), 1
    for kind in {kind for _, _, changes in row["cleaned"] for kind in changes}:
        yield (CLEANED, kind), 1
    for label, written, _ in row["cleaned"]:
        yield (RELABELLED, label, written), 1


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
            | "ByTextAndLabel" >> beam.Map(_by_text_label_and_split)
            | "CountEqual" >> beam.CombinePerKey(sum)
            | "ByText" >> beam.Map(_by_text)
            | "GroupTexts" >> beam.GroupByKey()
            | "CountDuplicates" >> beam.FlatMap(_duplicates)
        )


def _by_text_label_and_split(row: dict[str, Any]) -> tuple[tuple[bytes, str, int], int]:
    return (row["digest"], row["label"], row["split"]), 1


def _by_text(
    equal: tuple[tuple[bytes, str, int], int],
) -> tuple[bytes, tuple[str, int, int]]:
    (key, label, split), number = equal
    return key, (label, split, number)


def _duplicates(text: tuple[bytes, Any]) -> Iterator[Tally]:
    """Takes one text and its numbers of rows, one number per label and split."""
    equal = list(text[1])
    total = sum(number for _, _, number in equal)
    labels = {label for label, _, _ in equal}
    if total > len(labels):
        yield (DUPLICATES,), total - len(labels)
    if len(labels) > 1:
        yield (CONFLICTING,), total
    first = min(split for _, split, _ in equal)
    leaked = sum(number for _, split, number in equal if split > first)
    if leaked:
        yield (LEAKED,), leaked
