"""Vectors laid flat: the two directions in which they differ most."""

from __future__ import annotations

import numpy as np


def principal_plane(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Projects `vectors` on their first two principal components.

    Args:
        vectors: `(rows, dim)`.

    Returns:
        Coordinates `(rows, 2)`, and the share of the variance that each of the two
        has, `(2,)`; zeros if the rows are all the same.
    """
    moved = vectors - vectors.mean(axis=0)
    if np.abs(moved).max() <= 1e-5 * np.abs(vectors).max():
        return np.zeros((len(vectors), 2)), np.zeros(2)
    left, sizes, _ = np.linalg.svd(moved, full_matrices=False)
    flat = left[:, :2] * sizes[:2]
    # The sign of a component is arbitrary: the first row lies left and below.
    flat *= np.where(flat[0] > 0, -1, 1)
    return flat, (sizes**2 / np.sum(sizes**2))[:2]
