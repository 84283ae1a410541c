"""What the page says of the facts of a run, before it is HTML."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.evaluation.facts import (
    ClassMeasures,
    Curves,
    Evaluation,
    Interval,
    SliceMeasures,
    WordWeight,
    WrongRow,
)
from pipeline.evaluation.measures import ACCURACY, wilson_interval
from pipeline.report.plots import SOFT, STROKES
from pipeline.runs.summary import RunSummary

MEASURES = {
    "accuracy": "Accuracy",
    "auc": "AUC",
    "macro_f1": "Macro F1",
    "micro_f1": "Micro F1",
    "calibration_error": "Calibration error",
    "coverage": "Coverage",
}
_MOST_IN_MATRIX = 10  # classes
_LEVELS = 5  # of the colour behind a word
_LEAST_SHARE = 0.12  # of the strongest weight of a text, for a word to be coloured
_MOST_GAP = 40  # characters between two tokens of a text
_MOST_STEPS = 8
_LEAST_ROWS = 30  # of a slice that is called weak
_MOST_CONFUSED = 400  # pairs that the Evaluator keeps
# What the tokenizer writes for several characters -> those it reads.
_SPELLINGS = {
    "'": "['\u2018\u2019`]",
    '"': '["\u201c\u201d]',
    "...": r"(?:\.\.+|\u2026)",
    "--": r"(?:--+|[\u2013\u2014])",
}


def has_several_labels(evaluation: Evaluation) -> bool:
    """Whether a row may have several labels."""
    return "micro_f1" in evaluation.metrics


def worst_first(
    classes: Sequence[ClassMeasures],
) -> list[tuple[int, ClassMeasures]]:
    """Returns the classes with their places, by F1; undefined ones stand last."""
    return sorted(
        enumerate(classes),
        key=lambda one: (one[1].f1 is None, one[1].f1 or 0.0, -one[1].support),
    )


def scale_begin(classes: Sequence[ClassMeasures]) -> float:
    """Returns where the bars of the intervals begin, in tenths: one must see them."""
    ends = [
        between[0]
        for one in classes
        for between in (one.precision_interval, one.recall_interval)
        if between
    ]
    return min(0.9, max(0.0, math.floor(min(ends, default=0.0) * 10) / 10))


@dataclass(frozen=True)
class Confusion:
    """Labels down, predictions across; `rows` has a label and its cells.

    A cell is the number of rows and its share of the row, from 0 to 1.
    """

    names: list[str]
    rows: list[tuple[str, list[tuple[int, float]]]]


def confusion(evaluation: Evaluation) -> Confusion | None:
    """Returns the confusion matrix, where a row has one label and it fits a page."""
    names = [one.name for one in evaluation.classes]
    pairs = {(c.label, c.predicted): c.rows for c in evaluation.confused}
    labels = [*names, *sorted({label for label, _ in pairs} - set(names))]
    if (
        has_several_labels(evaluation)
        or not 1 < len(labels) <= _MOST_IN_MATRIX
        or len(pairs) >= _MOST_CONFUSED
        or not evaluation.rows
        or (not pairs and evaluation.metrics.get("accuracy") != 1)
    ):
        return None
    supports = {one.name: one.support for one in evaluation.classes}
    rows = []
    for label in labels:
        wrong = sum(n for (own, _), n in pairs.items() if own == label)
        total = max(supports.get(label, wrong), wrong)
        cells = [
            total - wrong if label == name else pairs.get((label, name), 0)
            for name in names
        ]
        rows.append((label, [(n, n / total if total else 0.0) for n in cells]))
    return Confusion(names, rows)


@dataclass(frozen=True)
class Drawn:
    """A curve with the stroke it is drawn with, and the area below it."""

    curve: Curves
    stroke: tuple[str, str]
    mark: str
    area: float


def drawn_curves(evaluation: Evaluation) -> list[Drawn]:
    """Returns the curves, that with the least area first: the only ones with colours.

    Up to four have a stroke each; of more, all but three share a thin one.
    """
    areas = {curve.name: _area(curve) for curve in evaluation.curves}
    whole = evaluation.metrics.get("auc")
    if len(areas) == 2 and whole is not None:
        # Two classes have the same area; that of points in between is a little off.
        areas = dict.fromkeys(areas, whole)
    ordered = sorted(evaluation.curves, key=lambda c: (areas[c.name], c.name))
    distinct = len(STROKES) if len(ordered) <= len(STROKES) else len(STROKES) - 1
    return [
        Drawn(
            curve,
            STROKES[place] if place < distinct else (SOFT, "-"),
            str(place) if place < distinct else "thin",
            areas[curve.name],
        )
        for place, curve in enumerate(ordered)
    ]


def _area(curve: Curves) -> float:
    points = [(0.0, 0.0), *curve.roc, (1.0, 1.0)]
    return sum(
        (x - before_x) * (y + before_y) / 2
        for (before_x, before_y), (x, y) in zip(points, points[1:], strict=False)
    )


def pieces(row: WrongRow) -> Iterator[tuple[str, str]]:
    """Yields the text in pieces, each with the class of its colour or ""."""
    strongest = max((abs(word.weight) for word in row.words), default=0.0)
    end = 0
    for word in row.words:
        found = _spelt(word.token).search(row.text, end, end + _MOST_GAP + 99)
        if found is None or found.start() - end > _MOST_GAP or not found[0]:
            continue
        level = _level(word.weight, strongest)
        if level:
            if found.start() > end:
                yield row.text[end : found.start()], ""
            yield found[0], level
            end = found.end()
        else:
            yield row.text[end : found.end()], ""
            end = found.end()
    if end < len(row.text):
        yield row.text[end:], ""


def _spelt(token: str) -> re.Pattern[str]:
    """Returns the pattern of what the tokenizer makes a token of."""
    if token in _SPELLINGS:
        return re.compile(_SPELLINGS[token])
    parts = (_SPELLINGS.get(c, re.escape(c)) for c in token)
    return re.compile("".join(parts), re.IGNORECASE)


def _level(weight: float, strongest: float) -> str:
    share = abs(weight) / strongest if strongest else 0.0
    if share < _LEAST_SHARE or not math.isfinite(share):
        return ""
    return f"{'for' if weight > 0 else 'against'}-{math.ceil(share * _LEVELS)}"


def strongest(
    words: Sequence[WordWeight], most: int = 4
) -> dict[str, list[WordWeight]]:
    """Returns the words that speak most `for` and most `against` a prediction."""
    most_weight = max((abs(word.weight) for word in words), default=0.0)
    ordered = sorted(
        (
            word
            for word in words
            if _level(word.weight, most_weight) and any(map(str.isalnum, word.token))
        ),
        key=lambda word: -abs(word.weight),
    )
    return {
        "for": [word for word in ordered if word.weight > 0][:most],
        "against": [word for word in ordered if word.weight < 0][:most],
    }


@dataclass(frozen=True)
class TrustStep:
    """What comes of acting on answers of a probability alone.

    Attributes:
        least: The probability.
        rows: Test rows whose answer has it, or more; `share` of all.
        accuracy: Share of these that are right; `interval`: with 95 % confidence.
    """

    least: float
    rows: int
    share: float
    accuracy: float
    interval: Interval


def trust_steps(evaluation: Evaluation) -> list[TrustStep]:
    """Returns the steps from few answers to all; at most eight, none twice."""
    bins = evaluation.bins
    total = max(evaluation.rows, sum(each.rows for each in bins))
    # The likeliest of two classes has at least a half.
    lowest = 1 / max(len(evaluation.classes), 1)
    steps: list[TrustStep] = []
    rows, right = 0, 0
    for each in reversed(bins):
        rows += each.rows
        right += round((each.accuracy or 0.0) * each.rows)
        between = wilson_interval(right, rows)
        if between is not None and (not steps or rows > steps[-1].rows):
            step = TrustStep(
                max(each.low, lowest), rows, rows / total, right / rows, between
            )
            steps.append(step)
    return steps[:_MOST_STEPS]


def chance_error(evaluation: Evaluation) -> float | None:
    """Returns the calibration error to be expected of exact probabilities, or None.

    Of finitely many rows it is above 0: the mean distance of a share of each bin's size
    from its probability, after the normal distribution.
    """
    bins = [each for each in evaluation.bins if each.confidence is not None]
    rows = sum(each.rows for each in bins)
    if not rows:
        return None
    return (
        sum(
            math.sqrt(2 / math.pi * each.rows * confidence * (1 - confidence))
            for each in bins
            if (confidence := each.confidence) is not None
        )
        / rows
    )


def weakest(evaluation: Evaluation, limits: Mapping[str, str]) -> SliceMeasures | None:
    """Returns the slice or third by length that is surely worse than all rows, or None.

    Of several, that with the least accuracy. The more there are, the surer it must be:
    of many, some lie low by chance.

    Args:
        evaluation: Of the model.
        limits: Of the lengths, as `length_limits` returns them.
    """

    def texts_of(third: str) -> str:
        limit = limits.get(third)
        return f"{third} texts ({limit})" if limit else f"{third} texts"

    overall = evaluation.metrics.get(ACCURACY)
    slices = [
        *(
            SliceMeasures(name=texts_of(name), **third.model_dump())
            for name, third in evaluation.by_length.items()
        ),
        *evaluation.slices,
    ]
    judged = [
        (each.accuracy, each)
        for each in slices
        if each.accuracy is not None and each.rows >= _LEAST_ROWS
    ]
    worse = []
    for accuracy, each in judged:
        right = round(accuracy * each.rows)
        between = wilson_interval(right, each.rows, shares=len(judged))
        if overall is not None and between is not None and between[1] < overall:
            worse.append((accuracy, each))
    return min(worse, key=lambda one: one[0], default=(0.0, None))[1]


def length_limits(summary: RunSummary | None) -> dict[str, str]:
    """Returns third of the texts by length -> how many tokens its texts have."""
    told = {}
    for name, (least, most) in (summary.length_limits if summary else {}).items():
        if most is None:
            told[name] = f"{_tokens(least)} and more"
        elif not least:
            told[name] = f"up to {_tokens(most)}" if most else "no token"
        elif least == most:
            told[name] = _tokens(least)
        else:
            told[name] = f"{least:,} to {_tokens(most)}"
    return told


def _tokens(count: int) -> str:
    return f"{count:,} token{'' if count == 1 else 's'}"


def between(interval: Interval) -> str:
    """Returns between which points a change of a share lies, each with its sign."""
    low = high = ""
    for digits in (1, 2, 3):
        low, high = (_points(share, digits) for share in interval)
        # An end that is not 0 does not read so.
        is_plain = all(round(each * 100, digits) or not each for each in interval)
        if low != high and is_plain:
            break
    return f"{low} to {high}"


def _points(share: float, digits: int) -> str:
    points = round(share * 100, digits)
    return f"{points:+.{digits}f}".replace("-", "−") if points else f"{0:.{digits}f}"


def label_shares(
    labels: Mapping[str, Mapping[str, int]],
) -> list[tuple[str, list[int]]]:
    """Returns each label with its rows in each split, the most frequent first."""
    names = dict.fromkeys(name for of_split in labels.values() for name in of_split)
    rows = [(name, [each.get(name, 0) for each in labels.values()]) for name in names]
    return sorted(rows, key=lambda row: (-sum(row[1]), row[0]))
