"""From which probability on a text has a label, where it may have several.

A threshold for each label: with one for all, a rare label would hardly ever be chosen,
as a network gives it low probabilities throughout.
"""

from __future__ import annotations

import numpy as np

DEFAULT = 0.5
"""The threshold of a label of which no text is known."""

# A few texts alone could push a threshold to where nearly all, or no, texts have it.
LEAST, MOST = 0.05, 0.95


def best_thresholds(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns for each label the threshold with the highest F1.

    It lies in the middle between two neighbouring probabilities, and from `LEAST` to
    `MOST`. Of several with the same F1 it is the one nearest to `DEFAULT`, which is
    also that of a label that no text has.

    Args:
        probabilities: float `(texts, labels)`, from 0 to 1.
        labels: `(texts, labels)`, 1 where a text has a label, else 0.

    Returns:
        float32 `(labels,)`.
    """
    columns = zip(probabilities.T, labels.T, strict=True)
    return np.array([_best(*column) for column in columns], np.float32)


def _best(scores: np.ndarray, is_own: np.ndarray) -> float:
    own_texts = int(is_own.sum())
    if not own_texts:
        return DEFAULT
    order = np.argsort(scores, kind="stable")
    scores = scores[order].astype(np.float64)
    own_below = np.concatenate([[0], np.cumsum(is_own[order], dtype=np.int64)])
    middles = (scores[1:] + scores[:-1]) / 2
    candidates = np.concatenate([middles, [LEAST, DEFAULT, MOST]])
    candidates = np.unique(np.clip(candidates, LEAST, MOST).astype(np.float32))
    below = np.searchsorted(scores, candidates)  # texts without the label
    hits = own_texts - own_below[below]
    f1 = 2 * hits / (own_texts + len(scores) - below)
    best = candidates[f1 >= f1.max() - 1e-12]
    return float(best[np.abs(best - DEFAULT).argmin()])
