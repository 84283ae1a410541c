"""Drawings as SVG, readable on a light and on a dark page, and labels of points."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

_STYLE = """\
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.small { font-size: 9px }
.head { font-weight: bold }
.page { fill: #ffffff }
.line { fill: none; stroke: #8c959f }
.first { fill: #0969da }
.second { fill: #bc4c00 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .page { fill: #0d1117 }
  .line { stroke: #6e7681 }
  .first { fill: #58a6ff }
  .second { fill: #ffa657 }
}"""
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


def drawing(width: int, height: int, title: str, desc: str, parts: list[str]) -> str:
    """Returns the file: `parts` on a page of `width` times `height`."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img" '
            'aria-labelledby="title desc">',
            f'<title id="title">{escape(title)}</title>',
            f'<desc id="desc">{escape(desc)}</desc>',
            f"<style>\n{_STYLE}\n</style>",
            f'<rect class="page" width="{width}" height="{height}"/>',
            *parts,
            "</svg>\n",
        ]
    )


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    """Returns words whose base line is at `y`."""
    style = f' class="{kind}"' if kind else ""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f"<text{style} {place}>{escape(words)}</text>"


def frame(x: float, y: float, width: float, height: float) -> str:
    """Returns an empty rectangle."""
    place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect class="line" {place}/>'


def dot(x: float, y: float, number: int, tip: str = "") -> str:
    """Returns a mark of group 0, a disc, or of group 1, a square; `tip` says what."""
    about = f"<title>{escape(tip)}</title>" if tip else ""
    if number == 0:
        return f'<circle class="first" cx="{x:.1f}" cy="{y:.1f}" r="4">{about}</circle>'
    place = f'x="{x - 3.5:.1f}" y="{y - 3.5:.1f}" width="7" height="7"'
    return f'<rect class="second" {place}>{about}</rect>'


def path(points: list[tuple[float, float]]) -> str:
    """Returns a line through points."""
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class="line" points="{joined}"/>'


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
        drawn.append(text(x + across, y + down, words, "small", anchor))
    return drawn


def joined(numbers: Sequence[int]) -> str:
    """Returns `1–20` for many numbers without a gap, else `3, 7`."""
    first, last = numbers[0], numbers[-1]
    if len(numbers) > 2 and last - first == len(numbers) - 1:
        return f"{first}–{last}"
    return ", ".join(map(str, numbers))


def _box(
    x: float, y: float, words: str, across: float, down: float, anchor: str
) -> tuple[float, float, float, float]:
    """Returns left, top, right and bottom of a label."""
    width = len(words) * _CHAR
    left = x + across - _SHIFTS[anchor] * width
    return left, y + down - _LINE, left + width, y + down


def _overlap(box: np.ndarray, taken: np.ndarray) -> float:
    """Returns the area that `box` `(4,)` shares with the boxes `taken` `(n, 4)`."""
    sides = np.minimum(box[2:], taken[:, 2:]) - np.maximum(box[:2], taken[:, :2])
    return float(np.prod(np.maximum(sides, 0.0), axis=1).sum())
