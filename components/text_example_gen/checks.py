"""Whether data can be trained on: a first look, and a verdict once rows are counted."""

from __future__ import annotations

import collections
import dataclasses
import itertools
import logging
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from components.text_example_gen.class_folders import check_are_classes
from components.text_example_gen.errors import DataError, UnreadableFileError
from components.text_example_gen.examples import TRAIN
from components.text_example_gen.file_systems import FoundFile
from components.text_example_gen.input_files import (
    class_folder,
    data_files,
    describe_absence,
    locate,
    match_files,
    split_files,
    without_placeholders,
)
from components.text_example_gen.options import ReadOptions, RowColumns
from components.text_example_gen.reading.documents import class_of
from components.text_example_gen.reading.opening import check_is_regular
from components.text_example_gen.reading.read_file import format_by_name, read_file
from components.text_example_gen.reading.reasons import SEVERAL_LABELS, TOO_LONG
from components.text_example_gen.reading.records import (
    MAX_RECORD_CHARS,
    Record,
    Reject,
    is_reject,
    remember_names,
    replace_invalid,
)
from components.text_example_gen.scripts import suggested_tokenizer
from components.text_example_gen.values import (
    BadValueError,
    SeveralLabelsError,
    clean_labels,
)

if TYPE_CHECKING:  # it imports Beam
    from components.text_example_gen.counts import Counts

_logger = logging.getLogger(__name__)

# What the first look reads: so many files, and so many rows of each.
_MOST_FILES = 10
_MOST_ROWS = 1000
_MOST_LOOKED_AT = 2**26  # characters of a file, beside one row
_MOST_OF_TEXT = 2000  # characters that are kept
# More distinct labels than this are suspicious: numbers with decimals are then a
# quantity, and labels that hardly ever repeat are names or texts.
_MOST_ODD_LABELS = 50
_LEAST_ROWS_PER_LABEL = 2
_SHOWN = 3
_NO_LABELS = (
    "hint: rows that are held out need true labels; those of a contest often have none"
)


@dataclasses.dataclass(frozen=True)
class DataPreview:
    """What a first look at the data found.

    Args:
        pattern: The files, as one absolute glob.
        files: Number of files that match.
        size_bytes: Their size on disk, compressed or not.
        rows: Rows looked at, good or bad.
        labels: Labels among them, most frequent first; empty if none are read.
        columns: Names of the columns that were read of them.
        tokenizer: That suits their texts better than the one for English, if any does.
        left_out: Files that are not read, as their names are not those of data.
        split_files: Files that are named for different splits, and are read together.
    """

    pattern: str
    files: int
    size_bytes: int
    rows: int
    labels: tuple[str, ...]
    columns: tuple[str, ...]
    tokenizer: str | None = None
    left_out: tuple[str, ...] = ()
    split_files: tuple[str, ...] = ()


def check_all_data(
    data: str,
    held_out: Mapping[str, str],
    *,
    options: ReadOptions,
    columns: RowColumns,
) -> dict[str, DataPreview]:
    """Looks at the data, and at the files of held-out rows.

    Args:
        data: As for `check_data`.
        held_out: Name of a split -> its files, in the same form.
        options: How to read all of them.
        columns: Further columns that they must have.

    Returns:
        Split -> what was found; `train` stands for the data.

    Raises:
        DataError: As `check_data` says; the message names the split.
    """
    located = {name: locate(each, options.format) for name, each in held_out.items()}
    patterns = [without_placeholders(each.pattern) for each in located.values()]
    previews = {}
    for place, name in enumerate(located):
        try:
            previews[name] = check_data(
                held_out[name],
                options=columns.of_held_out().added_to(options),
                without=patterns[place + 1 :],
            )
        except DataError as error:
            raise DataError(f"the {name} files: {error}") from error
        if not previews[name].labels:
            raise DataError(
                f"the {name} files: no label in the first {previews[name].rows:,} rows"
                f"\n{_NO_LABELS}"
            )
    first = check_data(data, options=columns.added_to(options), without=patterns)
    for name in columns.all:
        # Other files without the column are refused as they are read.
        if first.rows and name not in first.columns:
            raise DataError(
                f"{data} has no column `{name}`\n"
                "hint: a text file in a folder of its class has no columns"
            )
    return {TRAIN: first, **previews}


