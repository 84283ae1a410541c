"""What the Evaluator measured for each class and length, as lines for a person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_MOST_CLASSES_IN_TABLE = 10
_MOST_NAME = 24  # columns; a longer name is cut


def evaluation_lines(report: dict[str, Any]) -> list[str]:
    """Returns two small tables, and the notes, of what `read_evaluation` gave.

    Of more than 10 classes the 10 with the lowest F1 are shown; "-" is undefined.
    """
    return [*_class_table(report), *_lengths(report), *report["notes"]]


def _class_table(report: dict[str, Any]) -> Iterator[str]:
    classes = report["classes"]
    if not classes:
        return
    shown = classes
    if len(classes) > _MOST_CLASSES_IN_TABLE:
        worst = sorted(classes, key=lambda one: (one["f1"] is None, one["f1"] or 0.0))
        shown = worst[:_MOST_CLASSES_IN_TABLE]
        yield f"the {_MOST_CLASSES_IN_TABLE} of {len(classes)} classes with the lowest F1:"
    width = max(len("class"), *(len(_cut(one["name"])) for one in shown))
    yield f"{'class':{width}}  precision  recall     F1    rows"
    for one in shown:
        yield (
            f"{_cut(one['name']):{width}}  {_share(one['precision']):>9}  "
            f"{_share(one['recall']):>6}  {_share(one['f1']):>5}  {one['support']:>6,}"
        )


def _lengths(report: dict[str, Any]) -> Iterator[str]:
    if report["by_length"]:
        yield "length  accuracy    AUC  macro F1    rows"
    for bucket, measures in report["by_length"].items():
        yield (
            f"{bucket:6}  {_share(measures['accuracy']):>8}  "
            f"{_share(measures['auc']):>5}  {_share(measures['macro_f1']):>8}  "
            f"{measures['rows']:>6,}"
        )


def _cut(name: str) -> str:
    return name if len(name) <= _MOST_NAME else name[: _MOST_NAME - 1] + "…"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
