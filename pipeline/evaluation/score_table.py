"""How often a classifier gives each score: areas under curves, and the curves."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# A score's place goes by the bits of its distance from the nearer of 0 and 1, as
# float32: 126 doublings from the least normal number to 1, 125 of them up to 0.5.
_LEAST_SCORE = np.float32(2.0**-126)
_DOUBLINGS = 125
_FLOAT32_DIGITS = 23

# Bound of the table: 2^20 keys and counts of 8 bytes each, 16 MiB.
_MAX_ENTRIES = 1 << 20


class Curve(NamedTuple):
    """One class against the rest, from the strictest threshold to the mildest.

    Attributes:
        roc: False and true positive rate, from (0, 0) to (1, 1).
        precision_recall: Recall and precision.
    """

    roc: list[tuple[float, float]]
    precision_recall: list[tuple[float, float]]


class ScoreTable:
    """Counts each score of each class, its own rows apart from those of others.

    Areas are exact as long as there are at most 2^20 different scores, summed over the
    classes: for two classes, that is half a million rows. Whenever there are more,
    one binary digit of all scores is dropped, of the 23 that float32 has. Scores that
    then fall together count as equal, so an area is wrong by at most half the share
    of such pairs of an own and another row. It does not matter in which order rows
    are added and tables merged: the whole needs the fewest digits of all.

    Args:
        num_classes: How many classes there are; at least 1.
    """

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        self.digits = _FLOAT32_DIGITS
        # Key: 2 * (class * places per class + place) + (1 for a row of the class).
        self._keys = np.zeros(0, np.int64)
        self._counts = np.zeros(0, np.int64)

    def add(self, own: np.ndarray, scores: np.ndarray) -> None:
        """Counts some rows.

        Args:
            own: bool `(rows, classes)`, whether the row is one of the class.
            scores: float32 `(rows, classes)`, between 0 and 1.
        """
        is_low = scores <= 0.5
        distance = np.where(is_low, scores, np.float32(1) - scores)  # exact
        distance = np.maximum(distance, _LEAST_SCORE).astype(np.float32)
        # The bits of positive floats rise with their value.
        steps = (distance.view(np.int32) - _LEAST_SCORE.view(np.int32)).astype(np.int64)
        steps >>= _FLOAT32_DIGITS - self.digits
        classes = np.broadcast_to(np.arange(self.num_classes), scores.shape)
        keys = self._key_of(classes, steps, is_low, own)
        self._add(np.ravel(keys), np.ones(keys.size, np.int64))

    def merge(self, other: ScoreTable) -> None:
        """Adds what `other` counted; it must have as many classes."""
        other = copy.copy(other)  # arrays are replaced, never changed
        while self.digits > other.digits:
            self._drop_digit()
        while other.digits > self.digits:
            other._drop_digit()
        self._add(other._keys, other._counts)

    def areas(self) -> np.ndarray:
        """Returns float64 `(classes,)`; NaN for a class with no or only own rows."""
        class_of, own, rest = self._places()
        own_rows = np.bincount(class_of, own, self.num_classes)
        rest_rows = np.bincount(class_of, rest, self.num_classes)
        # Others below: those of the same class only, hence less what came before it.
        before = np.cumsum(rest_rows) - rest_rows
        below = np.cumsum(rest) - rest - before[class_of]
        won = np.bincount(class_of, own * (below + rest / 2), self.num_classes)
        pairs = own_rows * rest_rows
        defined = pairs > 0
        return np.where(defined, won / np.where(defined, pairs, 1), np.nan)

    def curves(self, classes: Sequence[int], points: int) -> dict[int, Curve]:
        """Returns class -> its curves, from the strictest threshold to the mildest.

        A curve with more points than asked for is thinned: the points that are left
        are exact, and lie about as far from each other.

        Args:
            classes: A class with no or only own rows has no curves.
            points: Most points of a curve; at least 3.
        """
        class_of, own, rest = self._places()
        curves = {}
        for each in classes:
            start, end = np.searchsorted(class_of, [each, each + 1])
            true = np.cumsum(own[start:end][::-1])
            false = np.cumsum(rest[start:end][::-1])
            if start == end or not true[-1] or not false[-1]:
                continue
            recall, fall_out = true / true[-1], false / false[-1]
            precision = true / (true + false)
            curves[each] = Curve(
                _roc(fall_out, recall, points), _pr(recall, precision, points)
            )
        return curves

    def _places(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns class, own rows and other rows of each place, ascending by both."""
        places, where = np.unique(self._keys >> 1, return_inverse=True)
        is_own = (self._keys & 1).astype(bool)
        size = len(places)
        own = np.bincount(where[is_own], self._counts[is_own], size)
        rest = np.bincount(where[~is_own], self._counts[~is_own], size)
        return places // (2 * self._half()), own, rest

    def _half(self) -> int:
        """Places of a class from 0 to 0.5; as many, in mirror image, go on to 1."""
        return (_DOUBLINGS << self.digits) + 1

    def _key_of(
        self,
        classes: np.ndarray,
        steps: np.ndarray,
        is_low: np.ndarray,
        own: np.ndarray,
    ) -> np.ndarray:
        span = 2 * self._half()
        return 2 * (classes * span + np.where(is_low, steps, span - 1 - steps)) + own

    def _add(self, keys: np.ndarray, counts: np.ndarray) -> None:
        self._keys = np.concatenate([self._keys, keys])
        self._counts = np.concatenate([self._counts, counts])
        self._sum_equal_keys()
        while len(self._keys) > _MAX_ENTRIES and self.digits > 0:
            self._drop_digit()

    def _sum_equal_keys(self) -> None:
        self._keys, where = np.unique(self._keys, return_inverse=True)
        # Sums of counts are exact in float64 up to 2^53.
        counts = np.bincount(where, self._counts, len(self._keys))
        self._counts = counts.astype(np.int64)

    def _drop_digit(self) -> None:
        span = 2 * self._half()
        classes, places = np.divmod(self._keys >> 1, span)
        is_low = places < self._half()
        steps = np.where(is_low, places, span - 1 - places) >> 1
        self.digits -= 1
        self._keys = self._key_of(classes, steps, is_low, self._keys & 1)
        self._sum_equal_keys()


def _roc(fall_out: np.ndarray, recall: np.ndarray, points: int) -> list:
    fall_out, recall = np.append(0, fall_out), np.append(0, recall)
    ways = np.linspace(0, 2, points)  # from (0, 0) to (1, 1), along the axes
    chosen = np.unique(np.searchsorted(fall_out + recall, ways))
    return _rounded(fall_out[chosen], recall[chosen])


def _pr(recall: np.ndarray, precision: np.ndarray, points: int) -> list:
    # Of the thresholds with the same recall, the strictest has the best precision.
    steps = np.searchsorted(recall, np.linspace(0, 1, points - 1))
    chosen = np.unique(np.append(steps, len(recall) - 1))
    return _rounded(recall[chosen], precision[chosen])


def _rounded(x: np.ndarray, y: np.ndarray) -> list[tuple[float, float]]:
    return list(zip(x.round(6).tolist(), y.round(6).tolist(), strict=True))
