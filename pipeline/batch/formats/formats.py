"""Output formats: how a part is written, and how parts become one file."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow as tf

from pipeline.batch import storage
from pipeline.batch.formats import hdf5, parquet
from pipeline.batch.formats import table as values
from pipeline.batch.formats.table import Table, to_text


def write_jsonl(path: Path, table: Table) -> None:
    """Writes an object a line; a column that a row lacks is null."""
    with path.open("w", encoding="utf-8", newline="") as file:
        for row in table.rows:
            values = {name: row.get(name) for name in table.columns}
            file.write(json.dumps(values, ensure_ascii=False) + "\n")


def write_csv(path: Path, table: Table) -> None:
    """Writes rows without a header: a part is no file of its own."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for row in table.rows:
            writer.writerow([to_text(row.get(name)) for name in table.columns])


def join_csv(path: Path, columns: Mapping[str, str], parts: Sequence[str]) -> None:
    """Appends parts to a header."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerow(columns)
    with path.open("ab") as file:
        for part in parts:
            storage.append_to(part, file)


def write_tfrecord(path: Path, table: Table) -> None:
    """Writes an example a row; what is missing is a feature without a value."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for row in table.rows:
            example = tf.train.Example()
            for name, kind in table.columns.items():
                _fill(example.features.feature[name], kind, row.get(name))
            writer.write(example.SerializeToString(deterministic=True))


def _fill(feature: Any, kind: str, value: Any) -> None:
    if value is None:
        return
    if kind in (values.INT, values.BOOL):
        feature.int64_list.value.append(int(value))  # protobuf 6 takes no bool
    elif kind == values.FLOAT:
        feature.float_list.value.append(value)
    else:
        feature.bytes_list.value.append(values.to_text(value).encode("utf-8"))


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
    "jsonl": Format(".jsonl", write_jsonl, _concatenate),
    "csv": Format(".csv", write_csv, join_csv),
    "parquet": Format(
        ".parquet",
        parquet.write,
        parquet.join,
        parquet.write_empty,
    ),
    "tfrecord": Format(".tfrecord", write_tfrecord, _concatenate),
    "hdf5": Format(".hdf5", hdf5.write, hdf5.join),
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
