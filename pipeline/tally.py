"""Counts from which every measure of a classifier follows, in bounded memory."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pipeline.measures import ClassificationMeasures
from pipeline.score_table import ScoreTable

_CALIBRATION_BINS = 15

# Rows wait until they make up this many numbers, and are then counted together: one
# row at a time spends its time in the start-up of each numpy call.
_WAITING_VALUES = 1 << 16


class ClassificationTally:
    """Counts labelled predictions; tallies of parts merge into that of the whole.

    The area under the curve is exact up to a million scores (see `ScoreTable`), all
    else always.
    A label below 0 or above the last class is one that the model does not know: its
    row is never right. A row with a probability that is not a finite number makes
    every measure NaN, which no threshold accepts.

    Args:
        num_classes: How many classes there are; at least 2.
    """

    def __init__(self, num_classes: int) -> None:
        if num_classes < 2:
            raise ValueError(
                "`num_classes` must be at least 2. "
                f"Received: num_classes={num_classes}\n"
                "hint: the model must give a probability for each class"
            )
        self.num_classes = num_classes
        self._waiting: list[tuple[np.ndarray, np.ndarray]] = []
        self._num_waiting = 0
        # Rows in all, with unknown labels, with invalid predictions.
        self._rows = np.zeros(3, np.int64)
        # For each class: rows predicted rightly, rows predicted, rows with the label.
        self._classes = np.zeros((3, num_classes), np.int64)
        # For each bin: rows, sum of confidences, rows predicted rightly.
        self._bins = np.zeros((3, _CALIBRATION_BINS), np.float64)
        self._scores = ScoreTable(num_classes)

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
        self._waiting.append((labels.astype(np.int64), probabilities))
        self._num_waiting += probabilities.size
        if self._num_waiting >= _WAITING_VALUES:
            self.compact()

    def merge(self, other: ClassificationTally) -> None:
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
        if not self._waiting:
            return
        labels = np.concatenate([labels for labels, _ in self._waiting])  # (rows,)
        scores = np.concatenate([scores for _, scores in self._waiting])  # + (classes)
        self._waiting, self._num_waiting = [], 0
        is_valid = np.isfinite(scores).all(axis=1)
        is_known = (labels >= 0) & (labels < self.num_classes)
        self._rows += [len(labels), (~is_known).sum(), (~is_valid).sum()]
        self._count(
            labels[is_valid], is_known[is_valid], np.clip(scores[is_valid], 0, 1)
        )

    def measures(self) -> ClassificationMeasures:
        """Returns what the counts come to."""
        self.compact()
        rows, unknown_labels, invalid_predictions = map(int, self._rows)
        hits, predicted, support = self._classes.astype(np.float64)
        bin_rows, confidences, bin_hits = self._bins
        gaps = np.abs(confidences - bin_hits)
        # NaN times a share is NaN: one broken prediction spoils them all.
        sound = np.nan if invalid_predictions else 1.0
        f1 = sound * _share(2 * hits, predicted + support)  # (classes,)
        return ClassificationMeasures(
            rows=rows,
            unknown_labels=unknown_labels,
            invalid_predictions=invalid_predictions,
            accuracy=sound * float(_share(hits.sum(), rows)),
            auc=sound * _mean(self._scores.areas()),
            macro_f1=_mean(f1),
            calibration_error=sound * float(_share(gaps.sum(), bin_rows.sum())),
            precision=sound * _share(hits, predicted),
            recall=sound * _share(hits, support),
            f1=f1,
            support=self._classes[2].copy(),
        )

    def _count(
        self, labels: np.ndarray, is_known: np.ndarray, scores: np.ndarray
    ) -> None:
        predicted = scores.argmax(axis=1)  # (rows,)
        is_hit = predicted == labels
        for row, classes in enumerate((labels[is_hit], predicted, labels[is_known])):
            self._classes[row] += np.bincount(classes, minlength=self.num_classes)
        confidence = scores.max(axis=1).astype(np.float64)
        # Bin i holds confidences from i / 15 up to, and without, (i + 1) / 15.
        bins = np.minimum(confidence * _CALIBRATION_BINS, _CALIBRATION_BINS - 1)
        for row, weights in enumerate((None, confidence, is_hit)):
            self._bins[row] += np.bincount(
                bins.astype(np.int64), weights, _CALIBRATION_BINS
            )
        own = labels[:, np.newaxis] == np.arange(self.num_classes)  # (rows, classes)
        self._scores.add(own, scores)


def _share(part: Any, whole: Any) -> np.ndarray:
    """Returns part / whole, NaN where the whole is 0."""
    defined = np.greater(whole, 0)
    return np.where(defined, part / np.where(defined, whole, 1), np.nan)


def _mean(values: np.ndarray) -> float:
    """Returns the mean of those that are defined, NaN if none is."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else math.nan
