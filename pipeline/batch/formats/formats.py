"""Writes parts in any output format, and joins parts to one file.

A part need not be a file of its own: of CSV it has no header.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow as tf

from pipeline.batch import storage
from pipeline.batch.formats import hdf5, parquet
from pipeline.batch.formats.table import (
    CSV,
    HDF5,
    JSONL,
    PARQUET,
    TFRECORD,
    Kind,
    Table,
    to_text,
    without_nul,
    written_names,
)


def write_part(format_name: str, path: str, table: Table) -> int:
    """Writes a part, whole or not at all; returns its size in bytes."""
    with storage.local_writer(path) as local:
        FORMATS[format_name].write(local, table)
        return os.path.getsize(local)


def join_parts(
    format_name: str,
    path: str,
    columns: Mapping[str, str],
    parts: Sequence[str],
    *,
    like: str | None = None,
) -> None:
    """Makes one file of parts, whole or not at all; without parts, an empty table.

    Args:
        format_name: A key of `FORMATS`.
        path: The file.
        columns: Their kinds.
        parts: Paths of what it is made of.
        like: A part of another file, whose form this one takes if it has no part.
    """
    chosen = FORMATS[format_name]
    with storage.local_writer(path) as local:
        if chosen.write_empty and like is not None and not parts:
            chosen.write_empty(local, like)
        else:
            chosen.join(local, columns, parts)


def suffix(format_name: str) -> str:
    """Returns the end of the names of a format's files, such as `.csv`."""
    return f".{format_name}"


def _write_jsonl(path: Path, table: Table) -> None:
    """Writes an object a line; a missing value is null."""
    with path.open("w", encoding="utf-8", newline="") as file:
        for row in table.rows:
            values = {name: row.get(name) for name in table.columns}
            file.write(json.dumps(values, ensure_ascii=False) + "\n")


def _write_csv(path: Path, table: Table) -> None:
    rows = ([to_text(row.get(name)) for name in table.columns] for row in table.rows)
    _write_csv_rows(path, rows)


def _write_csv_rows(path: Path, rows: Iterable[Iterable[str]]) -> None:
    """Writes rows that end in a line feed."""
    line = io.StringIO()
    # Only characters of its line end are quoted by csv, and readers take a carriage
    # return for the end of a row, too.
    writer = csv.writer(line, lineterminator="\r\n")
    with path.open("w", encoding="utf-8", newline="") as file:
        for row in rows:
            writer.writerow(map(without_nul, row))
            file.write(line.getvalue().removesuffix("\r\n") + "\n")
            line.seek(0)
            line.truncate()


def _join_csv(path: Path, columns: Mapping[str, str], parts: Sequence[str]) -> None:
    _write_csv_rows(path, [written_names(CSV, columns)])
    _append(path, parts)


def _write_tfrecord(path: Path, table: Table) -> None:
    """Writes an example a row; a missing value is a feature without values."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for row in table.rows:
            example = tf.train.Example()
            for name, kind in table.columns.items():
                _fill(example.features.feature[name], kind, row.get(name))
            writer.write(example.SerializeToString(deterministic=True))


def _fill(feature: Any, kind: str, value: Any) -> None:
    if value is None:
        return
    if kind in (Kind.INT, Kind.LONG, Kind.BOOL):
        feature.int64_list.value.append(int(value))  # protobuf 6 takes no bool
    elif kind == Kind.FLOAT:
        feature.float_list.value.append(value)
    elif kind == Kind.STRINGS:
        feature.bytes_list.value.extend(each.encode("utf-8") for each in value)
    else:
        feature.bytes_list.value.append(to_text(value).encode("utf-8"))


def _concatenate(path: Path, columns: Mapping[str, str], parts: Sequence[str]) -> None:
    _append(path, parts)


def _append(path: Path, parts: Sequence[str]) -> None:
    with path.open("ab") as file:  # which makes it, if it is not there
        for part in parts:
            storage.append_to(part, file)


class Format(NamedTuple):
    """One format.

    Args:
        write: Writes a table to a local path.
        join: Makes one local file of the columns' kinds and the paths of parts, on
            any file system, in their order.
        write_empty: Makes one local file without a row in the form of a part, where
            the columns' kinds alone do not tell it.
    """

    write: Callable[[Path, Table], None]
    join: Callable[[Path, Mapping[str, str], Sequence[str]], None]
    write_empty: Callable[[Path, str], None] | None = None


FORMATS = {
    JSONL: Format(_write_jsonl, _concatenate),
    CSV: Format(_write_csv, _join_csv),
    PARQUET: Format(parquet.write, parquet.join, parquet.write_empty),
    TFRECORD: Format(_write_tfrecord, _concatenate),
    HDF5: Format(hdf5.write, hdf5.join),
}
