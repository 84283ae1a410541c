"""What is measured of a classifier, under which names, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ACCURACY = "accuracy"  # share of the rows whose most probable class is the true one
AUC = "auc"  # area under the ROC curve, one class against the rest, mean over classes
MACRO_F1 = "macro_f1"  # F1, mean over classes
CALIBRATION_ERROR = "calibration_error"  # expected, over 15 equal bins of confidence

MEASURES = (ACCURACY, AUC, MACRO_F1, CALIBRATION_ERROR)

# Of these a smaller value is the better one; of the others a greater one.
LOWER_IS_BETTER = frozenset({CALIBRATION_ERROR})


@dataclass(frozen=True)
class ClassificationMeasures:
    """What a `ClassificationTally` comes to; shares have no unit, NaN is undefined.

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
