"""Derives from batches of raw examples what is compared, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from components.drift_check.errors import DriftCheckError
from components.drift_check.units import pack, tokens_of, units, unknown_shares

LABEL = "label"
LENGTH = "length"
UNKNOWN_PREFIX = "unknown_"

_NUMBER = pa.list_(pa.float32())
_BYTES = pa.list_(pa.binary())


def labels_and_lengths(
    batch: pa.RecordBatch, *, text_feature: str, label_feature: str
) -> pa.RecordBatch:
    """Gives the features `label`, bytes, and `length`, float, of each example.

    The length is log2(1 + tokens): TFDV compares histograms with bars of one width,
    and of plain numbers a single long text would press all others into one bar.
    """
    labels = [_as_bytes(label) for label in _values(batch, label_feature)]
    tokens = tokens_of(_texts(batch, text_feature)).row_lengths().numpy()
    lengths = np.log2(1.0 + tokens).tolist()
    return _batch({LABEL: (labels, _BYTES), LENGTH: (lengths, _NUMBER)})


def known_units(
    batch: pa.RecordBatch, *, text_feature: str
) -> Iterator[tuple[str, bytes]]:
    """Gives the distinct units of a batch, packed, under their names."""
    tokens = tokens_of(_texts(batch, text_feature))
    for name, numbers in units(tokens).items():
        yield name, pack(numbers.flat_values.numpy())


def shares_of_unknown(
    batch: pa.RecordBatch, known: Mapping[str, bytes], *, text_feature: str
) -> pa.RecordBatch:
    """Gives the features `unknown_words` and `unknown_characters` of each example.

    Each is the share of a text's units that `known`, packed numbers under the units'
    names, has not; none for a text without tokens. No unit.
    """
    tokens = tokens_of(_texts(batch, text_feature))
    return _batch(
        {
            f"{UNKNOWN_PREFIX}{name}": (
                unknown_shares(numbers, known.get(name, b"")),
                _NUMBER,
            )
            for name, numbers in units(tokens).items()
        }
    )


def _texts(batch: pa.RecordBatch, name: str) -> list[bytes]:
    # A row without a text is an empty text, as it is to the pipeline's transformation.
    return [_as_bytes(value) or b"" for value in _values(batch, name)]


def _values(batch: pa.RecordBatch, name: str) -> list[Any]:
    """Gives the first value of each row, None where a row has none."""
    if name not in batch.schema.names:
        found = ", ".join(f"`{each}`" for each in batch.schema.names)
        raise DriftCheckError(
            f"the examples have no feature `{name}`. Received: {found}\n"
            "hint: text_feature and label_feature must name features of the examples"
        )
    rows = batch.column(batch.schema.get_field_index(name)).to_pylist()
    return [row[0] if row else None for row in rows]


def _as_bytes(value: Any) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    return str(value).encode("utf-8")


def _batch(columns: Mapping[str, tuple[Sequence[Any], pa.DataType]]) -> pa.RecordBatch:
    arrays = [
        pa.array([None if v is None else [v] for v in values], kind)
        for values, kind in columns.values()
    ]
    return pa.RecordBatch.from_arrays(arrays, list(columns))
