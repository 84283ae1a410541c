"""MeasureSpans: TFDV statistics of the newest span and of those before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow_data_validation as tfdv
from tfx_bsl.public import tfxio

from components.drift_check.spans import ExampleFiles
from components.drift_check.vocabulary import (
    Distinct,
    pack,
    tokens_of,
    units,
    unknown_shares,
)
from keras_elmo.text import ELMO

# The features that are measured.
LABEL = "label"
LENGTH = "length"
UNKNOWN_PREFIX = "unknown_"

# The sides that are compared, and the texts of a side that are measured.
NEWEST = "newest"
BEFORE = "before"
ALL = "all"
HELD_OUT = "held_out"

_NUMBER = pa.list_(pa.float32())
_BYTES = pa.list_(pa.binary())


class DriftCheckError(ValueError):
    """The examples cannot be measured; it says nothing about drift."""


def statistics_path(folder: str, side: str, part: str) -> str:
    """Returns the file of the statistics of one side, of `all` or `held_out` texts."""
    return f"{folder}/{side}-{part}.pb"


class MeasureSpans(beam.PTransform):
    """Writes four files of statistics, which `tfdv.load_stats_binary` reads.

    For each side: one of `label` and `length`, over all texts, and one of
    `unknown_words` and `unknown_characters`, which no training text before the newest
    span has, over the texts held out from training. Both sides use held-out texts,
    because a text that came in two spans is in the same split of both: neither side
    then knows it.

    No text is kept in memory; only the vocabulary grows, by 8 bytes a word.

    Args:
        newest: The files of the newest span.
        before: The files of the spans before it.
        text_feature: Name of the text in the examples.
        label_feature: Name of the label in the examples.
        tokenizer: What a word is, as `keras_elmo.text.tokenize` takes it.
        output: Folder for the statistics.
    """

    def __init__(
        self,
        *,
        newest: ExampleFiles,
        before: ExampleFiles,
        text_feature: str,
        label_feature: str,
        output: str,
        tokenizer: str = ELMO,
    ) -> None:
        super().__init__()
        self._sides = {NEWEST: newest, BEFORE: before}
        self._text = text_feature
        self._label = label_feature
        self._tokenizer = tokenizer
        self._output = output

    def expand(self, pbegin: beam.pvalue.PBegin) -> None:
        """Adds reading, deriving and measuring to a pipeline."""
        known = (
            pbegin
            | "ReadKnown" >> _ReadBatches(self._sides[BEFORE].train)
            | "KnownUnits"
            >> beam.FlatMap(
                known_units, text_feature=self._text, tokenizer=self._tokenizer
            )
            | "Distinct" >> beam.CombinePerKey(Distinct())
        )
        for side, files in self._sides.items():
            every = pbegin | f"Read[{side}]" >> _ReadBatches(
                [*files.train, *files.held_out]
            )
            derived = every | f"LabelsAndLengths[{side}]" >> beam.Map(
                labels_and_lengths,
                text_feature=self._text,
                label_feature=self._label,
                tokenizer=self._tokenizer,
            )
            self._measure(derived, side, ALL)
            held_out = pbegin | f"ReadHeldOut[{side}]" >> _ReadBatches(files.held_out)
            shares = held_out | f"SharesOfUnknown[{side}]" >> beam.Map(
                shares_of_unknown,
                beam.pvalue.AsDict(known),
                text_feature=self._text,
                tokenizer=self._tokenizer,
            )
            self._measure(shares, side, HELD_OUT)

    def _measure(self, batches: beam.PCollection, side: str, part: str) -> None:
        path = statistics_path(self._output, side, part)
        statistics = batches | f"Measure[{side}, {part}]" >> tfdv.GenerateStatistics(
            tfdv.StatsOptions()
        )
        _ = statistics | f"Write[{side}, {part}]" >> tfdv.WriteStatisticsToBinaryFile(
            path
        )


class _ReadBatches(beam.PTransform):
    """Reads TFRecord files of tf.Examples as Arrow batches.

    Files are elements here, and not sources that are flattened: the local runner keeps
    whatever it flattens in memory.
    """

    def __init__(self, files: Sequence[str]) -> None:
        super().__init__()
        self._files = list(files)

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection:
        examples = tfxio.TFExampleBeamRecord(physical_format="tfrecord")
        return (
            pbegin
            | "Files" >> beam.Create(self._files, reshuffle=False)
            | "Records" >> beam.io.ReadAllFromTFRecord(coder=beam.coders.BytesCoder())
            | "Batches" >> examples.BeamSource()
        )


def labels_and_lengths(
    batch: pa.RecordBatch,
    *,
    text_feature: str,
    label_feature: str,
    tokenizer: str = ELMO,
) -> pa.RecordBatch:
    """Returns the features `label`, bytes, and `length`, float, of each example.

    An example with several labels has them all.

    The length is log2(1 + tokens): TFDV compares histograms with bars of one width,
    and of plain numbers a single long text would press all others into one bar.
    """
    labels = [
        None if row is None else [_as_bytes(each) for each in row]
        for row in _rows(batch, label_feature)
    ]
    tokens = tokens_of(_texts(batch, text_feature), tokenizer).row_lengths().numpy()
    lengths = np.log2(1.0 + tokens).tolist()
    return _batch({LABEL: (labels, _BYTES), LENGTH: (_lists(lengths), _NUMBER)})


def known_units(
    batch: pa.RecordBatch, *, text_feature: str, tokenizer: str = ELMO
) -> Iterator[tuple[str, bytes]]:
    """Yields the distinct units of a batch, packed, under their names."""
    tokens = tokens_of(_texts(batch, text_feature), tokenizer)
    for name, numbers in units(tokens).items():
        yield name, pack(numbers.flat_values.numpy())


def shares_of_unknown(
    batch: pa.RecordBatch,
    known: Mapping[str, bytes],
    *,
    text_feature: str,
    tokenizer: str = ELMO,
) -> pa.RecordBatch:
    """Returns the features `unknown_words` and `unknown_characters` of each example.

    Each is the share of a text's units that are not in `known`, which holds packed
    numbers under the units' names; missing for a text without tokens. No unit.
    """
    tokens = tokens_of(_texts(batch, text_feature), tokenizer)
    return _batch(
        {
            f"{UNKNOWN_PREFIX}{name}": (
                _lists(unknown_shares(numbers, known.get(name, b""))),
                _NUMBER,
            )
            for name, numbers in units(tokens).items()
        }
    )


def _texts(batch: pa.RecordBatch, name: str) -> list[bytes]:
    # A row without a text is an empty text, as it is to the pipeline's transformation.
    return [_as_bytes(value) or b"" for value in _values(batch, name)]


def _values(batch: pa.RecordBatch, name: str) -> list[Any]:
    """Returns the first value of each row, None where a row is empty."""
    return [row[0] if row else None for row in _rows(batch, name)]


def _rows(batch: pa.RecordBatch, name: str) -> list[list[Any] | None]:
    """Returns the values of each row, None where it is empty."""
    if name not in batch.schema.names:
        features = ", ".join(f"`{each}`" for each in batch.schema.names)
        raise DriftCheckError(
            f"the examples have no feature `{name}`. Received: {features}\n"
            "hint: text_feature and label_feature must name features of the examples"
        )
    rows = batch.column(batch.schema.get_field_index(name)).to_pylist()
    return [row or None for row in rows]


def _as_bytes(value: Any) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    return str(value).encode("utf-8")


def _lists(values: Sequence[Any]) -> list[list[Any] | None]:
    return [None if value is None else [value] for value in values]


def _batch(columns: Mapping[str, tuple[Sequence[Any], pa.DataType]]) -> pa.RecordBatch:
    arrays = [pa.array(rows, kind) for rows, kind in columns.values()]
    return pa.RecordBatch.from_arrays(arrays, list(columns))
