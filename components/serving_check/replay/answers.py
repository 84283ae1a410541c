"""What must hold for any answer of the model, whatever it was asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

import numpy as np

SUM_TOLERANCE = 1e-3
REPEAT_TOLERANCE = 1e-6


class ModelFault(Exception):
    """The model, not this program, is wrong; the text says in what."""


def check_probabilities(signature: str, answer: Mapping[str, np.ndarray]) -> None:
    """Checks `probabilities`: float32 `[batch, classes]`, in [0, 1], row sums of 1."""
    if "probabilities" not in answer:
        _fail(signature, f"no `probabilities` among {sorted(answer)}")
    values = answer["probabilities"]
    if values.ndim != 2 or values.dtype != np.float32:
        _fail(signature, f"`probabilities` is {values.dtype} {values.shape}")
    if not np.isfinite(values).all():
        _fail(signature, "probabilities are not finite")
    if values.min() < 0 or values.max() > 1 + REPEAT_TOLERANCE:
        _fail(signature, f"probabilities from {values.min()} to {values.max()}")
    off = float(np.abs(values.sum(axis=1) - 1).max())
    if off > SUM_TOLERANCE:
        _fail(signature, f"a row of probabilities is {off:.4g} away from the sum 1")


def check_labels(answer: Mapping[str, np.ndarray]) -> None:
    """Checks that `label` is the likeliest of `classes`, which ties may share."""
    missing = {"label", "classes"} - set(answer)
    if missing:
        _fail("predict_text", f"no {sorted(missing)} among {sorted(answer)}")
    values, classes = answer["probabilities"], answer["classes"]
    if classes.shape != values.shape:
        _fail("predict_text", f"`classes` {classes.shape} is not as {values.shape}")
    for row, label in enumerate(answer["label"]):
        best = classes[row][values[row] >= values[row].max() - REPEAT_TOLERANCE]
        if label not in best:
            _fail("predict_text", f"the label {label!r} is not the likeliest: {best}")


def compare(
    one: Mapping[str, np.ndarray],
    other: Mapping[str, np.ndarray],
    tolerance: float,
    what: str,
) -> None:
    """Checks that what both answers hold is equal, floats within `tolerance`."""
    for name in one.keys() & other.keys():
        a, b = one[name], other[name]
        if a.shape != b.shape:
            raise ModelFault(f"{what}: `{name}` {a.shape} against {b.shape}")
        if a.dtype.kind == "f":
            apart = float(np.abs(a - b).max(initial=0))
            if not apart <= tolerance:
                raise ModelFault(f"{what}: `{name}` differs by {apart:.3g}")
        elif not np.array_equal(a, b):
            raise ModelFault(f"{what}: `{name}` differs")


def _fail(signature: str, what: str) -> NoReturn:
    raise ModelFault(f"`{signature}`: {what}")
