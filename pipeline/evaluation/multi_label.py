"""The measures of a classifier that gives a text any number of labels.

They have the names of those where a text has one, and mean what comes nearest to them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.evaluation.measures import ClassificationMeasures, Tally, share


class MultiLabelTally(Tally):
    """Counts labelled predictions, of which each row has any number of labels.

    Its measures: `accuracy` is the share of rows whose chosen labels are exactly the
    true ones. `auc` and `macro_f1` are means over the labels, `micro_f1` is that of all
    decisions together. `calibration_error` is over all probabilities, one a row and
    label: how far they are from the share of rows that have the label.

    A label that the model does not know makes its row wrong.

    Args:
        num_classes: How many labels there are; at least 2.
    """

    _NUM_COUNTERS = 4  # the last: rows wholly right

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
        self._wait(arrays[1], arrays[0], arrays[2])

    def measures(self) -> ClassificationMeasures:
        """Returns the measures of all rows counted."""
        self.compact()
        hits, chosen, support = self._classes.sum(axis=1)
        micro_f1 = float(share(2 * hits, chosen + support))
        return self._measures(right=self._rows[-1], micro_f1=micro_f1)

    def _count(self, *arrays: np.ndarray) -> None:
        scores, labels, chosen = arrays
        own, is_unknown = labels[:, :-1], labels[:, -1]
        is_valid = np.isfinite(scores).all(axis=1)
        is_right = is_valid & ~is_unknown & (own == chosen).all(axis=1)
        self._rows += [len(own), is_unknown.sum(), (~is_valid).sum(), is_right.sum()]
        own, chosen = own[is_valid], chosen[is_valid]
        scores = np.clip(scores[is_valid], 0, 1)
        self._classes += [each.sum(axis=0) for each in (own & chosen, chosen, own)]
        self._count_confidences(scores.ravel(), own.ravel())
        self._scores.add(own, scores)
