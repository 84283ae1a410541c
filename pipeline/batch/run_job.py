"""Runs a job from input files to a finished output."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from components.text_example_gen.checks import check_data
from components.text_example_gen.input_files import locate
from components.text_example_gen.options import ReadOptions
from pipeline.batch import staging as parts_of
from pipeline.batch import storage
from pipeline.batch.graph import ScoreFiles
from pipeline.batch.output import BatchOutput
from pipeline.batch.progress import JobProgress
from pipeline.batch.scoring import Scorer
from pipeline.batch.splitting import find_files, group_files
from pipeline.batch.staging import BatchJob
from pipeline.config.checked import check_beam_args, complete_beam_args
from pipeline.fingerprints import code_version

_LOGGER = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """What a user asks for.

    Args:
        inputs: Files, globs or folders.
        options: How to read them; their columns are carried.
        keep: Columns to carry; None: all.
        output: Folder that appears when all is done.
        overwrite: Whether an earlier output may be replaced.
        format: Of the output.
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


def run_job(
    request: Request,
    scorer: Scorer,
    output: BatchOutput,
    *,
    facts: Mapping[str, Any],
    talk: TextIO,
) -> dict[str, Any]:
    """Reads, scores and writes; what an interrupted job has finished is kept.

    Args:
        request: What to do.
        scorer: With which model.
        output: Held by the caller.
        facts: What the summary says of the model.
        talk: Where progress is written.

    Returns:
        What `summary.json` holds.

    Raises:
        BeamArgsError: The runner does not exist, or its job server does not answer.
        DataError: No file matches, or the first ones cannot be used.
        RuntimeError: Rows were lost or counted twice: a fault of this program.
    """
    began = time.monotonic()
    check_beam_args(request.beam_args)
    patterns = [_looked_at(data, request.options) for data in request.inputs]
    files = find_files(patterns)
    described = {
        "request": {**dataclasses.asdict(request), "beam_args": None},
        "files": files,
        "scorer": dataclasses.asdict(scorer),  # type: ignore[call-overload]
        "code": code_version(__name__, type(scorer).__module__),
    }
    job = BatchJob(
        options=request.options,
        keep=request.keep,
        staging=output.staging(described),
        format=request.format,
        shards=request.shards,
        chunk_rows=request.chunk_rows,
        chunk_chars=request.chunk_chars,
    )
    storage.remove(job.path(parts_of.FINISHED))
    options = PipelineOptions(complete_beam_args(request.beam_args))
    progress = JobProgress(talk, job)
    with progress.shown():
        pipeline = beam.Pipeline(options=options)
        _ = pipeline | "ScoreFiles" >> ScoreFiles(group_files(files), job, scorer)
        result = pipeline.run()
        result.wait_until_finish()
    for counter in result.metrics().query()["counters"]:
        _LOGGER.info("%s: %s", counter.key.metric.name, counter.result)
    counts = storage.read_json(job.path(parts_of.TALLIES))
    seconds = time.monotonic() - began
    summary = _summary(counts, len(files), request, facts)
    summary["seconds"] = round(seconds, 1)
    # Of what this call has done: an interrupted job may have left little to do.
    rate = (counts["rows_in"] - progress.rows_before) / max(seconds, 1e-9)
    summary["rows_per_second"] = round(rate, 1)
    output.commit(job.staging, summary)
    return summary


def _looked_at(data: str, options: ReadOptions) -> str:
    """Gives the pattern of an input, after a look at its first files."""
    check_data(data, options=options)
    return locate(data, options.format).pattern


def _summary(
    counts: Mapping[str, Any],
    files: int,
    request: Request,
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    rejected = sum(counts["reasons"].values())
    if counts["rows_in"] != counts["rows_out"] + rejected:
        raise RuntimeError(
            "Rows do not add up; this is a fault of the program, not of the data. "
            f"Read: {counts['rows_in']}, written: {counts['rows_out']}, "
            f"rejected: {rejected}"
        )
    return {
        **facts,
        "input_files": files,
        "rows_in": counts["rows_in"],
        "rows_out": counts["rows_out"],
        "rows_rejected": rejected,
        "reasons": counts["reasons"],
        "replaced_utf8": counts["replaced_utf8"],
        "problems": counts["problems"],
        "tallies": counts["tallies"],
        "output": request.output,
        "output_files": _names(counts["files"]),
    }


def _names(paths: Sequence[str]) -> list[str]:
    marker = f"/{parts_of.FINISHED}/"
    return [path.rpartition(marker)[2] for path in paths]
