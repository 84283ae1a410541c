"""From which probability on a model is sure, by the eval split."""

from __future__ import annotations

import dataclasses
import logging
import math

import numpy as np
from scipy.stats import beta

_LOGGER = logging.getLogger(__name__)

NEVER = 2.0
"""A threshold that no probability reaches."""

_SAME = 1e-6
_CHANCE_OF_LUCK = 0.05  # with which a threshold's precision is only that of eval


@dataclasses.dataclass(frozen=True)
class Certain:
    """From which probability on a model is sure.

    Attributes:
        precision: What was asked for: share of its sure answers that are right.
        threshold: The probability; `NEVER`: the eval split has no evidence of any.
        coverage: Share of the eval texts that it is sure of.
    """

    precision: float
    threshold: float
    coverage: float


def certain_from(
    probabilities: np.ndarray, labels: np.ndarray, precision: float
) -> Certain:
    """Returns the least probability from which on the answers are precise enough.

    They must be evidence of it: the lower end of the one-sided 95 % interval of their
    precision (Clopper and Pearson 1934) must reach `precision`. If only the share of
    right ones had to, more than half of all eval splits would give a threshold with
    too little precision on other texts; so, about one in twenty does. Stricter bounds
    (Geifman and El-Yaniv 2017, arXiv:1705.08500) leave far more texts unsure.

    Args:
        probabilities: float `(texts, classes)`, calibrated.
        labels: int `(texts,)`.
        precision: Above 0 and below 1.
    """
    confidence = probabilities.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    confidence = confidence[order]
    is_right = (probabilities.argmax(axis=1) == labels)[order]
    answered = np.arange(1, len(order) + 1)
    right = np.cumsum(is_right)
    # At 0 right ones the interval begins at 0, where scipy returns NaN.
    least = beta.ppf(_CHANCE_OF_LUCK, np.maximum(right, 1), answered - right + 1)
    # A threshold cannot part texts of the same confidence. In another batch a text
    # may get another sixth digit.
    is_end = np.append(confidence[:-1] - confidence[1:] > _SAME, True)
    enough = np.flatnonzero((right > 0) & (least >= precision) & is_end)
    if not len(enough):
        _LOGGER.warning(
            "No probability has a precision of %s on the eval split of %d texts, with "
            "enough of them as evidence: the model will say of every text that it is "
            "unsure. It takes at least %d texts, all of them right",
            precision,
            len(order),
            math.ceil(math.log(_CHANCE_OF_LUCK) / math.log(precision)),
        )
        return Certain(precision, NEVER, 0.0)
    last = int(enough[-1])
    threshold = 0.0  # all texts
    if last + 1 < len(order):
        threshold = float(confidence[last] + confidence[last + 1]) / 2
    return Certain(precision, threshold, (last + 1) / len(order))
