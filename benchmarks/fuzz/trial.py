"""Does with one file what training and a batch job do, without Beam's runner."""

from __future__ import annotations

import csv
import glob
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow.parquet as pq
import tensorflow as tf
from apache_beam.coders import FastPrimitivesCoder

from benchmarks.fuzz.inputs import FuzzInput
from components.text_example_gen import ingestion
from components.text_example_gen.checks import check_data
from components.text_example_gen.errors import DataError
from components.text_example_gen.labelling import LabelRows
from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading.read_file import read_file
from components.text_example_gen.reading.records import as_dict, is_reject
from pipeline.batch import graph, storage
from pipeline.batch.formats.table import CSV, JSONL, PARQUET, Kind
from pipeline.batch.scoring import ScoreChunks
from pipeline.batch.shards import JoinPieces, plan_shards
from pipeline.batch.splitting import SplitFiles, find_files, group_files, pack_group
from pipeline.batch.staging import COUNTS, FINISHED, BatchJob, Request

_SHARDS = 2


class RowsLost(AssertionError):
    """What was written is not what was counted."""


class _Lengths:
    """A `Scorer` that adds the length of a text."""

    fields: dict[str, str] = {"length of the text": Kind.INT}

    def load(self) -> Any:
        return lambda texts: [{"length of the text": len(text)} for text in texts]

    def tally(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
        return {}


def try_input(given: FuzzInput, folder: Path) -> str:
    """Reads a file for training, then scores its rows; all work goes into a folder.

    Returns:
        `used` if a job took rows of it, else `refused`.

    Raises:
        RowsLost: The rows do not add up.
        Exception: Whatever ends a run or a job, where only a row may be lost.
    """
    _train(given.path)
    rows_out = _score(given, folder)
    return "used" if rows_out else "refused"


def _train(path: str) -> None:
    options = ReadOptions()
    try:
        check_data(glob.escape(path), options=options)
    except DataError as error:
        str(error).encode()
    coder = FastPrimitivesCoder()
    label_rows = LabelRows(options)
    for item in read_file(path, options, in_class_folder="class"):
        travelled = coder.decode(coder.encode(as_dict(item)))
        if is_reject(travelled):
            ingestion._reject_payload(travelled, "rejected", _SHARDS)
            continue
        for row in label_rows.process(travelled):
            if isinstance(row, beam.pvalue.TaggedOutput):
                ingestion._reject_payload(row.value, "rejected", _SHARDS)
            else:
                ingestion._example_payload(row, ["train", "eval", "test"], _SHARDS)


def _score(given: FuzzInput, folder: Path) -> int:
    options = ReadOptions(label_column=None, keep_all=True)
    request = Request(
        inputs=(given.path,),
        options=options,
        keep=None,
        output=str(folder / "out"),
        overwrite=False,
        format=given.output_format,
        shards=_SHARDS,
        chunk_rows=5,
        chunk_chars=100_000,
        beam_args=(),
    )
    job, scorer = BatchJob(request, str(folder / "work")), _Lengths()
    groups = group_files(find_files([glob.escape(given.path)])[0])
    split = SplitFiles(job)
    splits = list(_all(split.process(pack_group(group)) for group in groups))
    columns = graph._columns(b"", splits, scorer.fields)
    score = ScoreChunks(job, scorer)
    chunks = [chunk for split in splits for chunk in split["chunks"]]
    parts = list(_all(score.process(chunk, columns) for chunk in chunks))
    join = JoinPieces(job, scorer)
    plans = plan_shards(splits, parts, job)
    finished = list(_all(join.process(plan, columns) for plan in plans))
    graph._write_counts(b"", splits, parts, finished, columns, job)
    counts: graph.JobCounts = storage.read_json(job.path(COUNTS))
    tables = [path for path in finished if "rejected" not in path.rsplit("/", 2)[-2]]
    rejects = [path for path in finished if path not in tables]
    written = sum(_rows_in(given.output_format, path) for path in tables)
    rejected = sum(_rows_in(JSONL, path) for path in rejects)
    if (written, rejected) != (counts["rows_out"], sum(counts["reasons"].values())):
        raise RowsLost(f"{written} rows and {rejected} rejects, but {counts}")
    if counts["rows_in"] != written + rejected:
        raise RowsLost(f"{written} rows and {rejected} rejects, but {counts}")
    assert all(path.startswith(job.path(FINISHED)) for path in finished)
    return written


def _all(each: Iterable[Iterable[Any]]) -> Iterator[Any]:
    for items in each:
        yield from items


def _rows_in(format_name: str, path: str) -> int:
    """Returns how many rows another reader finds."""
    if format_name == PARQUET:
        return int(pq.read_table(path).num_rows)
    if format_name == JSONL:
        lines = Path(path).read_text("utf-8").split("\n")[:-1]
        return len([json.loads(line) for line in lines])
    if format_name == CSV:
        text = Path(path).read_bytes().decode("utf-8")
        return len(list(csv.reader(io.StringIO(text, newline="")))) - 1
    return sum(1 for _ in tf.data.TFRecordDataset(path))
