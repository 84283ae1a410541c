"""Output formats: how a part is written, and how parts become one file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.batch import (
    hdf5_format,
    parquet_format,
    storage,
    text_formats,
    tfrecord_format,
)
from pipeline.batch.table import Table


class Format(NamedTuple):
    """One format.

    Args:
        suffix: End of its file names.
        write: Writes a table to a local path.
        join: Makes one local file of the columns' kinds and the paths of parts, on
            any file system, in their order.
        write_empty: Makes one local file without a row in the form of a part, where
            the columns' kinds alone do not tell it.
    """

    suffix: str
    write: Callable[[Path, Table], None]
    join: Callable[[Path, Mapping[str, str], Sequence[str]], None]
    write_empty: Callable[[Path, str], None] | None = None


def _concatenate(path: Path, columns: Mapping[str, str], parts: Sequence[str]) -> None:
    """Joins parts of a format whose files can be appended to each other."""
    with path.open("wb") as file:
        for part in parts:
            storage.append_to(part, file)


_FORMATS = {
    "jsonl": Format(".jsonl", text_formats.write_jsonl, _concatenate),
    "csv": Format(".csv", text_formats.write_csv, text_formats.join_csv),
    "parquet": Format(
        ".parquet",
        parquet_format.write,
        parquet_format.join,
        parquet_format.write_empty,
    ),
    "tfrecord": Format(".tfrecord", tfrecord_format.write_tfrecord, _concatenate),
    "hdf5": Format(".hdf5", hdf5_format.write, hdf5_format.join),
}


def suffix(format_name: str) -> str:
    """The end of the names of a format's files, such as `.csv`."""
    return _FORMATS[format_name].suffix


def write_part(format_name: str, path: str, table: Table) -> int:
    """Writes a part, whole or not at all; gives its size in bytes."""
    with storage.local_writer(path) as local:
        _FORMATS[format_name].write(local, table)
        return os.path.getsize(local)


def join_parts(
    format_name: str,
    path: str,
    columns: Mapping[str, str],
    parts: Sequence[str],
    *,
    like: str | None = None,
) -> None:
    """Makes one file of parts, whole or not at all; of no part, an empty table.

    Args:
        format_name: A name of a format.
        path: The file.
        columns: Their kinds.
        parts: Paths of what it is made of.
        like: A part of another file, whose form this one takes if it has no part.
    """
    chosen = _FORMATS[format_name]
    with storage.local_writer(path) as local:
        if chosen.write_empty and like is not None and not parts:
            chosen.write_empty(local, like)
        else:
            chosen.join(local, columns, parts)
