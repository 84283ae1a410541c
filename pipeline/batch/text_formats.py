"""JSON Lines and CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.batch import storage
from pipeline.batch.table import Table
from pipeline.batch.values import to_text


def write_jsonl(path: Path, table: Table) -> None:
    """Writes an object a line; a column that a row lacks is null."""
    with path.open("w", encoding="utf-8", newline="") as file:
        for row in table.rows:
            values = {name: row.get(name) for name in table.columns}
            file.write(json.dumps(values, ensure_ascii=False) + "\n")


def write_csv(path: Path, table: Table) -> None:
    """Writes rows without a header: a part is no file of its own."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for row in table.rows:
            writer.writerow([to_text(row.get(name)) for name in table.columns])


def join_csv(path: Path, columns: Mapping[str, str], parts: Sequence[str]) -> None:
    """Appends parts to a header."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerow(columns)
    with path.open("ab") as file:
        for part in parts:
            storage.append_to(part, file)
