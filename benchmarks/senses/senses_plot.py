"""The plot of a word's vectors: a row for each word, a panel for each layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.senses import svg
from benchmarks.senses.measuring import Occurrences
from benchmarks.senses.sentences import Sense

_PANEL, _HEIGHT, _GAP, _MARGIN = 256, 200, 12, 24


def senses_plot(
    words: dict[str, list[Sense]],
    found: dict[str, Occurrences],
    layer_names: Sequence[str],
) -> str:
    """Draws the principal plane of each word in each layer.

    Args:
        words: The two senses of each word.
        found: Their vectors, by word.
        layer_names: Of the layers, in the order of the vectors.

    Returns:
        An SVG file.
    """
    row_height = _HEIGHT + 60
    parts: list[str] = []
    for row, (word, senses) in enumerate(words.items()):
        top = row * row_height + 20
        parts += _legend(top, senses)
        for column, name in enumerate(layer_names):
            left = _GAP + column * (_PANEL + _GAP)
            parts += _panel(left, top + 10, name, senses, found[word].vectors[column])
    return svg.drawing(
        len(layer_names) * (_PANEL + _GAP) + _GAP,
        len(words) * row_height,
        "Vectors of words in two senses, layer by layer",
        f"For each of {', '.join(words)}: the vectors of its occurrences on their "
        f"first two principal components, in {', '.join(layer_names)}. A disc is the "
        "first sense, a square the second.",
        parts,
    )


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


def numbers_of(senses: Sequence[Sense]) -> list[str]:
    """Returns the numbers of each sense's sentences, such as `1–10` and `11–20`."""
    first = len(senses[0].texts)
    return [f"1–{first}", f"{first + 1}–{first + len(senses[1].texts)}"]


def _legend(top: float, senses: Sequence[Sense]) -> list[str]:
    parts = [svg.text(_GAP, top, senses[0].word, "head")]
    for number, (sense, span) in enumerate(
        zip(senses, numbers_of(senses), strict=True)
    ):
        left = _PANEL + 2 * _GAP + number * (_PANEL + _GAP)
        parts += [
            svg.dot(left + 4, top - 4, number),
            svg.text(left + 14, top, f"{sense.name} ({span})"),
        ]
    return parts


def _panel(
    left: float, top: float, name: str, senses: Sequence[Sense], vectors: np.ndarray
) -> list[str]:
    flat, shares = principal_plane(vectors)
    low, high = flat.min(axis=0), flat.max(axis=0)
    inner = np.array([_PANEL, _HEIGHT]) - 2 * _MARGIN
    # One scale for both axes: distances in the panel are those in the plane.
    spread = np.maximum(high - low, 1e-9)
    scale = min(inner / spread)
    places = (flat - (low + high) / 2) * scale * (1, -1)
    places += (left + _PANEL / 2, top + _HEIGHT / 2)
    texts = [(n, text) for n, sense in enumerate(senses) for text in sense.texts]
    parts = [svg.frame(left, top, _PANEL, _HEIGHT)]
    for (x, y), (number, text) in zip(places, texts, strict=True):
        parts.append(svg.dot(x, y, number, text))
    parts += svg.labels(places)
    under = f"{name}; {shares.sum():.0%} of the variance"
    if not shares.any():
        under = f"{name}; all in one place"
    return [*parts, svg.text(left, top + _HEIGHT + 15, under)]
