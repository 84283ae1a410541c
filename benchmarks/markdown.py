"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, aligned: bool = False
) -> str:
    """Gives a Markdown table; a bar inside a cell does not end it.

    Args:
        columns: Heads.
        rows: As many cells each.
        aligned: Whether cells are filled up with spaces, so that it reads well as text;
            all columns but the first are then flush right.
    """
    lines = [columns, ["---"] * len(columns), *rows]
    escaped = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    if aligned:
        escaped = _aligned(escaped)
    return "\n".join(f"| {' | '.join(line)} |" for line in escaped)


def _aligned(lines: list[list[str]]) -> list[list[str]]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = [
        [
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        for line in lines
    ]
    padded[1] = [
        f"{'-' * (width - 1)}:" if place else "-" * width
        for place, width in enumerate(widths)
    ]
    return padded
