"""LabelRows: from records to labelled rows with their splits, and rejects."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, TypedDict

import apache_beam as beam

from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading import reasons
from components.text_example_gen.reading.records import (
    Record,
    as_dict,
    reject,
    reject_at,
)
from components.text_example_gen.values import (
    BadValueError,
    clean_label,
    clean_text,
    digest,
    is_lossy,
)

REJECTS = "rejects"
# So many bytes of a digest decide the split; the others decide shard and order.
_SPLIT_BYTES = 8


class Row(TypedDict):
    """A usable row: `split` is an index, `digest` the 16 bytes of `digest(text)`."""

    split: int
    digest: bytes
    text: str
    label: str
    source: str
    position: int
    replaced_utf8: bool


class LabelRows(beam.DoFn):
    """Gives each record its label and split; rejects records without text or label.

    Args:
        options: Names the columns; `label_column` must be set.
        hash_buckets: Share of each split; equal texts always share a split.
    """

    def __init__(self, options: ReadOptions, hash_buckets: Sequence[int]) -> None:
        super().__init__()
        self._options = options
        self._bounds = list(itertools.accumulate(hash_buckets))

    def process(self, element: dict[str, Any]) -> Iterator[Any]:
        record: Record = element  # type: ignore[assignment]
        columns = record["columns"]
        text_column, label_column = self._options.required[:2]
        try:
            text = clean_text(columns.get(text_column))
            if text is None:
                yield _rejected(record, reasons.NO_TEXT, f"`{text_column}` is empty")
                return
        except BadValueError as error:
            yield _rejected(record, reasons.NOT_TEXT, f"`{text_column}`: {error}")
            return
        try:
            label = clean_label(columns.get(label_column))
            if label is None:
                yield _rejected(record, reasons.NO_LABEL, f"`{label_column}` is empty")
                return
        except BadValueError as error:
            yield _rejected(record, reasons.BAD_LABEL, f"`{label_column}`: {error}")
            return
        if is_lossy(record, columns.get(label_column), label):
            detail = f"`{label_column}`: what cannot be decoded became U+FFFD"
            yield _rejected(record, reasons.LOSSY_LABEL, detail)
            return
        key = digest(text)
        yield Row(
            split=self._split_of(key),
            digest=key,
            text=text,
            label=label,
            source=record["source"],
            position=record["position"],
            replaced_utf8=record["replaced_utf8"],
        )

    def _split_of(self, key: bytes) -> int:
        bucket = int.from_bytes(key[:_SPLIT_BYTES], "big") % self._bounds[-1]
        return bisect.bisect(self._bounds, bucket)


class KeepKnownLabels(beam.DoFn):
    """Rejects rows whose label no row of the training split has."""

    def process(
        self, element: dict[str, Any], training_labels: set[str]
    ) -> Iterator[Any]:
        if element["label"] in training_labels:
            yield element
            return
        outside = reject_at(
            element["source"],
            element["position"],
            reasons.LABEL_OUTSIDE_TRAINING,
            f"no training row has the label {element['label']!r}",
            element["text"],
        )
        yield beam.pvalue.TaggedOutput(REJECTS, as_dict(outside))


def _rejected(record: Record, reason: str, detail: str) -> beam.pvalue.TaggedOutput:
    rejected = reject(record, reason, detail)
    return beam.pvalue.TaggedOutput(REJECTS, as_dict(rejected))
