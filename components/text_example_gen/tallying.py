"""Counts what becomes of rows, at each place on its own: `(key, number)` pairs.

A key is a name of `counts` and, after it, what is told apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam

from components.text_example_gen import counts

Tally = tuple[tuple[str, ...], int]


def tally_read(item: dict[str, Any]) -> Tally:
    """Of a record or a reject, as it comes from reading."""
    return (counts.ROWS_IN,), 1


def tally_labelled(row: dict[str, Any]) -> Tally:
    """Of a row with text and label."""
    return (counts.SEEN_LABEL, row["label"]), 1


def tally_used(row: dict[str, Any], split_names: Sequence[str]) -> Iterator[Tally]:
    """Of a row that goes into a split."""
    yield (counts.USED, split_names[row["split"]], row["label"]), 1
    if row["replaced_utf8"]:
        yield (counts.REPLACED_UTF8,), 1


def tally_rejected(reject: dict[str, Any]) -> Iterator[Tally]:
    """Of a reject, wherever it comes from."""
    yield (counts.REJECTED, reject["reason"]), 1
    if reject["position"] == 0:
        yield (counts.FILE_PROBLEM, reject["detail"]), 1


class TallyDuplicates(beam.PTransform):
    """Counts the rows whose text other rows have, too."""

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
    """Of one text: its numbers of rows, one per label."""
    numbers = list(text[1])
    total = sum(numbers)
    if total > len(numbers):
        yield (counts.DUPLICATES,), total - len(numbers)
    if len(numbers) > 1:
        yield (counts.CONFLICTING,), total
