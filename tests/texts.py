"""Texts that tests train on, and files of them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from pathlib import Path

from tools.sample_data import read_imdb_reviews


def real_sentences() -> list[tuple[str, str]]:
    """200 real sentences with the label of their review, from the tfx package."""
    rows = []
    for text, label in read_imdb_reviews():
        text = text.replace("<br />", " ")
        parts = [p.strip() for p in re.split(r"(?<=[.!?])\s+", text) if len(p) > 30]
        rows += [(part, label) for part in dict.fromkeys((parts[0], parts[-1]))]
    return rows[:200]


def six_classes(rows: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Returns the rows with labels that also say how long the text is, in thirds."""
    lengths = sorted(len(text) for text, _ in rows)
    bounds = lengths[len(lengths) // 3], lengths[2 * len(lengths) // 3]
    sizes = ("short", "medium", "long")
    return [
        (text, f"{label} {sizes[sum(len(text) > bound for bound in bounds)]}")
        for text, label in rows
    ]


def write_csv(path: Path, rows: Iterable[tuple[str, str]]) -> Path:
    """Writes rows as CSV with the columns text and label."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "label"))
        writer.writerows(rows)
    return path
