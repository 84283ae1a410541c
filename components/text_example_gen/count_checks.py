"""Whether data can be trained on, once all its rows are counted."""

from __future__ import annotations

import collections
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from components.text_example_gen.errors import DataError
from components.text_example_gen.reading.reasons import SEVERAL_LABELS

if TYPE_CHECKING:  # it imports Beam
    from components.text_example_gen.counts import Counts

NO_LABELS = (
    "hint: rows that are held out need true labels; those of a contest often have none"
)
"""Where given rows have no label that is known."""

# More distinct labels than this are suspicious: numbers with decimals are then a
# quantity, and labels that hardly ever repeat are names or texts.
_MOST_ODD_LABELS = 50
_LEAST_ROWS_PER_LABEL = 2
_SHOWN = 3


def check_counts(
    counts: Counts,
    *,
    max_rejected_fraction: float,
    max_replaced_fraction: float,
    rejected: str,
) -> None:
    """Refuses data that cannot be trained on, once all rows are counted.

    Args:
        counts: What became of every row.
        max_rejected_fraction: Share of rejected rows above which it refuses; no unit.
        max_replaced_fraction: The same of rows with U+FFFD for what is not decoded.
        rejected: Folder of the rejected rows, for the message.

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
    train, *_ = counts.labels.values()
    if not train:
        raise DataError(
            f"No row is left to train on, of {counts.rows_in:,}: "
            f"{_most_frequent(counts.reasons)}. The rejected rows lie in {rejected}"
        )
    for name in counts.given:
        if not counts.labels[name]:
            raise DataError(
                f"None of the rows that were given for split `{name}` has a label that "
                f"a training row has: {_most_frequent(counts.reasons)}\n{NO_LABELS}"
            )
    counts = counts.without_headers()
    if counts.rows_rejected > max_rejected_fraction * counts.rows_in:
        _refuse_rejects(counts, max_rejected_fraction, rejected)
    if counts.replaced_utf8 > max_replaced_fraction * counts.rows_in:
        share = counts.replaced_utf8 / counts.rows_in
        enough = counts.share_that_allows(counts.replaced_utf8)
        raise DataError(
            f"{counts.replaced_utf8:,} of {counts.rows_in:,} rows have characters that "
            f"cannot be decoded and became U+FFFD ({share:.2%}, allowed: "
            f"{max_replaced_fraction:.2%})\nhint: set their `encoding`, or "
            f"allow more with `max_replaced_fraction={enough}`"
        )
    used: collections.Counter[str] = collections.Counter()
    for of_split in counts.labels.values():
        used.update(of_split)
    if len(used) < 2:
        label, number = next(iter(used.items()))
        raise DataError(
            f"The data has only one class: all {number:,} rows are labelled {label!r}\n"
            "hint: a classifier needs at least two classes"
        )
    for name, of_split in counts.labels.items():
        if not of_split:
            different = counts.rows_used - counts.duplicates
            equal = " (equal texts share a split)" if counts.duplicates else ""
            raise DataError(
                f"Too few rows: none of {different:,} different ones fell into split "
                f"`{name}`{equal}\nhint: give more rows (of more groups, if groups "
                "share a split), or a larger fraction to this split"
            )
    if len(train) < 2:
        raise DataError(
            f"All rows of the training split are labelled {next(iter(train))!r}"
        )


def check_labels(labels: Mapping[str, int], *, complete: bool = True) -> None:
    """Refuses labels that are not classes: quantities, or names that hardly repeat.

    Args:
        labels: Rows per label.
        complete: Whether all rows are counted. In a sample, classes repeat less.

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
    enough = f"`max_rejected_fraction={counts.share_that_allows(counts.rows_rejected)}`"
    remedy = f"mend or remove these rows, or allow more with {enough}"
    if SEVERAL_LABELS in counts.reasons:
        remedy = f"if rows have several labels, `multi_label=true`; or {remedy}"
    share = counts.rows_rejected / counts.rows_in
    raise DataError(
        f"{counts.rows_rejected:,} of {counts.rows_in:,} rows cannot be used "
        f"({share:.1%}, allowed: {allowed:.1%}): "
        f"{_most_frequent(counts.reasons)}. They lie in {rejected}\nhint: {remedy}"
    )


def _most_frequent(reasons: Mapping[str, int]) -> str:
    shown = list(reasons.items())[:_SHOWN]
    return ", ".join(f"{reason} {number:,}" for reason, number in shown)


def _is_fractional(label: str) -> bool:
    try:
        value = float(label)
    except ValueError:
        return False
    return math.isfinite(value) and not value.is_integer()


def _shorten(label: str) -> str:
    return repr(label if len(label) <= 40 else label[:40] + "...")
