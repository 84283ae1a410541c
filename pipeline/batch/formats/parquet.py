"""Parquet, with vectors as lists of fixed length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.batch import storage
from pipeline.batch.formats.table import Kind, Table, from_json, to_text

_TYPES = {
    Kind.NULL: pa.string(),
    Kind.STRING: pa.string(),
    Kind.INT: pa.int64(),
    Kind.LONG: pa.int64(),
    Kind.FLOAT: pa.float64(),
    Kind.BOOL: pa.bool_(),
    Kind.DATE: pa.date32(),
    Kind.TIMESTAMP: pa.timestamp("us"),
    Kind.INSTANT: pa.timestamp("us", "UTC"),
    Kind.BYTES: pa.binary(),
    Kind.STRINGS: pa.list_(pa.string()),
}
_COMPRESSION = "zstd"


def write(path: Path, table: Table) -> None:
    """Writes a table with one row group.

    A vector is a `fixed_size_list<float>`, or, in float16, which Parquet does not
    have, `fixed_size_binary` of little-endian numbers; the vectors of a text's tokens
    are a list of these.
    """
    arrays = {
        name: _array(kind, [row.get(name) for row in table.rows])
        for name, kind in table.columns.items()
    }
    pq.write_table(pa.table(arrays), path, compression=_COMPRESSION)


def join(path: Path, columns: Mapping[str, str], parts: Sequence[str]) -> None:
    """Makes one file with the row groups of all parts.

    Without a part it has no columns of vectors, whose width the kinds do not tell.
    """
    if not parts:
        known = {n: _TYPES[k] for n, k in columns.items() if k in _TYPES}
        pq.write_table(pa.schema(known).empty_table(), path, compression=_COMPRESSION)
        return
    schema = _schema(parts[0])
    with pq.ParquetWriter(path, schema, compression=_COMPRESSION) as writer:
        for part in parts:
            with storage.local_reader(part) as local:
                writer.write_table(pq.read_table(local))


def write_empty(path: Path, like: str) -> None:
    """Writes a file without rows that has the columns of a part."""
    pq.write_table(_schema(like).empty_table(), path, compression=_COMPRESSION)


def _schema(part: str) -> pa.Schema:
    with storage.local_reader(part) as local:
        return pq.read_schema(local)


def _array(kind: str, column: list[Any]) -> pa.Array:
    if kind == Kind.VECTOR:
        return _fixed(np.stack(column))
    if kind == Kind.VECTORS:
        offsets = np.cumsum([0, *map(len, column)], dtype="int32")
        return pa.ListArray.from_arrays(offsets, _fixed(np.concatenate(column)))
    if kind in (Kind.STRING, Kind.NULL):
        column = [None if each is None else to_text(each) for each in column]
    else:
        column = [from_json(kind, each) for each in column]
    return pa.array(column, _TYPES[kind])


def _fixed(rows: np.ndarray) -> pa.Array:
    """Returns `(rows, …, dim)` as nested lists of fixed length."""
    *lengths, dim = rows.shape[1:]
    rows = np.ascontiguousarray(rows)
    if rows.dtype == np.float16:
        width = dim * rows.itemsize
        data = pa.py_buffer(rows.astype("<f2", copy=False))
        array = pa.Array.from_buffers(pa.binary(width), rows.size // dim, [None, data])
    else:
        array = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), dim)
    for length in reversed(lengths):
        array = pa.FixedSizeListArray.from_arrays(array, length)
    return array
