"""What `read_file` yields, short enough to compare."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading.read_file import read_file


def read(path: Path, data: bytes | None = None, **options: Any) -> list[Any]:
    """(text, label) of each record, (position, reason) of each reject."""
    if data is not None:
        path.write_bytes(data)
    items: list[Any] = []
    for item in read_file(str(path), ReadOptions(**options)):
        if "reason" in item:
            items.append((item["position"], item["reason"]))
        else:
            columns = item["columns"]
            names = ("text", "label") if "label" in columns else columns
            items.append(tuple(columns[name] for name in names))
    return items


def detail(path: Path, data: bytes, **options: Any) -> str:
    path.write_bytes(data)
    return list(read_file(str(path), ReadOptions(**options)))[-1]["detail"]


def read_values(path: Path, text: str, **options: Any) -> tuple[list[Any], str]:
    """The values of each row, or its reason; and the layout."""
    path.write_bytes(text.encode())
    layouts: list[Any] = []
    items = [
        item["reason"] if "reason" in item else tuple(item["columns"].values())
        for item in read_file(
            str(path), ReadOptions(**options), on_layout=layouts.append
        )
    ]
    return items, "; ".join(map(str, layouts))


def written(rows: list[tuple[str, ...]], **how: Any) -> str:
    text = io.StringIO()
    csv.writer(text, **how).writerows(rows)
    return text.getvalue()
