"""Last stage: joins the parts into the files of the output."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam

from pipeline.batch import staging as parts_of
from pipeline.batch.formats import formats
from pipeline.batch.staging import BatchJob

_SHARD_BYTES = 256 * 2**20
_REJECTS = "rejected/rejected"
_REJECTS_SUFFIX = ".jsonl"


def plan_shards(
    splits: Iterable[Mapping[str, Any]],
    parts: Iterable[Mapping[str, Any]],
    job: BatchJob,
) -> Iterator[dict[str, Any]]:
    """Gives each file of the output its pieces, all in the order of the input.

    Args:
        splits: Records of `SplitFiles`, in any order.
        parts: Records of `ScoreChunks`, in any order.
        job: What is done.

    Yields:
        `path` in the folder of finished files, `pieces`, `is_table`: whether they
        are joined as tables, or as lines (rejects), and `like`: a piece of any file,
        or None if there is none.
    """
    ordered = sorted(parts, key=lambda part: part["name"])
    filled = [part for part in ordered if part["part"] is not None]
    sizes = [part["size_bytes"] for part in filled]
    shards = _cut(sizes, job.shards or math.ceil(sum(sizes) / _SHARD_BYTES) or 1)
    suffix = formats.suffix(job.format)
    like = filled[0]["part"] if filled else None
    for number, places in enumerate(shards):
        name = f"part-{number:05d}-of-{len(shards):05d}{suffix}"
        pieces = [filled[place]["part"] for place in places]
        yield _shard(job, name, pieces, is_table=True, like=like)
    aside = [s["rejected"] for s in sorted(splits, key=lambda s: s["number"])]
    aside += [part["rejected"] for part in ordered]
    pieces = [path for path in aside if path is not None]
    if pieces:
        yield _shard(job, f"{_REJECTS}{_REJECTS_SUFFIX}", pieces, is_table=False)


class JoinPieces(beam.DoFn):
    """Writes one file that `plan_shards` gave; gives its path."""

    def __init__(self, job: BatchJob, fields: Mapping[str, str]) -> None:
        super().__init__()
        self._job = job
        self._fields = dict(fields)

    def process(
        self, element: dict[str, Any], columns: Mapping[str, str]
    ) -> Iterator[str]:
        path, pieces = element["path"], element["pieces"]
        if element["is_table"]:
            kinds = {**columns, **self._fields}
            like = element["like"]
            formats.join_parts(self._job.format, path, kinds, pieces, like=like)
        else:
            formats.join_parts("jsonl", path, {}, pieces)
        yield path


def _shard(
    job: BatchJob,
    name: str,
    pieces: list[str],
    *,
    is_table: bool,
    like: str | None = None,
) -> dict[str, Any]:
    path = job.path(parts_of.FINISHED, name)
    return {"path": path, "pieces": pieces, "is_table": is_table, "like": like}


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
