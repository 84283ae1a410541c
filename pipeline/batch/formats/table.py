"""Values of carried columns: JSON's types, and the kind that a whole column has."""

from __future__ import annotations

import base64
import datetime
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Table(NamedTuple):
    """Rows of dicts; a column that a row lacks is missing there.

    Args:
        columns: Kind of each column (`values`), in the order of the output.
        rows: Values by name; those of the kinds `vector` and `vectors` are numpy
            arrays, all of one dtype.
        key: Column that tells rows apart, if one was named.
    """

    columns: Mapping[str, str]
    rows: Sequence[Mapping[str, Any]]
    key: str | None = None


# Kinds of columns, as output formats with types need them.
NULL = "null"  # nothing but missing values so far
STRING = "string"
INT = "int"
FLOAT = "float"
BOOL = "bool"
DATE = "date"
TIMESTAMP = "timestamp"  # without a time zone
INSTANT = "instant"  # with one: a point in time
BYTES = "bytes"
VECTOR = "vector"  # (dim,)
VECTORS = "vectors"  # (time, …, dim)
STRINGS = "strings"

_INT64 = 2**63
_KINDS = {FLOAT: float, DATE: datetime.date, BYTES: bytes}


def to_json(value: Any) -> Any:
    """The value in JSON's types; the same as it was, wherever JSON can say it.

    Dates and times become ISO 8601, bytes base64, decimals their digits, and numbers
    that are none None.
    """
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Mapping):
        return {str(key): to_json(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(each) for each in value]
    isoformat = getattr(value, "isoformat", None)
    return str(value) if isoformat is None else isoformat()


def kind_of(value: Any) -> str:
    """The kind of column in which a value fits, as it was before `to_json`."""
    if value is None:
        return NULL
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, int):
        return INT if -_INT64 <= value < _INT64 else STRING
    if isinstance(value, datetime.datetime):
        # Parquet's nanoseconds come as pandas' own times; microseconds are kept.
        if getattr(value, "nanosecond", 0):
            return STRING
        return TIMESTAMP if value.tzinfo is None else INSTANT
    for kind, types in _KINDS.items():
        if isinstance(value, types):
            return kind
    return STRING


def from_json(kind: str, value: Any) -> Any:
    """A value of `to_json` as it was before, in a column of its kind."""
    if value is None:
        return None
    if kind == DATE:
        return datetime.date.fromisoformat(value)
    if kind in (TIMESTAMP, INSTANT):
        return datetime.datetime.fromisoformat(value)
    if kind == BYTES:
        return base64.b64decode(value)
    return value


def common_kind(one: str, other: str) -> str:
    """The kind of column in which values of two kinds fit."""
    if one == other or other == NULL:
        return one
    if one == NULL:
        return other
    return FLOAT if {one, other} == {INT, FLOAT} else STRING


def merge_kinds(*columns: Mapping[str, str]) -> dict[str, str]:
    """Kinds by name, over several tables; names in the order in which they came."""
    merged: dict[str, str] = {}
    for table in columns:
        for name, kind in table.items():
            merged[name] = common_kind(merged.get(name, NULL), kind)
    return merged


def to_text(value: Any) -> str:
    """The value as a field of CSV: strings as they are, all else as JSON writes it."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
