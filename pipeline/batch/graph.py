"""The Beam graph of a job: split, score, join, count."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TypedDict

import apache_beam as beam
from apache_beam.pvalue import AsList

from pipeline.batch import storage
from pipeline.batch.formats.table import (
    Kind,
    count_as_text,
    merge_kinds,
    written_names,
)
from pipeline.batch.rejects import add_counts
from pipeline.batch.scoring import PartRecord, ScoreChunks, Scorer
from pipeline.batch.shards import JoinPieces, ShardPlan, plan_shards
from pipeline.batch.splitting import (
    Chunk,
    FileGroup,
    SplitFiles,
    SplitRecord,
    pack_group,
)
from pipeline.batch.staging import COUNTS, FINISHED, BatchJob
from pipeline.errors import UserError

# Each row of the output has all columns. For those that it lacks it may cost so many
# characters, their names included, and ten times as many as for those that rows have.
_FREE_CHARS, _MOST_TIMES = 200_000_000, 10
_CHARS_OF_NULL = 8


class JobCounts(TypedDict):
    """What became of all rows, as `COUNTS` holds it."""

    rows_in: int
    rows_out: int
    reasons: dict[str, int]  # rejected rows by reason, most frequent first
    layouts: dict[str, int]  # files by how they are written, most frequent first
    replaced_utf8: int  # rows in which what cannot be decoded became U+FFFD
    replaced_nul: int  # values in which NUL became U+FFFD, as CSV and HDF5 need it
    renamed_columns: dict[str, int]  # rows by names that columns got in place of others
    values_as_null: dict[str, int]  # by column: NaN and infinity
    values_as_text: dict[str, int]  # by column, as not all of its values have a type
    problems: list[str]  # with files as wholes
    tallies: dict[str, int]  # what the scorer counts
    output_files: list[str]  # paths in the output


class ScoreFiles(beam.PTransform):
    """Reads groups of files, scores their rows, and writes the finished files.

    All that comes out lies in the staging folder: files, and `JobCounts` in `COUNTS`.

    Args:
        groups: The files.
        job: What is done.
        scorer: With which model.
        names: Columns of an output for which no row can be used.
    """

    def __init__(
        self,
        groups: Iterable[FileGroup],
        job: BatchJob,
        scorer: Scorer,
        names: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self._names = list(names)
        self._groups = list(groups)
        self._job = job
        self._scorer = scorer

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection:
        """Adds the whole job to a pipeline."""
        job, scorer = self._job, self._scorer
        splits = (
            pbegin
            | "Groups" >> beam.Create(map(pack_group, self._groups))
            | "SpreadGroups" >> beam.Reshuffle()
            | "Split" >> beam.ParDo(SplitFiles(job))
        )
        # As side inputs, lists cost a runner fewer stages than if they were combined.
        columns = beam.pvalue.AsSingleton(
            pbegin
            | "AllSplit" >> beam.Impulse()
            | "Columns"
            >> beam.Map(_columns, AsList(splits), scorer.fields, self._names)
        )
        parts = (
            splits
            | "Chunks" >> beam.FlatMap(_chunks)
            | "SpreadChunks" >> beam.Reshuffle()
            | "Score" >> beam.ParDo(ScoreChunks(job, scorer), columns)
        )
        finished = (
            pbegin
            | "AllScored" >> beam.Impulse()
            | "PlanShards" >> beam.FlatMap(_plan, AsList(splits), AsList(parts), job)
            | "SpreadShards" >> beam.Reshuffle()
            | "Join" >> beam.ParDo(JoinPieces(job, scorer), columns)
        )
        return (
            pbegin
            | "AllJoined" >> beam.Impulse()
            | "WriteCounts"
            >> beam.Map(
                _write_counts,
                AsList(splits),
                AsList(parts),
                AsList(finished),
                columns,
                job,
            )
        )


class ColumnError(UserError):
    """The carried columns cannot all stand in the output."""


def _columns(
    impulse: bytes,
    splits: list[SplitRecord],
    fields: Mapping[str, str],
    names: Sequence[str] = (),
) -> dict[str, str]:
    del impulse
    return carried_columns(splits, fields, names)


def carried_columns(
    splits: Iterable[SplitRecord], fields: Iterable[str], names: Iterable[str] = ()
) -> dict[str, str]:
    """Returns the columns of all rows, name to `Kind`.

    Args:
        splits: Of all files, in any order.
        fields: The columns that the model adds.
        names: The columns if no row can be used.

    Raises:
        ColumnError: One has the name of one that the model adds, or most of them are
            missing in most rows: each row of the output has all.
    """
    ordered = sorted(splits, key=lambda split: split["number"])
    columns = merge_kinds(*(split["columns"] for split in ordered))
    columns = columns or dict.fromkeys(names, Kind.NULL)
    check_clash(columns, fields)
    rows = sum(chunk["rows"] for split in ordered for chunk in split["chunks"])
    values = there = missing = 0
    for name in columns:
        count = sum(sum(s["columns"].get(name, {}).values()) for s in ordered)
        values += count
        there += count * (len(name) + _CHARS_OF_NULL)
        missing += (rows - count) * (len(name) + _CHARS_OF_NULL)
    if missing > _FREE_CHARS + _MOST_TIMES * there:
        raise ColumnError(
            f"a row has {values / rows:.0f} columns on average, and in the output each "
            f"would have all {len(columns):,}, as files or rows differ in theirs\n"
            "hint: choose the columns to carry with --keep"
        )
    return columns


def check_clash(columns: Collection[str], fields: Iterable[str]) -> None:
    """Refuses columns to carry that have the name of one that the model adds.

    Raises:
        ColumnError: With the first of them.
    """
    for name in fields:
        if name in columns:
            raise ColumnError(
                f"the input has a column `{name}`, which the output needs itself\n"
                "hint: choose the columns to carry with --keep"
            )


def _chunks(split: SplitRecord) -> list[Chunk]:
    return split["chunks"]


def _plan(
    impulse: bytes,
    splits: list[SplitRecord],
    parts: list[PartRecord],
    job: BatchJob,
) -> Iterator[ShardPlan]:
    del impulse
    return plan_shards(splits, parts, job)


def _write_counts(
    impulse: bytes,
    splits: list[SplitRecord],
    parts: list[PartRecord],
    finished: list[str],
    columns: Mapping[str, str],
    job: BatchJob,
) -> None:
    del impulse
    folder = job.path(FINISHED, "")
    counts = JobCounts(
        rows_in=sum(split["rows_in"] for split in splits),
        rows_out=sum(part["rows_out"] for part in parts),
        reasons=add_counts(
            [split["reasons"] for split in splits] + [part["reasons"] for part in parts]
        ),
        layouts=add_counts(split["layouts"] for split in splits),
        replaced_utf8=sum(split["replaced_utf8"] for split in splits),
        replaced_nul=sum(split["replaced_nul"] for split in splits),
        renamed_columns=add_counts(
            [split["renamed"] for split in splits]
            + [_renamed_as_written(list(columns), splits, job.request.format)]
        ),
        values_as_null=add_counts(split["as_null"] for split in splits),
        values_as_text=count_as_text(
            job.request.format, *(split["columns"] for split in splits)
        ),
        problems=sorted(p for split in splits for p in split["problems"]),
        tallies=add_counts(part["tallies"] for part in parts),
        output_files=sorted(path.removeprefix(folder) for path in finished),
    )
    storage.write_json(job.path(COUNTS), counts)


def _renamed_as_written(
    names: Sequence[str], splits: Iterable[SplitRecord], format_name: str
) -> dict[str, int]:
    """Returns the rows by names that columns have got from the format alone."""
    written = written_names(format_name, names)
    new = {old: name for old, name in zip(names, written, strict=True) if name != old}
    return add_counts(
        {new[name]: sum(kinds.values())}
        for split in splits
        for name, kinds in split["columns"].items()
        if name in new
    )
