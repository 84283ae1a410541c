"""Rows of text with their columns one below the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def as_table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns lines whose columns are two blanks apart; the last one may be long."""
    lines = [heading, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
