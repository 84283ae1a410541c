"""The measures of a classifier, from counts that fit in bounded memory.

Rows are added to a `Tally` of their kind, tallies of parts of the data are merged, and
`measures()` of the whole is the same in whatever order that happened.
"""

from __future__ import annotations

import abc
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from pipeline.evaluation.score_table import Curve, ScoreTable

ACCURACY = "accuracy"  # share of the rows whose most probable class is the true one
AUC = "auc"  # area under the ROC curve, one class against the rest, mean over classes
MACRO_F1 = "macro_f1"  # F1, mean over classes
CALIBRATION_ERROR = "calibration_error"  # expected, over 15 equal bins of confidence

MICRO_F1 = "micro_f1"  # of all decisions together; only where a row has several labels

MEASURES = (ACCURACY, AUC, MACRO_F1, CALIBRATION_ERROR)

# Share of the rows that the model answers; only where it may say that it is unsure.
COVERAGE = "coverage"

# What may have a threshold.
JUDGED = (*MEASURES, COVERAGE)

# A smaller value of these is the better one; of the others, a greater one.
LOWER_IS_BETTER = frozenset({CALIBRATION_ERROR})

_CALIBRATION_BINS = 15

# Of a normal distribution, 95 % lie so many standard deviations around the mean.
_DEVIATIONS = statistics.NormalDist().inv_cdf(0.975)

# Rows wait until they make up this many numbers and are then counted together: row by
# row, most time would go into the start of each numpy call.
_WAITING_VALUES = 1 << 16


@dataclass(frozen=True)
class ClassificationMeasures:
    """What a `ClassificationTally` amounts to; shares have no unit, NaN: undefined.

    Attributes:
        rows: Rows counted, all of those below included.
        unknown_labels: Rows with a label that the model does not know.
        invalid_predictions: Rows with a probability that is not a finite number. If
            there is one, all shares are NaN.
        accuracy: As `MEASURES` says, and so the next three.
        auc: Classes without a row, or with all rows, are left out of the mean.
        macro_f1: Classes that are neither a label nor predicted are left out.
        calibration_error: Mean distance of confidence from accuracy.
        precision: float64 `(classes,)`, NaN where the class is never predicted.
        recall: float64 `(classes,)`, NaN where the class is never the label.
        f1: float64 `(classes,)`, NaN where it is neither.
        support: int64 `(classes,)`, rows with this label.
        predicted: int64 `(classes,)`, rows that were given this label.
        micro_f1: NaN where a row has one label: it would be the accuracy.
    """

    rows: int
    unknown_labels: int
    invalid_predictions: int
    accuracy: float
    auc: float
    macro_f1: float
    calibration_error: float
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    support: np.ndarray
    predicted: np.ndarray
    micro_f1: float = math.nan


_Same = TypeVar("_Same", bound="Tally")


