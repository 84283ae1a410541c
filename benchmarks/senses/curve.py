"""The learning curve that the embedded model's card tells, and its drawing."""

from __future__ import annotations

from benchmarks.senses import svg
from benchmarks.session import BenchmarkError

TOKENS, BOTH, HELD_OUT = "tokens", "both", "held out"
_SECTION = "## Held-out perplexity"
_WIDTH, _HEIGHT, _MARGIN = 560, 280, 44


def read_curve(card: str) -> list[dict[str, str]]:
    """Reads the table of the section on held-out perplexity.

    Args:
        card: The card's Markdown.

    Returns:
        A dictionary for each row, from the table's heads to the cells as they stand.

    Raises:
        BenchmarkError: If the card has no such table.
    """
    section = card.partition(f"{_SECTION}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    if len(rows) < 3 or not {TOKENS, BOTH, HELD_OUT} <= set(rows[0]):
        raise BenchmarkError(
            f"The card must hold a table with the columns {TOKENS}, {BOTH} and "
            f"{HELD_OUT} below {_SECTION}. Received: {rows[:1]}"
        )
    return [dict(zip(rows[0], row, strict=True)) for row in rows[2:]]


def millions(cell: str) -> float:
    """Returns the number of a cell such as `85.77 M`."""
    return float(cell.removesuffix(" M"))


def curve_plot(curve: list[dict[str, str]]) -> str:
    """Draws perplexity over tokens; values on different texts are not joined.

    Args:
        curve: Rows of the card's table.

    Returns:
        An SVG file.
    """
    seen = [millions(row[TOKENS]) for row in curve]
    values = [float(row[BOTH]) for row in curve]
    across = (_WIDTH - 2 * _MARGIN) / (max(seen) * 1.05)
    upward = (_HEIGHT - 2 * _MARGIN) / (max(values) * 1.2)
    places = [
        (_MARGIN + tokens * across, _HEIGHT - _MARGIN - value * upward)
        for tokens, value in zip(seen, values, strict=True)
    ]
    first = curve[0][HELD_OUT]
    groups = [int(row[HELD_OUT] != first) for row in curve]
    parts = [
        svg.frame(_MARGIN, _MARGIN, _WIDTH - 2 * _MARGIN, _HEIGHT - 2 * _MARGIN),
        svg.path([at for at, group in zip(places, groups, strict=True) if not group]),
        svg.text(_MARGIN, 16, "held-out perplexity, both directions", "head"),
        svg.text(_WIDTH / 2, _HEIGHT - 8, "million tokens seen", anchor="middle"),
    ]
    for number, head in enumerate(dict.fromkeys(row[HELD_OUT] for row in curve)):
        left = _MARGIN + number * 200
        parts += [
            svg.dot(left + 4, 30, min(number, 1)),
            svg.text(left + 14, 34, f"on {head} tokens"),
        ]
    for (x, y), group, row, tokens in zip(places, groups, curve, seen, strict=True):
        parts += [
            svg.dot(x, y, group),
            svg.text(x, y - 8, row[BOTH], anchor="middle"),
        ]
        if not group:
            base = _HEIGHT - _MARGIN + 14
            parts.append(svg.text(x, base, f"{tokens:.0f}", anchor="middle"))
    return svg.drawing(
        _WIDTH,
        _HEIGHT,
        "Held-out perplexity of the embedded biLM",
        f"It falls from {curve[0][BOTH]} to {curve[-1][BOTH]} over "
        f"{curve[-1][TOKENS]} tokens.",
        parts,
    )
