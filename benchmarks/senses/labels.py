"""Where the labels of points go, so that few of them lie on one another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.senses import svg

_CHAR, _LINE, _RADIUS = 5.2, 8.0, 4.0
# From the point to the label's base line, and the end of the label that lies there.
_OFFSETS = (
    (5, -4, "start"),
    (7, 3, "start"),
    (5, 10, "start"),
    (-5, -4, "end"),
    (-7, 3, "end"),
    (-5, 10, "end"),
    (0, -7, "middle"),
    (0, 14, "middle"),
)
_SHIFTS = {"start": 0.0, "middle": 0.5, "end": 1.0}


def labels(places: np.ndarray) -> list[str]:
    """Numbers points from 1 on; those in one place share a label.

    Args:
        places: `(points, 2)`, in the units of the drawing.

    Returns:
        SVG elements.
    """
    together: dict[tuple[float, ...], list[int]] = {}
    for number, place in enumerate(places, 1):
        together.setdefault(tuple(np.round(place)), []).append(number)
    points = np.array([places[numbers[0] - 1] for numbers in together.values()])
    taken = np.concatenate([points - _RADIUS, points + _RADIUS], axis=1)
    drawn = []
    for (x, y), numbers in zip(points, together.values(), strict=True):
        words = joined(numbers)
        boxes = np.array([_box(x, y, words, *offset) for offset in _OFFSETS])
        best = int(np.argmin([_overlap(box, taken) for box in boxes]))
        taken = np.concatenate([taken, boxes[best : best + 1]])
        across, down, anchor = _OFFSETS[best]
        drawn.append(svg.text(x + across, y + down, words, "small", anchor))
    return drawn


def joined(numbers: Sequence[int]) -> str:
    """Gives `1–20` for many numbers without a gap, else `3, 7`."""
    first, last = numbers[0], numbers[-1]
    if len(numbers) > 2 and last - first == len(numbers) - 1:
        return f"{first}–{last}"
    return ", ".join(map(str, numbers))


def _box(
    x: float, y: float, words: str, across: float, down: float, anchor: str
) -> tuple[float, float, float, float]:
    """Gives left, top, right and bottom of a label."""
    width = len(words) * _CHAR
    left = x + across - _SHIFTS[anchor] * width
    return left, y + down - _LINE, left + width, y + down


def _overlap(box: np.ndarray, taken: np.ndarray) -> float:
    """Gives the area that `box` `(4,)` shares with the boxes `taken` `(n, 4)`."""
    sides = np.minimum(box[2:], taken[:, 2:]) - np.maximum(box[:2], taken[:, :2])
    return float(np.prod(np.maximum(sides, 0.0), axis=1).sum())
