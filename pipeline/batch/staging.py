"""What a job does, and the folder in which its workers leave what they have done."""

from __future__ import annotations

import dataclasses
import posixpath

from components.text_example_gen.options import ReadOptions

# Parts of the staging folder.
CHUNKS = "chunks"
SPLITS = "splits"
PARTS = "parts"
REJECTED = "rejected"
FINISHED = "finished"
COUNTS = "counts.json"

METRICS = "elmo_tfx"
"""Namespace of the counters in Beam's metrics."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """What a user asks for.

    Args:
        inputs: Files, globs or folders.
        options: How to read them; their columns are carried.
        keep: Columns to carry into the output; None: all.
        output: Folder that appears when all is done.
        overwrite: Whether an earlier output may be replaced.
        format: Of the output: a key of `formats.FORMATS`.
        shards: Files of the output; None: by their size.
        chunk_rows: Rows that are scored together, at most.
        chunk_chars: Characters of them, at most, unless one text is longer.
        beam_args: Options for Beam.
    """

    inputs: tuple[str, ...]
    options: ReadOptions
    keep: tuple[str, ...] | None
    output: str
    overwrite: bool
    format: str
    shards: int | None
    chunk_rows: int
    chunk_chars: int
    beam_args: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class BatchJob:
    """A request, as every worker gets it.

    Args:
        request: What to do.
        staging: Folder for chunks, parts and shards until the job is done, where every
            worker finds it.
    """

    request: Request
    staging: str

    def path(self, *names: str) -> str:
        """Returns a path in the staging folder."""
        return posixpath.join(self.staging, *names)