class Tally(abc.ABC):
    """Counts predictions; tallies of parts merge into that of the whole.

    The area under the curve is exact up to a million scores (see `ScoreTable`), all
    else always. A row with a probability that is not a finite number makes every
    measure NaN, which no threshold accepts.

    A subclass has `add`, which calls `_wait`; `_count`; and `measures`.

    Args:
        num_classes: How many classes there are; at least 2.
    """

    _NUM_COUNTERS = 3

    def __init__(self, num_classes: int) -> None:
        if num_classes < 2:
            raise ValueError(
                "`num_classes` must be at least 2. "
                f"Received: num_classes={num_classes}\n"
                "hint: the model must give a probability for each class"
            )
        self.num_classes = num_classes
        self._waiting: list[tuple[np.ndarray, ...]] = []
        self._num_waiting = 0
        # Rows in all, with unknown labels, with invalid predictions.
        self._rows = np.zeros(self._NUM_COUNTERS, np.int64)
        # For each class: rows predicted rightly, rows predicted, rows with the label.
        self._classes = np.zeros((3, num_classes), np.int64)
        # For each bin: confidences, their sum, those that are right.
        self._bins = np.zeros((3, _CALIBRATION_BINS), np.float64)
        self._scores = ScoreTable(num_classes)

    def merge(self: _Same, other: _Same) -> None:
        """Adds what `other` counted.

        Raises:
            ValueError: `other` is for another number of classes.
        """
        if other.num_classes != self.num_classes:
            raise ValueError(
                f"`other` must be for {self.num_classes} classes. "
                f"Received: num_classes={other.num_classes}"
            )
        self.compact()
        other.compact()
        self._rows += other._rows
        self._classes += other._classes
        self._bins += other._bins
        self._scores.merge(other._scores)

    def compact(self) -> None:
        """Counts the rows that wait, so that nothing but counts is left."""
        if self._waiting:
            arrays = map(np.concatenate, zip(*self._waiting, strict=True))
            self._waiting, self._num_waiting = [], 0
            self._count(*arrays)

    def bins(self) -> np.ndarray:
        """Returns float64 `(bins, 3)`: confidences, their sum, those that are right.

        Bin i holds confidences from i / bins up to, and without, (i + 1) / bins; the
        last one also 1.
        """
        self.compact()
        return self._bins.T.copy()

    def curves(self, classes: Sequence[int], points: int) -> dict[int, Curve]:
        """Returns class -> its curves; see `ScoreTable.curves`."""
        self.compact()
        return self._scores.curves(classes, points)

    def _wait(self, probabilities: np.ndarray, *others: np.ndarray) -> None:
        """Keeps some rows, of which many are counted together."""
        self._waiting.append((probabilities, *others))
        self._num_waiting += probabilities.size
        if self._num_waiting >= _WAITING_VALUES:
            self.compact()

    @abc.abstractmethod
    def measures(self) -> ClassificationMeasures:
        """Returns the measures of all rows counted."""

    @abc.abstractmethod
    def _count(self, *arrays: np.ndarray) -> None:
        """Counts the rows of all that `_wait` was given."""

    def _count_confidences(self, confidence: np.ndarray, is_hit: np.ndarray) -> None:
        """Counts probabilities `(n,)`, and whether what they were given to is true."""
        confidence = confidence.astype(np.float64)
        bins = np.minimum(confidence * _CALIBRATION_BINS, _CALIBRATION_BINS - 1)
        for row, weights in enumerate((None, confidence, is_hit)):
            self._bins[row] += np.bincount(
                bins.astype(np.int64), weights, _CALIBRATION_BINS
            )

    def _measures(
        self, right: int, micro_f1: float = math.nan
    ) -> ClassificationMeasures:
        rows, unknown_labels, invalid_predictions = map(int, self._rows[:3])
        hits, predicted, support = self._classes.astype(np.float64)
        in_bin, confidences, bin_hits = self._bins
        gaps = np.abs(confidences - bin_hits)
        # NaN times a share is NaN: one broken prediction makes all undefined.
        sound = np.nan if invalid_predictions else 1.0
        f1 = sound * share(2 * hits, predicted + support)  # (classes,)
        return ClassificationMeasures(
            rows=rows,
            unknown_labels=unknown_labels,
            invalid_predictions=invalid_predictions,
            accuracy=sound * float(share(right, rows)),
            auc=sound * _mean_defined(self._scores.areas()),
            macro_f1=_mean_defined(f1),
            calibration_error=sound * float(share(gaps.sum(), in_bin.sum())),
            precision=sound * share(hits, predicted),
            recall=sound * share(hits, support),
            f1=f1,
            support=self._classes[2].copy(),
            predicted=self._classes[1].copy(),
            micro_f1=sound * micro_f1,
        )


