"""Decides, once all rows are counted, whether the data can be trained on."""

from __future__ import annotations

import math
from collections.abc import Mapping

from components.text_example_gen.counts import Counts
from components.text_example_gen.errors import DataError

# More distinct labels than this are suspicious: numbers with decimals are then a
# quantity, and labels that hardly ever repeat are names or texts.
_MOST_ODD_LABELS = 50
_LEAST_ROWS_PER_LABEL = 2
_SHOWN = 3


def check_counts(
    counts: Counts, *, max_rejected_fraction: float, rejected: str
) -> None:
    """Refuses data that cannot be trained on.

    Args:
        counts: What became of every row.
        max_rejected_fraction: Share of rejected rows above which it refuses; no unit.
        rejected: Where the rejected rows lie, for the message.

    Raises:
        DataError: With what is wrong, and where to look.
    """
    if counts.file_problems:
        more = len(counts.file_problems) - 1
        message, _, hint = counts.file_problems[0].partition("\n")
        message += f" (and {more} more files are at fault)" if more else ""
        raise DataError(f"{message}\n{hint}" if hint else message)
    if not counts.rows_in:
        raise DataError(
            f"The data has no rows: {counts.files} files were read, all empty"
        )
    check_labels(counts.seen_labels)
    if counts.rows_rejected > max_rejected_fraction * counts.rows_in:
        _refuse_rejects(counts, max_rejected_fraction, rejected)
    used: dict[str, int] = {}
    for of_split in counts.labels.values():
        for label, number in of_split.items():
            used[label] = used.get(label, 0) + number
    if len(used) < 2:
        label, number = next(iter(used.items()))
        raise DataError(
            f"The data has only one class: all {number:,} rows are labelled {label!r}\n"
            "hint: a classifier needs at least two classes"
        )
    for name, of_split in counts.labels.items():
        if not of_split:
            raise DataError(
                f"Too few rows: none of {counts.rows_used:,} fell into split `{name}`\n"
                "hint: give more rows, or a larger fraction to this split"
            )
    train = next(iter(counts.labels.values()))
    if len(train) < 2:
        raise DataError(
            f"All rows of the training split are labelled {next(iter(train))!r}"
        )


def check_labels(labels: Mapping[str, int], *, complete: bool = True) -> None:
    """Refuses labels that are no classes: quantities, or names that hardly repeat.

    Args:
        labels: Rows per label.
        complete: Whether these are all rows. In a sample, classes repeat less.

    Raises:
        DataError: With examples of the labels.
    """
    if len(labels) <= _MOST_ODD_LABELS:
        return
    shown = ", ".join(_shorten(label) for label in sorted(labels)[:_SHOWN])
    fractional = sum(map(_is_fractional, labels))
    if fractional > max(_MOST_ODD_LABELS, len(labels) / 2):
        raise DataError(
            f"The labels look like a continuous number: {len(labels):,} different "
            f"values such as {shown}\n"
            "hint: give a column of classes, or make ranges of the numbers"
        )
    rows = sum(labels.values())
    if complete and rows < _LEAST_ROWS_PER_LABEL * len(labels):
        raise DataError(
            f"The labels do not look like classes: {len(labels):,} different values "
            f"in {rows:,} rows, such as {shown}\n"
            "hint: check which column is the label column"
        )


def _refuse_rejects(counts: Counts, allowed: float, rejected: str) -> None:
    reasons = ", ".join(
        f"{reason} {number:,}"
        for reason, number in list(counts.reasons.items())[:_SHOWN]
    )
    share = counts.rows_rejected / counts.rows_in
    raise DataError(
        f"{counts.rows_rejected:,} of {counts.rows_in:,} rows cannot be used "
        f"({share:.1%}, allowed: {allowed:.1%}): {reasons}. They lie in {rejected}\n"
        "hint: mend or remove these rows, or allow more with max_rejected_fraction"
    )


def _is_fractional(label: str) -> bool:
    try:
        value = float(label)
    except ValueError:
        return False
    return math.isfinite(value) and not value.is_integer()


def _shorten(label: str) -> str:
    return repr(label if len(label) <= 40 else label[:40] + "...")
