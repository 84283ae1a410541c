"""LabelRows: from records to labelled rows with their splits, and rejects."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict

import apache_beam as beam

from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading import reasons
from components.text_example_gen.reading.records import (
    Record,
    as_dict,
    describe_no_text,
    reject,
    reject_at,
)
from components.text_example_gen.values import (
    BadValueError,
    SeveralLabelsError,
    digest,
    read_labels,
    text_of,
)

REJECTS = "rejects"
# So many bytes of a digest decide the split; the others decide shard and order.
_SPLIT_BYTES = 8
_BETWEEN = "\0"  # no label has it


class Row(TypedDict):
    """A usable row: `split` is an index, `digest` the 16 bytes of `digest(text)`.

    `label` is the label; of several, all of them as `labels_of` reads them. `cleaned`
    has those to which something was done, each with the items of a `values.Label`.
    """

    split: int
    digest: bytes
    text: str
    label: str
    source: str
    position: int
    replaced_utf8: bool
    cleaned: tuple[tuple[Any, ...], ...]


def labels_of(row: Mapping[str, Any]) -> list[str]:
    """Returns the labels of a row, sorted; most rows have one."""
    return row["label"].split(_BETWEEN)


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
        label_column = self._options.label_column or ""  # it is set
        try:
            text = text_of(columns, self._options.text_columns)
            if text is None:
                detail = describe_no_text(self._options)
                yield _rejected(record, reasons.NO_TEXT, detail)
                return
        except BadValueError as error:
            yield _rejected(record, reasons.NOT_TEXT, str(error))
            return
        try:
            labels = read_labels(
                columns.get(label_column),
                separator=self._options.label_separator,
                several=self._options.has_several_labels,
            )
            if not labels:
                yield _rejected(record, reasons.NO_LABEL, f"`{label_column}` is empty")
                return
        except SeveralLabelsError as error:
            detail = f"`{label_column}`: {error}; `multi_label` allows several"
            yield _rejected(record, reasons.SEVERAL_LABELS, detail)
            return
        except BadValueError as error:
            yield _rejected(record, reasons.BAD_LABEL, f"`{label_column}`: {error}")
            return
        key = digest(text)
        yield Row(
            split=self._split_of(key),
            digest=key,
            text=text,
            label=_BETWEEN.join(label.name for label in labels),
            source=record["source"],
            position=record["position"],
            replaced_utf8=record["replaced_utf8"],
            cleaned=tuple(tuple(label) for label in labels if label.changes),
        )

    def _split_of(self, key: bytes) -> int:
        bucket = int.from_bytes(key[:_SPLIT_BYTES], "big") % self._bounds[-1]
        return bisect.bisect(self._bounds, bucket)


class KeepKnownLabels(beam.DoFn):
    """Rejects rows with a label that no row of the training split has."""

    def process(
        self, element: dict[str, Any], training_labels: set[str]
    ) -> Iterator[Any]:
        new = [each for each in labels_of(element) if each not in training_labels]
        if not new:
            yield element
            return
        outside = reject_at(
            element["source"],
            element["position"],
            reasons.LABEL_OUTSIDE_TRAINING,
            f"no training row has the label {new[0]!r}",
            element["text"],
        )
        yield beam.pvalue.TaggedOutput(REJECTS, as_dict(outside))


def _rejected(record: Record, reason: str, detail: str) -> beam.pvalue.TaggedOutput:
    rejected = reject(record, reason, detail)
    return beam.pvalue.TaggedOutput(REJECTS, as_dict(rejected))
