"""Pages of HTML that need nothing from elsewhere: KFP shows them in a frame."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any

_STYLE = (
    "body{font:14px sans-serif;margin:1em}table{border-collapse:collapse;margin:1em 0}"
    "td,th{border-bottom:1px solid #ccc;padding:.3em .8em;text-align:right}"
    "td:first-child,th:first-child{text-align:left}"
)


def page(title: str, *parts: str) -> str:
    """Returns a whole page; `parts` are HTML already."""
    name = html.escape(title)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}'
        f"</title><style>{_STYLE}</style></head><body><h1>{name}</h1>"
        f"{''.join(parts)}</body></html>\n"
    )


def paragraph(text: str) -> str:
    """Returns a text as a paragraph."""
    return f"<p>{html.escape(text)}</p>"


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Returns a table; "-" stands for None, and shares get three digits."""
    lines = [_row("th", header), *(_row("td", row) for row in rows)]
    return f"<table>{''.join(lines)}</table>"


def _row(tag: str, cells: Sequence[Any]) -> str:
    return f"<tr>{''.join(f'<{tag}>{_cell(cell)}</{tag}>' for cell in cells)}</tr>"


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, int):
        return f"{value:,}"
    return html.escape(str(value))
