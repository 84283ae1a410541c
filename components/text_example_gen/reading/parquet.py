"""Reads Parquet, some rows at a time."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from components.text_example_gen.errors import UnreadableFileError
from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading import reasons
from components.text_example_gen.reading.opening import is_unpacked
from components.text_example_gen.reading.records import Record, check_columns

_BATCH_ROWS = 1024


def read_parquet(stream: BinaryIO, path: str, options: ReadOptions) -> Iterator[Record]:
    """Reads one Parquet file by row groups; positions are row numbers from 1.

    A compressed file is unpacked to a temporary file on the local disk first.

    Raises:
        UnreadableFileError: It is damaged or not Parquet, or a column is missing.
    """
    with tempfile.TemporaryFile() as copy:
        source = stream
        if is_unpacked(stream):
            shutil.copyfileobj(stream, copy)
            source = copy
        try:
            yield from _read(pq.ParquetFile(source), path, options)
        except pa.ArrowException as error:
            raise UnreadableFileError(
                reasons.DAMAGED_FILE, f"{path} cannot be read as Parquet: {error}"
            ) from error


def _read(file: pq.ParquetFile, path: str, options: ReadOptions) -> Iterator[Record]:
    names = list(file.schema_arrow.names)
    check_columns(path, names, options.required)
    kept = names if options.keep_all else list(options.required)
    position = 0
    for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=kept):
        for columns in batch.to_pylist():
            position += 1
            yield Record(
                source=path,
                position=position,
                columns=columns,
                raw="",
                replaced_utf8=False,
            )
