"""What a job reads and writes, as its workers need it."""

from __future__ import annotations

import dataclasses

from components.text_example_gen.options import ReadOptions
from pipeline.batch import storage


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchJob:
    """One job.

    Args:
        options: How to read them.
        keep: Columns to carry into the output; None: all.
        staging: Folder for chunks, parts and shards until the job is done.
        format: Of the output; see `formats`.
        shards: Output files; None: by their size.
        chunk_rows: Rows that are scored together, at most.
        chunk_chars: Characters of them, at most, unless one text is longer.
    """

    options: ReadOptions
    keep: tuple[str, ...] | None
    staging: str
    format: str
    shards: int | None
    chunk_rows: int
    chunk_chars: int

    def path(self, *names: str) -> str:
        """A path in the staging folder."""
        return storage.join(self.staging, *names)


# Parts of the staging folder. A name with the number of rows, such as
# `00003-00007.8192.json`, lets progress be read off a listing.
CHUNKS = "chunks"
SPLITS = "splits"
PARTS = "parts"
REJECTED = "rejected"
FINISHED = "finished"
TALLIES = "tallies.json"
