"""Logistic regression on features, chosen by the eval texts; how it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

_FILE = "regression.npz"


def fit_best(
    strengths: Sequence[float], train: tuple[Any, Any], evaluate: tuple[Any, Any]
) -> tuple[LogisticRegression, float]:
    """Fits one model for each `C`; returns the best on the eval texts, and its `C`.

    Args:
        strengths: Values of `C`, the inverse of the regularisation's strength; of
            equal ones the first counts.
        train: Features `(texts, width)`, and labels.
        evaluate: The same.
    """
    models = {c: fit(c, *train) for c in strengths}
    best = max(strengths, key=lambda c: models[c].score(*evaluate))
    return models[best], best


def fit(c: float, features: Any, labels: Any) -> LogisticRegression:
    """Returns the model of one `C`."""
    return LogisticRegression(C=c, max_iter=1000).fit(features, labels)


def save(model: LogisticRegression, folder: Path) -> None:
    """Writes the numbers alone: a pickle would be code to whoever loads it."""
    names = ("coef_", "intercept_", "classes_")
    np.savez(folder / _FILE, **{name: getattr(model, name) for name in names})


def load(folder: Path) -> LogisticRegression:
    """Returns what `save` was given."""
    model = LogisticRegression()
    with np.load(folder / _FILE, allow_pickle=False) as arrays:
        for name in arrays:
            setattr(model, name, arrays[name])
    return model
