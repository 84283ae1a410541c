"""Last stage: joins the parts into the files of the output."""

from __future__ import annotations

import math
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypedDict

import apache_beam as beam

from pipeline.batch.formats import formats
from pipeline.batch.formats.table import JSONL, Kind, Table
from pipeline.batch.scoring import Failure, PartRecord, Scorer, score_rows
from pipeline.batch.splitting import SplitRecord
from pipeline.batch.staging import FINISHED, PARTS, BatchJob

_SHARD_BYTES = 256 * 2**20
_VECTORS = {Kind.VECTOR, Kind.VECTORS}
_ANY_TEXT = "text"
_REJECTS = "rejected/rejected.jsonl"


class ShardPlan(TypedDict):
    """One file of the output, and what it is made of."""

    path: str
    pieces: list[str]  # paths, in the order of the input
    is_table: bool  # whether they are joined as tables, or as lines (rejects)
    like: str | None  # a piece of any table, whose form a table without pieces takes


def plan_shards(
    splits: Iterable[SplitRecord], parts: Iterable[PartRecord], job: BatchJob
) -> Iterator[ShardPlan]:
    """Yields a plan for each file of the output; all keep the order of the input.

    Args:
        splits: Of all files, in any order.
        parts: Of all chunks, in any order.
        job: What is done.
    """
    ordered = sorted(parts, key=lambda part: part["name"])
    paths = [part["part"] for part in ordered if part["part"] is not None]
    sizes = [part["size_bytes"] for part in ordered if part["part"] is not None]
    number = job.request.shards or math.ceil(sum(sizes) / _SHARD_BYTES) or 1
    suffix = formats.suffix(job.request.format)
    for shard, places in enumerate(_cut(sizes, number)):
        yield ShardPlan(
            path=job.path(FINISHED, f"part-{shard:05d}-of-{number:05d}{suffix}"),
            pieces=[paths[place] for place in places],
            is_table=True,
            like=paths[0] if paths else None,
        )
    rejects = [s["rejected"] for s in sorted(splits, key=lambda s: s["number"])]
    rejects += [part["rejected"] for part in ordered]
    pieces = [path for path in rejects if path is not None]
    if pieces:
        path = job.path(FINISHED, _REJECTS)
        yield ShardPlan(path=path, pieces=pieces, is_table=False, like=None)


class JoinPieces(beam.DoFn):
    """Writes the file of a `ShardPlan` and yields its path."""

    def __init__(self, job: BatchJob, scorer: Scorer) -> None:
        super().__init__()
        self._job = job
        self._format = job.request.format
        self._scorer = scorer

    def process(self, element: ShardPlan, columns: Mapping[str, str]) -> Iterator[str]:
        path, pieces = element["path"], element["pieces"]
        if element["is_table"]:
            kinds = {**columns, **self._scorer.fields}
            like = element["like"] or self._made_up(posixpath.basename(path), kinds)
            formats.join_parts(self._format, path, kinds, pieces, like=like)
        else:
            formats.join_parts(JSONL, path, {}, pieces)
        yield path

    def _made_up(self, name: str, kinds: Mapping[str, str]) -> str | None:
        """Returns a part with a row of no file, where there is none of a good row.

        The model alone knows how wide a vector is. None: the kinds tell all.
        """
        takes_form = formats.FORMATS[self._format].write_empty is not None
        if not takes_form or not _VECTORS & set(self._scorer.fields.values()):
            return None
        [row] = score_rows(self._scorer.load(), [_ANY_TEXT])
        if isinstance(row, Failure):
            return None
        path = self._job.path(PARTS, f"made-up-{name}")
        table = Table(kinds, [row], self._job.request.options.key_column)
        formats.write_part(self._format, path, table)
        return path


def _cut(sizes: Sequence[int], number: int) -> list[list[int]]:
    """Cuts a row of pieces into `number` runs of about the same size."""
    shards: list[list[int]] = [[] for _ in range(number)]
    total = sum(sizes) or 1
    before = 0
    for place, size in enumerate(sizes):
        # By its middle, a piece as large as all others does not fall out at the end.
        middle = before + size / 2
        shards[min(int(middle * number / total), number - 1)].append(place)
        before += size
    return shards
