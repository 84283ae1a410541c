"""check_data: looks at the data before a pipeline starts, within a second or so."""

from __future__ import annotations

import collections
import dataclasses
import itertools
import logging
from collections.abc import Sequence

from apache_beam.io.filesystem import FileMetadata

from components.text_example_gen.documents import class_of
from components.text_example_gen.errors import DataError
from components.text_example_gen.files import read_file
from components.text_example_gen.options import ReadOptions
from components.text_example_gen.patterns import (
    describe_absence,
    has_class_folders,
    locate,
    match_files,
    without_placeholders,
)
from components.text_example_gen.records import Record, is_reject
from components.text_example_gen.values import BadValueError, clean_label
from components.text_example_gen.verdicts import check_labels

_logger = logging.getLogger(__name__)

_MOST_FILES = 10
_MOST_ROWS = 1000  # of each file


@dataclasses.dataclass(frozen=True)
class DataPreview:
    """What a first look found.

    Args:
        pattern: The files, as one absolute glob.
        files: Number of files that match.
        size_bytes: Their size as they lie there, compressed or not.
        rows: Rows looked at, good or bad.
        labels: Labels among them, most frequent first; empty if none are read.
    """

    pattern: str
    files: int
    size_bytes: int
    rows: int
    labels: tuple[str, ...]


def check_data(data: str, *, options: ReadOptions | None = None) -> DataPreview:
    """Looks at the beginning of the first files, and refuses what cannot be used.

    Args:
        data: A file, a glob (with `{SPAN}` and its like, which stand for any) or a
            folder.
        options: How to read it; the defaults if None.

    Raises:
        DataError: No file matches, all are empty, a file is no text or damaged, a
            column is missing, or the labels are no classes.
    """
    options = options or ReadOptions()
    location = locate(data, options.format)
    pattern = without_placeholders(location.pattern)
    found = match_files(pattern)
    if not found:
        raise DataError(describe_absence(location.pattern))
    empty = [file.path for file in found if not file.size_in_bytes]
    if empty:
        _logger.warning("%d files are empty, such as %s", len(empty), empty[0])
    rows, labels = _look(found, pattern, options)
    if not rows and len(found) <= _MOST_FILES:
        raise DataError(f"The data has no rows: {_name_some(found)} empty")
    check_labels(labels, complete=False)
    return DataPreview(
        pattern=location.pattern,
        files=len(found),
        size_bytes=sum(file.size_in_bytes for file in found),
        rows=rows,
        labels=tuple(label for label, _ in labels.most_common()),
    )


def _look(
    found: Sequence[FileMetadata], pattern: str, options: ReadOptions
) -> tuple[int, collections.Counter[str]]:
    in_class_folder = has_class_folders(pattern)
    rows = 0
    labels: collections.Counter[str] = collections.Counter()
    for file in found[:_MOST_FILES]:
        items = read_file(file.path, options, in_class_folder=in_class_folder)
        for item in itertools.islice(items, _MOST_ROWS):
            rows += 1
            if not is_reject(item):
                labels.update(_label_of(item, options))  # type: ignore[arg-type]
            elif item["position"] == 0:
                raise DataError(item["detail"])  # type: ignore[typeddict-item]
    if options.format == "folder" and options.label_column is not None:
        classes = {class_of(file.path) for file in found}
        if len(classes) == 1:
            raise DataError(
                f"The data has only one class: all files lie in `{classes.pop()}`\n"
                "hint: one folder per class is expected"
            )
    return rows, labels


def _label_of(record: Record, options: ReadOptions) -> list[str]:
    if options.label_column is None:
        return []
    try:
        label = clean_label(record["columns"].get(options.label_column))
    except BadValueError:
        return []
    return [] if label is None else [label]


def _name_some(found: Sequence[FileMetadata]) -> str:
    if len(found) == 1:
        return f"{found[0].path} is"
    return f"all {len(found)} files that match, such as {found[0].path}, are"