class ClassificationTally(Tally):
    """Counts labelled predictions, of which each row has one label.

    A label below 0 or above the last class is one that the model does not know: its row
    is never right.

    Args:
        num_classes: How many classes there are; at least 2.
    """

    def add(self, labels: Any, probabilities: Any) -> None:
        """Counts some rows.

        Args:
            labels: int `(rows,)`, the true classes.
            probabilities: float `(rows, classes)`.

        Raises:
            ValueError: The shapes do not fit each other or the number of classes.
        """
        labels = np.asarray(labels)
        probabilities = np.asarray(probabilities, np.float32)
        if probabilities.shape != (*labels.shape, self.num_classes) or labels.ndim != 1:
            raise ValueError(
                "`labels` must be (rows,) and `probabilities` "
                f"(rows, {self.num_classes}). "
                f"Received: {labels.shape} and {probabilities.shape}"
            )
        self._wait(probabilities, labels.astype(np.int64))

    def measures(self) -> ClassificationMeasures:
        """Returns the measures of all rows counted."""
        self.compact()
        return self._measures(right=self._classes[0].sum())

    def _count(self, *arrays: np.ndarray) -> None:
        scores, labels = arrays  # (rows, classes) and (rows,)
        is_valid = np.isfinite(scores).all(axis=1)
        is_known = (labels >= 0) & (labels < self.num_classes)
        self._rows += [len(labels), (~is_known).sum(), (~is_valid).sum()]
        labels, is_known = labels[is_valid], is_known[is_valid]
        scores = np.clip(scores[is_valid], 0, 1)
        predicted = scores.argmax(axis=1)  # (rows,)
        is_hit = predicted == labels
        for row, classes in enumerate((labels[is_hit], predicted, labels[is_known])):
            self._classes[row] += np.bincount(classes, minlength=self.num_classes)
        self._count_confidences(scores.max(axis=1), is_hit)
        own = labels[:, np.newaxis] == np.arange(self.num_classes)  # (rows, classes)
        self._scores.add(own, scores)


def share(part: Any, whole: Any) -> np.ndarray:
    """Returns part / whole, NaN where the whole is 0."""
    defined = np.greater(whole, 0)
    return np.where(defined, part / np.where(defined, whole, 1), np.nan)


def wilson_interval(
    hits: int, rows: int, *, shares: int = 1
) -> tuple[float, float] | None:
    """Returns between which values a share lies with 95 % confidence.

    Wilson's interval, without correction for continuity; None where there is no row.

    Args:
        hits: Rows that count for the share.
        rows: Rows in all.
        shares: Of how many shares all shall lie within theirs (after Bonferroni).
    """
    if rows == 0:
        return None
    deviations = statistics.NormalDist().inv_cdf(1 - 0.025 / shares)
    part = deviations**2 / rows
    center = (hits / rows + part / 2) / (1 + part)
    spread = hits / rows * (1 - hits / rows) / rows + part / (4 * rows)
    half = deviations * math.sqrt(spread) / (1 + part)
    # Exact at the ends, where rounding would leave 1e-17 or so.
    low = 0.0 if hits == 0 else center - half
    high = 1.0 if hits == rows else center + half
    return low, high


def change_interval(gained: int, lost: int, rows: int) -> tuple[float, float] | None:
    """Returns between which values the change of a share lies with 95 % confidence.

    For two models on the same rows: Wald's interval of a matched difference, with half
    a row added to each of the four counts. None where there is no row.

    Args:
        gained: Rows that only the new model gets right.
        lost: Rows that only the old one gets right.
        rows: Rows in all.

    Source: Agresti & Min 2005, "Simple improved confidence intervals for comparing
        matched proportions", Statistics in Medicine 24.
    """
    if rows == 0:
        return None
    more, fewer, total = gained + 0.5, lost + 0.5, rows + 2
    change = (more - fewer) / total
    spread = more + fewer - (more - fewer) ** 2 / total
    half = _DEVIATIONS * math.sqrt(spread) / total
    return max(-1.0, change - half), min(1.0, change + half)


def _mean_defined(values: np.ndarray) -> float:
    """Returns the mean of those that are defined, NaN if none is."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else math.nan
