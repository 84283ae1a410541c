"""A first look at data: whether it can be read, and what is in it."""

from __future__ import annotations

import collections
import dataclasses
import itertools
import logging
import os
from collections.abc import Mapping, Sequence
from typing import cast

from components.text_example_gen.class_folders import (
    check_are_classes,
    check_no_partitions,
)
from components.text_example_gen.count_checks import NO_LABELS, check_labels
from components.text_example_gen.errors import (
    DataError,
    UnreadableFileError,
    describe_absence,
)
from components.text_example_gen.examples import TRAIN
from components.text_example_gen.file_systems import FoundFile
from components.text_example_gen.input_files import (
    class_folder,
    data_files,
    locate,
    match_files,
    split_files,
    without_placeholders,
)
from components.text_example_gen.options import ReadOptions, RowColumns
from components.text_example_gen.reading.documents import (
    class_of,
    reads_as_document,
)
from components.text_example_gen.reading.opening import check_is_regular
from components.text_example_gen.reading.read_file import read_file
from components.text_example_gen.reading.records import (
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

_logger = logging.getLogger(__name__)

# What the first look reads: so many files, and so many rows of each.
_MOST_FILES = 10
_MOST_ROWS = 1000
_MOST_LOOKED_AT = 2**26  # characters of a file, beside one row
_MOST_OF_TEXT = 2000  # characters that are kept
# A file of so many bytes is read to its end, even if it is packed a thousandfold.
_SURELY_READ = 2000


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
                f"\n{NO_LABELS}"
            )
    first = check_data(data, options=columns.added_to(options), without=patterns)
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
    has_labels = options.label_column is not None
    location = locate(data, options.format, has_labels=has_labels)
    pattern = without_placeholders(location.pattern)
    files, left_out = data_files(pattern, options.format, without=without)
    if not files and match_files(pattern):
        raise DataError(
            f"No file matches {location.pattern} but those of rows that are held out"
        )
    if not files:
        raise DataError(describe_absence(location.pattern))
    try:
        links = [file for file in left_out if os.path.islink(file.path)]
        for file in (*files, *links):
            check_is_regular(file.path)
    except UnreadableFileError as error:
        raise DataError(replace_invalid(error.detail)[0]) from error
    named = ((file.path, class_folder(pattern, file.path)) for file in files)
    folders = {name for path, name in named if reads_as_document(path, options, name)}
    if has_labels:
        check_are_classes(folders)
    elif options.format == "auto":
        check_no_partitions(folders)
    empty = [file.path for file in files if not file.size_in_bytes]
    if empty:
        shown, _ = replace_invalid(empty[0])
        _logger.warning("%d files are empty, such as %s", len(empty), shown)
    texts: list[str] = []
    rows, labels, columns = _look(files, pattern, options, texts)
    looked_at_all = len(files) <= _MOST_FILES and all(
        file.size_in_bytes <= _SURELY_READ for file in files
    )
    if not rows and looked_at_all:
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


def _look(
    files: Sequence[FoundFile], pattern: str, options: ReadOptions, texts: list[str]
) -> tuple[int, collections.Counter[str], tuple[str, ...]]:
    rows = several = 0
    labels: collections.Counter[str] = collections.Counter()
    columns: dict[str, None] = {}
    options = dataclasses.replace(options, most_chars=_MOST_LOOKED_AT)
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
            chars += max(
                len(record["raw"] or ""), sum(map(len, strings))
            )  # raw: if any
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
