"""LabelRows: from records to rows with text, label and what divides them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypedDict

import apache_beam as beam

from components.text_example_gen.class_folders import SPLIT_NAMES
from components.text_example_gen.examples import EVAL, SPLITS, TEST
from components.text_example_gen.options import ReadOptions, RowColumns
from components.text_example_gen.reading import reasons
from components.text_example_gen.reading.records import (
    Record,
    as_dict,
    describe_no_text,
    reject,
)
from components.text_example_gen.values import (
    BadValueError,
    SeveralLabelsError,
    clean_label,
    digest,
    group_digest,
    has_replaced,
    is_lossy,
    kept_value,
    read_labels,
    text_of,
)

REJECTS = "rejects"
_BETWEEN = "\0"  # no label has it

# What the column of splits may hold, in any case -> index of the split.
_SPLITS = {name: SPLITS.index(split) for name, split in SPLIT_NAMES.items()} | {
    **dict.fromkeys(("evaluation", "devel", "development"), SPLITS.index(EVAL)),
    **dict.fromkeys(("held_out", "held-out", "heldout"), SPLITS.index(TEST)),
}


class Row(TypedDict):
    """A usable row.

    `split` is the index of the split that it comes with, 0 if with none; `unit` 16
    bytes that all rows have in common that must share a split; `digest` the 16 bytes of
    `digest(text)`; `label` the label, or several as `each_label` reads them; `kept` the
    values of the columns that are kept; `cleaned` the labels to which something was
    done, each with the items of a `values.Label`; `before` the label before it was
    corrected, None if there is no correction for the row.
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
    cleaned: tuple[tuple[Any, ...], ...]
    before: str | None


def each_label(label: str) -> list[str]:
    """Returns the labels that `Row.label` stands for, sorted; mostly one."""
    return label.split(_BETWEEN)


def labels_of(row: Mapping[str, Any]) -> list[str]:
    """Returns the labels of a row, sorted; most rows have one."""
    return each_label(row["label"])


class LabelRows(beam.DoFn):
    """Gives each record text, label and split; rejects those that lack one.

    Args:
        options: Names the columns; `label_column` must be set.
        columns: Names more of them.
        split: Index of the split of all rows, where no column says it.
        corrections: Digest of a text and its label -> the right label.
    """

    def __init__(
        self,
        options: ReadOptions,
        columns: RowColumns | None = None,
        *,
        split: int = 0,
        corrections: Mapping[tuple[bytes, str], str] | None = None,
    ) -> None:
        super().__init__()
        self._options = options
        self._columns = columns or RowColumns()
        self._split = split
        self._corrections = corrections or {}
        self._right = {(key, new) for (key, _), new in self._corrections.items()}

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
        names = " ".join(label.name for label in labels)
        if is_lossy(record, columns.get(label_column), names):
            detail = f"`{label_column}`: what cannot be decoded became U+FFFD"
            yield _rejected(record, reasons.LOSSY_LABEL, detail)
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
        label = _BETWEEN.join(label.name for label in labels)
        corrected = self._corrections.get((key, label))
        is_known = corrected is not None or (key, label) in self._right
        yield Row(
            split=split,
            unit=unit,
            digest=key,
            text=text,
            label=label if corrected is None else corrected,
            kept=tuple(kept_value(columns.get(name)) for name in self._columns.keep),
            source=record["source"],
            position=record["position"],
            replaced_utf8=has_replaced(record, self._options.text_columns),
            cleaned=tuple(tuple(label) for label in labels if label.changes),
            before=label if is_known else None,
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
