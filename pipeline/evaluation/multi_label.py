"""The measures of a classifier that gives a text any number of labels.

They have the names of those where a text has one, and mean what comes nearest to them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.evaluation.measures import (
    CALIBRATION_BINS,
    WAITING_VALUES,
    ClassificationMeasures,
    ScoreTable,
    mean_defined,
    share,
)


class MultiLabelTally:
    """Counts rows with any number of labels; tallies of parts merge into the whole.

    Its measures: `accuracy` is the share of rows whose chosen labels are exactly the
    true ones. `auc` and `macro_f1` are means over the labels, `micro_f1` is that of all
    decisions together. `calibration_error` is over all probabilities, one a row and
    label: how far they are from the share of rows that have the label.

    A label that the model does not know makes its row wrong. A row with a probability
    that is not a finite number makes every measure NaN.

    Args:
        num_classes: How many labels there are; at least 2.
    """

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        # Rows in all, with unknown labels, with invalid predictions, wholly right.
        self._rows = np.zeros(4, np.int64)
        # For each label: rows where it is chosen rightly, chosen, true.
        self._classes = np.zeros((3, num_classes), np.int64)
        # For each bin: probabilities, their sum, those of true labels.
        self._bins = np.zeros((3, CALIBRATION_BINS), np.float64)
        self._scores = ScoreTable(num_classes)
        self._waiting: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._num_waiting = 0

    def add(self, labels: Any, probabilities: Any, chosen: Any) -> None:
        """Counts some rows.

        Args:
            labels: int `(rows, classes + 1)`: 1 at the true labels, at the end if there
                is one that the model does not know.
            probabilities: float `(rows, classes)`.
            chosen: bool `(rows, classes)`.

        Raises:
            ValueError: The shapes do not fit each other or the number of classes.
        """
        arrays = (
            np.asarray(labels).astype(bool),
            np.asarray(probabilities, np.float32),
            np.asarray(chosen).astype(bool),
        )
        rows = arrays[0].shape[:1]
        width = self.num_classes
        expected = [(*rows, width + 1), (*rows, width), (*rows, width)]
        shapes = [array.shape for array in arrays]
        if shapes != expected:
            raise ValueError(
                f"`labels` must be (rows, {width + 1}), `probabilities` and `chosen` "
                f"(rows, {width}). Received: {', '.join(map(str, shapes))}"
            )
        self._waiting.append(arrays)
        self._num_waiting += arrays[1].size
        if self._num_waiting >= WAITING_VALUES:
            self.compact()

    def merge(self, other: MultiLabelTally) -> None:
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
        labels, scores, chosen = map(np.concatenate, zip(*self._waiting, strict=True))
        self._waiting, self._num_waiting = [], 0
        own, is_unknown = labels[:, :-1], labels[:, -1]
        is_valid = np.isfinite(scores).all(axis=1)
        is_right = is_valid & ~is_unknown & (own == chosen).all(axis=1)
        self._rows += [len(own), is_unknown.sum(), (~is_valid).sum(), is_right.sum()]
        own, chosen = own[is_valid], chosen[is_valid]
        scores = np.clip(scores[is_valid], 0, 1)
        self._classes += [each.sum(axis=0) for each in (own & chosen, chosen, own)]
        flat = scores.ravel().astype(np.float64)
        bins = np.minimum(flat * CALIBRATION_BINS, CALIBRATION_BINS - 1)
        for row, weights in enumerate((None, flat, own.ravel())):
            self._bins[row] += np.bincount(
                bins.astype(np.int64), weights, CALIBRATION_BINS
            )
        self._scores.add(own, scores)

    def measures(self) -> ClassificationMeasures:
        """Returns the measures of all rows counted."""
        self.compact()
        rows, unknown_labels, invalid_predictions, right = map(int, self._rows)
        hits, chosen, support = self._classes.astype(np.float64)
        number, scores, true = self._bins
        # NaN times a share is NaN: one broken prediction makes all undefined.
        sound = np.nan if invalid_predictions else 1.0
        f1 = sound * share(2 * hits, chosen + support)  # (classes,)
        return ClassificationMeasures(
            rows=rows,
            unknown_labels=unknown_labels,
            invalid_predictions=invalid_predictions,
            accuracy=sound * float(share(right, rows)),
            auc=sound * mean_defined(self._scores.areas()),
            macro_f1=mean_defined(f1),
            calibration_error=sound
            * float(share(np.abs(scores - true).sum(), number.sum())),
            precision=sound * share(hits, chosen),
            recall=sound * share(hits, support),
            f1=f1,
            support=self._classes[2].copy(),
            micro_f1=sound * float(share(2 * hits.sum(), (chosen + support).sum())),
        )
