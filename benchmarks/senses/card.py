"""The learning curve that the embedded model's card tells."""

from __future__ import annotations

from benchmarks.errors import BenchmarkError

TOKENS, BOTH, HELD_OUT = "tokens", "both", "held out"
_SECTION = "## Held-out perplexity"


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
    """Gives the number of a cell such as `85.77 M`."""
    return float(cell.removesuffix(" M"))
