"""Drawings as SVG, readable on a light and on a dark page."""

from __future__ import annotations

from html import escape

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


def drawing(width: int, height: int, title: str, desc: str, parts: list[str]) -> str:
    """Gives the file: `parts` on a page of `width` times `height`."""
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
    """Gives words whose base line is at `y`."""
    style = f' class="{kind}"' if kind else ""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f"<text{style} {place}>{escape(words)}</text>"


def frame(x: float, y: float, width: float, height: float) -> str:
    """Gives an empty rectangle."""
    place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect class="line" {place}/>'


def dot(x: float, y: float, number: int, tip: str = "") -> str:
    """Gives a mark of group 0, a disc, or of group 1, a square; `tip` says what."""
    about = f"<title>{escape(tip)}</title>" if tip else ""
    if number == 0:
        return f'<circle class="first" cx="{x:.1f}" cy="{y:.1f}" r="4">{about}</circle>'
    place = f'x="{x - 3.5:.1f}" y="{y - 3.5:.1f}" width="7" height="7"'
    return f'<rect class="second" {place}>{about}</rect>'


def path(points: list[tuple[float, float]]) -> str:
    """Gives a line through points."""
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class="line" points="{joined}"/>'
