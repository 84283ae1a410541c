"""LabelRows: from records to rows with text, label and what divides them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypedDict

import apache_beam as beam

from components.text_example_gen.options import ReadOptions, RowColumns
from components.text_example_gen.reading import reasons
from components.text_example_gen.reading.records import (
    Record,
    as_dict,
    reject,
)
from components.text_example_gen.values import (
    BadValueError,
    clean_label,
    clean_text,
    digest,
    group_digest,
    kept_value,
)

REJECTS = "rejects"

# What the column of splits may hold, in any case -> index of the split.
_SPLITS = {
    name: place
    for place, names in enumerate(
        (
            ("train", "training"),
            ("eval", "evaluation", "valid", "validation", "val")
            + ("dev", "devel", "development"),
            ("test", "testing", "held_out", "held-out", "heldout"),
        )
    )
    for name in names
}


class Row(TypedDict):
    """A usable row.

    `split` is the index of the split that it comes with, 0 if with none; `unit` 16
    bytes that all rows have in common that must share a split; `digest` the 16 bytes of
    `digest(text)`; `kept` the values of the columns that are kept.
    """

    split: int
    unit: bytes
    digest: bytes
    text: str
    label: str
    kept: tuple[str, ...]
    source: str
    position: int
    replaced_utf8: bool


class LabelRows(beam.DoFn):
    """Gives each record text, label and split; rejects those that lack one.

    Args:
        options: Names the columns; `label_column` must be set.
        columns: Names more of them.
        split: Index of the split of all rows, where no column says it.
    """

    def __init__(
        self,
        options: ReadOptions,
        columns: RowColumns | None = None,
        *,
        split: int = 0,
    ) -> None:
        super().__init__()
        self._options = options
        self._columns = columns or RowColumns()
        self._split = split

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
        try:
            split = self._split_of(columns)
        except BadValueError as error:
            yield _rejected(
                record, reasons.BAD_SPLIT, f"`{self._columns.split}`: {error}"
            )
            return
        key = digest(text)
        try:
            unit = self._unit_of(columns) or key
        except BadValueError as error:
            yield _rejected(
                record, reasons.BAD_GROUP, f"`{self._columns.group}`: {error}"
            )
            return
        yield Row(
            split=split,
            unit=unit,
            digest=key,
            text=text,
            label=label,
            kept=tuple(kept_value(columns.get(name)) for name in self._columns.keep),
            source=record["source"],
            position=record["position"],
            replaced_utf8=record["replaced_utf8"],
        )

    def _split_of(self, columns: dict[str, Any]) -> int:
        if self._columns.split is None:
            return self._split
        name = clean_label(columns.get(self._columns.split))
        if name is None:
            raise BadValueError("it is empty")
        split = _SPLITS.get(name.casefold())
        if split is None:
            raise BadValueError(f"it must say train, eval or test, not {name[:40]!r}")
        return split

    def _unit_of(self, columns: dict[str, Any]) -> bytes | None:
        """Returns what stands for the group of a row; None: it has none."""
        if self._columns.group is None:
            return None
        name = clean_label(columns.get(self._columns.group))
        return None if name is None else group_digest(name)


def _rejected(record: Record, reason: str, detail: str) -> beam.pvalue.TaggedOutput:
    rejected = reject(record, reason, detail)
    return beam.pvalue.TaggedOutput(REJECTS, as_dict(rejected))