def check_data(
    data: str, *, options: ReadOptions | None = None, without: Sequence[str] = ()
) -> DataPreview:
    """Looks at the beginning of the first files, and refuses what cannot be used.

    It takes a second or so, and needs no pipeline.

    Args:
        data: A file, a glob (`{SPAN}` and its like stand for any value) or a
            folder.
        options: How to read it; the defaults if None.
        without: Globs of files that do not count.

    Raises:
        DataError: No file matches, all are empty, one is a pipe or the like, is damaged
            or is not text, a column is missing, or the labels are not classes.
    """
    options = options or ReadOptions()
    location = locate(data, options.format)
    pattern = without_placeholders(location.pattern)
    files, left_out = data_files(pattern, options.format, without=without)
    if not files and match_files(pattern):
        raise DataError(
            f"No file matches {location.pattern} but those of rows that are held out"
        )
    if not files:
        raise DataError(describe_absence(location.pattern))
    try:
        for file in files:
            check_is_regular(file.path)
    except UnreadableFileError as error:
        raise DataError(replace_invalid(error.detail)[0]) from error
    if options.label_column is not None:
        documents = (f for f in files if _is_document(f.path, options))
        check_are_classes({class_folder(pattern, file.path) for file in documents})
    empty = [file.path for file in files if not file.size_in_bytes]
    if empty:
        shown, _ = replace_invalid(empty[0])
        _logger.warning("%d files are empty, such as %s", len(empty), shown)
    texts: list[str] = []
    rows, labels, columns = _look(files, pattern, options, texts)
    if not rows and len(files) <= _MOST_FILES:
        shown, _ = replace_invalid(files[0].path)
        one = f"{shown} is"
        several = f"all {len(files)} files that match, such as {shown}, are"
        raise DataError(
            f"The data has no rows: {one if len(files) == 1 else several} empty"
        )
    check_labels(labels, complete=False)
    return DataPreview(
        pattern=location.pattern,
        files=len(files),
        size_bytes=sum(file.size_in_bytes for file in files),
        rows=rows,
        labels=tuple(label for label, _ in labels.most_common()),
        columns=columns,
        tokenizer=suggested_tokenizer(texts),
        left_out=tuple(replace_invalid(file.path)[0] for file in left_out),
        split_files=tuple(replace_invalid(name)[0] for name in split_files(files)),
    )


def _is_document(path: str, options: ReadOptions) -> bool:
    is_table = options.format == "auto" and format_by_name(path) is not None
    return options.format in ("auto", "folder") and not is_table


def _look(
    files: Sequence[FoundFile], pattern: str, options: ReadOptions, texts: list[str]
) -> tuple[int, collections.Counter[str], tuple[str, ...]]:
    rows = several = 0
    labels: collections.Counter[str] = collections.Counter()
    columns: dict[str, None] = {}
    for file in files[:_MOST_FILES]:
        chars = 0
        in_class_folder = class_folder(pattern, file.path)
        items = read_file(file.path, options, in_class_folder=in_class_folder)
        for item in itertools.islice(items, _MOST_ROWS):
            rows += 1
            if is_reject(item):
                reject = cast(Reject, item)
                if reject["position"] == 0:
                    raise DataError(reject["detail"])
                chars += MAX_RECORD_CHARS * (reject["reason"] == TOO_LONG)
                if chars > _MOST_LOOKED_AT:
                    break
                continue
            record = cast(Record, item)
            try:
                if options.label_column is not None:
                    clean = clean_labels(
                        record["columns"].get(options.label_column),
                        separator=options.label_separator,
                        several=options.has_several_labels,
                    )
                    labels.update(clean)
                    chars += sum(map(len, clean))
            except SeveralLabelsError:
                several += 1
            except BadValueError:
                pass  # counted with the others, once all rows are read
            remember_names(columns, record["columns"], options.required)
            values = map(record["columns"].get, options.text_columns)
            strings = [value for value in values if isinstance(value, str)]
            texts += [text[:_MOST_OF_TEXT] for text in strings]
            chars += max(len(record["raw"]), sum(map(len, strings)))  # raw: if any
            if chars > _MOST_LOOKED_AT:
                break
    if several > rows / 2:
        raise DataError(
            f"Rows have several labels in `{options.label_column}`: {several:,} of the "
            f"first {rows:,}\nhint: `multi_label=true`, if they may"
        )
    if options.format == "folder" and options.label_column is not None:
        classes = {
            class_folder(pattern, file.path) or class_of(file.path) for file in files
        }
        if len(classes) == 1:
            raise DataError(
                f"The data has only one class: all files lie in `{classes.pop()}`\n"
                "hint: one folder per class is expected"
            )
    return rows, labels, tuple(columns)


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
                f"a training row has: {_most_frequent(counts.reasons)}\n{_NO_LABELS}"
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
