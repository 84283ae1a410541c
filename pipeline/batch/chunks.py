"""Chunks: rows in a file of the staging folder, a few thousand at a time."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pipeline.batch import storage

_LEVEL = 1  # of gzip: a chunk is read once, and soon


class ChunkRow(NamedTuple):
    """One row that waits to be scored; `columns` hold JSON's types."""

    source: str
    position: int
    text: str
    columns: dict[str, Any]


def write_chunk(path: str, rows: Sequence[ChunkRow]) -> None:
    """Writes a chunk, whole or not at all."""
    with (
        storage.local_writer(path) as local,
        gzip.open(local, "wt", _LEVEL, encoding="utf-8") as file,
    ):
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def read_chunk(path: str) -> list[ChunkRow]:
    """Reads a chunk into memory."""
    return list(_read(path))


def _read(path: str) -> Iterator[ChunkRow]:
    with (
        storage.open_reading(path) as raw,
        gzip.open(raw, "rt", encoding="utf-8") as file,
    ):
        for line in file:
            yield ChunkRow(*json.loads(line))
