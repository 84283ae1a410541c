"""Tables of rows: their values in JSON's types, and the kinds of their columns."""

from __future__ import annotations

import base64
import collections
import datetime
import functools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from components.text_example_gen.reading.records import distinct_names
from components.text_example_gen.values import to_json

# The formats of an output, by the names that users give them; `formats` writes them.
JSONL = "jsonl"
CSV = "csv"
PARQUET = "parquet"
TFRECORD = "tfrecord"
HDF5 = "hdf5"
ROW_FORMATS = (JSONL, CSV, PARQUET, TFRECORD)
VECTOR_FORMATS = (PARQUET, HDF5)


class Kind:
    """Kinds of columns, as output formats with types need them."""

    NULL = "null"  # nothing but missing values so far
    STRING = "string"
    INT = "int"
    LONG = "long"  # integers of which a float does not hold all digits
    FLOAT = "float"
    DOUBLE = "double"  # fractions beyond what the format's floats reach
    BOOL = "bool"
    DATE = "date"
    TIMESTAMP = "timestamp"  # without a time zone
    INSTANT = "instant"  # with one: a point in time
    BYTES = "bytes"
    VECTOR = "vector"  # (dim,)
    VECTORS = "vectors"  # (time, …, dim)
    STRINGS = "strings"


_INT64 = 2**63
# By the bits of a format's floats: the largest integer up to which they hold all, and
# the largest number.
_WHOLE_FLOAT = {64: 2**53, 32: 2**24}
_LARGEST = {64: math.inf, 32: (2 - 2**-23) * 2.0**127}
_KINDS = {Kind.FLOAT: float, Kind.DATE: datetime.date, Kind.BYTES: bytes}


class Table(NamedTuple):
    """Rows by column name; a column that a row does not have is missing there.

    Args:
        columns: Kind of each column, in the order of the output.
        rows: Values by name; those of the kinds `vector` and `vectors` are numpy
            arrays, all of one dtype.
        key: Column that tells rows apart, if one was named.
    """

    columns: Mapping[str, str]
    rows: Sequence[Mapping[str, Any]]
    key: str | None = None


def carried(value: Any, format_name: str) -> tuple[Any, int]:
    """Returns a value as the output's format takes it, and what became null in it.

    Parquet has NaN and infinity in its columns of numbers, which stay.

    Args:
        value: As it was read.
        format_name: One of the formats.
    """
    if format_name == PARQUET and isinstance(value, float):
        return value, 0
    return to_json(value), _not_finite(value)


def _not_finite(value: Any) -> int:
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, Mapping):
        return sum(map(_not_finite, value.values()))
    return sum(map(_not_finite, value)) if isinstance(value, (list, tuple)) else 0


def kind_of(value: Any, format_name: str = PARQUET) -> str:
    """Returns the kind of column in which a value fits, as it was before `to_json`."""
    bits = 32 if format_name == TFRECORD else 64
    if value is None:
        return Kind.NULL
    if isinstance(value, bool):
        return Kind.BOOL
    if isinstance(value, int):
        if not -_INT64 <= value < _INT64:
            return Kind.STRING
        return Kind.INT if abs(value) <= _WHOLE_FLOAT[bits] else Kind.LONG
    if isinstance(value, float) and math.isfinite(value):
        return Kind.FLOAT if abs(value) <= _LARGEST[bits] else Kind.DOUBLE
    if isinstance(value, datetime.datetime):
        # Parquet's nanoseconds come as pandas' own times; microseconds are kept.
        if getattr(value, "nanosecond", 0):
            return Kind.STRING
        return Kind.TIMESTAMP if value.tzinfo is None else Kind.INSTANT
    for kind, types in _KINDS.items():
        if isinstance(value, types):
            return kind
    return Kind.STRING


def from_json(kind: str, value: Any) -> Any:
    """Returns a value of `to_json` as it was before, in a column of its kind."""
    if value is None:
        return None
    if kind == Kind.DATE:
        return datetime.date.fromisoformat(value)
    if kind in (Kind.TIMESTAMP, Kind.INSTANT):
        return datetime.datetime.fromisoformat(value)
    if kind == Kind.BYTES:
        return base64.b64decode(value)
    return value


def common_kind(one: str, other: str) -> str:
    """Returns the kind of column in which values of two kinds fit."""
    if one == other or other == Kind.NULL:
        return one
    if one == Kind.NULL:
        return other
    if {one, other} == {Kind.INT, Kind.LONG}:
        return Kind.LONG
    return Kind.FLOAT if {one, other} == {Kind.INT, Kind.FLOAT} else Kind.STRING


# By column: how many values there are of each kind.
KindCounts = Mapping[str, Mapping[str, int]]


def merge_kinds(*columns: KindCounts) -> dict[str, str]:
    """Returns kinds by name over several tables, names in the order of the tables."""
    merged: dict[str, str] = {}
    for of_table in columns:
        for name, kinds in of_table.items():
            merged[name] = functools.reduce(
                common_kind, kinds, merged.get(name, Kind.NULL)
            )
    return merged


def count_as_text(format_name: str, *columns: KindCounts) -> dict[str, int]:
    """Returns, by column, how many values become text as others there are no such.

    Only formats whose columns have types need that.
    """
    if format_name not in (PARQUET, TFRECORD):
        return {}
    counts: collections.Counter[str] = collections.Counter()
    merged = merge_kinds(*columns)
    for of_table in columns:
        for name, kinds in of_table.items():
            if merged[name] in (Kind.STRING, Kind.DOUBLE):
                counts[name] += sum(
                    number
                    for kind, number in kinds.items()
                    if kind not in (Kind.STRING, Kind.NULL)
                )
    return {name: number for name, number in counts.items() if number}


def without_nul(text: str) -> str:
    """Returns the text with U+FFFD for NUL, which CSV and HDF5 cannot hold."""
    return text.replace("\0", "\ufffd")


def written_names(format_name: str, names: Iterable[str]) -> list[str]:
    """Returns the names of columns as a format has them; two never become one."""
    if format_name != CSV:
        return list(names)
    return distinct_names([without_nul(name) for name in names])


def to_text(value: Any) -> str:
    """Returns a field of CSV: a string as it is, all else as JSON writes it."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
