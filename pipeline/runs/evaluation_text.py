"""What the Evaluator measured, as lines for a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tabulate import tabulate

from pipeline.evaluation.facts import Evaluation, Threshold
from pipeline.runs.summary import Baseline
from pipeline.terminal import visible_line

_MOST_CLASSES = 10  # lines of the table
_MOST_SLICES = 20  # lines of the table
_MOST_NAME = 24  # columns; a longer name is cut
MEASURE_NAMES = {
    "accuracy": "accuracy",
    "auc": "AUC",
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "calibration_error": "calibration error",
    "coverage": "coverage",
}
_BOUNDS = {"least": "at least", "most": "at most"}


def measured_lines(
    evaluation: Evaluation | None, tfidf: Baseline | None
) -> Iterator[str]:
    """Yields the measures of a model and of the baseline, and what is beside them."""
    if evaluation is not None:
        yield _measures(evaluation.metrics, evaluation.thresholds)
        yield from _certainty(evaluation)
    if tfidf is not None:
        measures = _measures(tfidf.metrics)
        for line in ([measures] if measures else []) + tfidf.notes:
            yield f"TF-IDF + logistic regression, same splits: {line}"
    if evaluation is not None:
        yield from evaluation_lines(evaluation)


def _measures(
    metrics: Mapping[str, float | None], thresholds: Iterable[Threshold] = ()
) -> str:
    bounds = {
        one.measure: f" ({_BOUNDS[one.kind]} {measure_value(one.measure, one.bound)})"
        for one in thresholds
        if one.kind in _BOUNDS and not one.slice
    }
    values = ((name, metrics.get(name)) for name in MEASURE_NAMES)
    return ", ".join(
        f"{MEASURE_NAMES[name]} {measure_value(name, value)}{bounds.get(name, '')}"
        for name, value in values
        if value is not None
    )


def measure_value(name: str, value: float, more_digits: int = 0) -> str:
    """Returns a measure as people read it: shares of rows in percent."""
    if name in ("accuracy", "coverage"):
        return f"{value:.{1 + more_digits}%}"
    return f"{value:.{3 + more_digits}f}"


def _certainty(evaluation: Evaluation) -> Iterator[str]:
    if evaluation.accuracy_interval is not None:
        low, high = evaluation.accuracy_interval
        yield (
            f"with {evaluation.rows:,} test rows, the accuracy is between {low:.1%} "
            f"and {high:.1%} (95% confidence)"
        )
    certain = evaluation.certain
    if certain is None or certain.coverage is None:
        return
    if certain.accuracy is None:
        yield (
            "the model answers no test row: no probability was right in "
            f"{certain.precision:.1%} of the cases on eval"
            if certain.threshold > 1
            else "the model answers no test row, and is unsure of all"
        )
    else:
        yield (
            f"the model answers {certain.coverage:.1%} of the test rows, "
            f"{certain.accuracy:.1%} of them rightly (asked for: "
            f"{certain.precision:.1%}), and is unsure of the others"
        )


def evaluation_lines(evaluation: Evaluation) -> list[str]:
    """Returns the measures by class, by length and by slice as tables, then the notes.

    Of more than 10 classes, those with the lowest F1 are shown; of more than 20 slices,
    those with the lowest accuracy. "-" is undefined.
    """
    classes, lines = evaluation.classes, []
    if len(classes) > _MOST_CLASSES:
        ordered = sorted(classes, key=lambda one: (one.f1 is None, one.f1 or 0.0))
        lines = [f"the {_MOST_CLASSES} of {len(classes)} classes with the lowest F1:"]
        classes = ordered[:_MOST_CLASSES]
    lines += _table(
        ["class", "precision", "recall", "F1", "rows"],
        [
            [_cut(one.name), one.precision, one.recall, one.f1, f"{one.support:,}"]
            for one in classes
        ],
    )
    lines += _table(
        ["length", "accuracy", "AUC", "macro F1", "rows"],
        [
            [name, third.accuracy, third.auc, third.macro_f1, f"{third.rows:,}"]
            for name, third in evaluation.by_length.items()
        ],
    )
    slices = evaluation.slices
    if len(slices) > _MOST_SLICES:
        lines.append(
            f"the {_MOST_SLICES} of {len(slices)} slices with the lowest accuracy:"
        )
        slices = sorted(
            slices, key=lambda one: (one.accuracy is None, one.accuracy or 0.0)
        )[:_MOST_SLICES]
    lines += _table(
        ["slice", "accuracy", "AUC", "macro F1", "rows"],
        [
            [_cut(one.name), one.accuracy, one.auc, one.macro_f1, f"{one.rows:,}"]
            for one in slices
        ],
    )
    return lines + evaluation.notes


def _table(headers: list[str], rows: list[list[str | float | None]]) -> list[str]:
    if not rows:
        return []
    cells = [
        [f"{cell:.3f}" if isinstance(cell, float) else cell for cell in row]
        for row in rows
    ]
    text = tabulate(
        cells,
        headers,
        tablefmt="plain",
        missingval="-",
        disable_numparse=True,
        colalign=["left"] + ["right"] * (len(headers) - 1),
    )
    return text.split("\n")


def _cut(name: str) -> str:
    name = visible_line(name)
    return name if len(name) <= _MOST_NAME else name[: _MOST_NAME - 1] + "…"
