"""Runs a job from input files to a finished output."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from components.text_example_gen.checks import DataPreview
from components.text_example_gen.reading.records import replace_invalid
from pipeline.batch import storage
from pipeline.batch.destination import check_inputs
from pipeline.batch.done import noted
from pipeline.batch.graph import (
    ColumnError,
    JobCounts,
    ScoreFiles,
    carried_columns,
    check_clash,
)
from pipeline.batch.inputs import check_readable, first_look
from pipeline.batch.output import BatchOutput
from pipeline.batch.progress import JobProgress
from pipeline.batch.scoring import Scorer
from pipeline.batch.splitting import (
    InputFile,
    SplitRecord,
    find_files,
    group_files,
)
from pipeline.batch.staging import COUNTS, SPLITS, BatchJob, Request
from pipeline.config.checked import check_beam_args, complete_beam_args
from pipeline.fingerprints import code_version

_LOGGER = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class JobSummary:
    """What became of a job.

    Args:
        model: What the command says of the model, by names of its own.
        input_files: How many were read.
        counts: What became of all rows.
        output: The folder.
        seconds: How long this call took.
        rows_per_second: Of what this call has done; an interrupted job may have left
            little to do.
        left_out: Files that were not read, as their names are not those of data.
    """

    model: Mapping[str, str]
    input_files: int
    counts: JobCounts
    output: str
    seconds: float
    rows_per_second: float
    left_out: Sequence[str] = ()

    @property
    def rows_rejected(self) -> int:
        """Rows of the input that are not in the output."""
        return sum(self.counts["reasons"].values())

    def to_dict(self) -> dict[str, Any]:
        """Returns what `summary.json` holds."""
        return {
            **{name: replace_invalid(fact)[0] for name, fact in self.model.items()},
            "input_files": self.input_files,
            "left_out_files": list(self.left_out),
            **self.counts,
            "rows_rejected": self.rows_rejected,
            "output": self.output,
            "seconds": self.seconds,
            "rows_per_second": self.rows_per_second,
        }


def run_job(
    request: Request,
    scorer: Scorer,
    output: BatchOutput,
    *,
    model: Mapping[str, str],
    terminal: TextIO,
    previews: Mapping[str, DataPreview] | None = None,
) -> JobSummary:
    """Reads, scores and writes; what an interrupted job has finished is kept.

    Args:
        request: What to do.
        scorer: With which model.
        output: Held by the caller.
        model: What the summary says of the model.
        terminal: Where progress is written.
        previews: What `first_look` has found of inputs; it looks at all others now.

    Raises:
        UserError: The Beam options cannot be used, no file matches, or the first ones
            cannot be used.
        RuntimeError: Rows were lost or counted twice: a fault of this program.
    """
    began = time.monotonic()
    check_beam_args(request.beam_args)
    patterns = []
    names: dict[str, None] = {}  # of columns, should no row be good
    for data in request.inputs:
        preview = (previews or {}).get(data) or first_look(data, request.options)
        patterns.append(preview.pattern)
        kept = request.keep
        if kept is None:
            kept = (*preview.columns, *request.options.required)
        check_clash(kept, scorer.fields)
        names.update(dict.fromkeys(kept))
    files, left_out = find_files(patterns, request.options.format)
    paths = [file["path"] for file in files]
    check_inputs(paths, request.output)
    check_readable(paths)
    job = BatchJob(request, output.staging(_identity(request, files, scorer)))
    options = PipelineOptions(complete_beam_args(request.beam_args))
    progress = JobProgress(terminal, job)
    with progress.shown():
        pipeline = beam.Pipeline(options=options)
        groups = group_files(files)
        _ = pipeline | "ScoreFiles" >> ScoreFiles(groups, job, scorer, list(names))
        try:
            result = pipeline.run()
            result.wait_until_finish()
        except Exception:  # whatever a runner raises goes on, but for one case
            # The one error that is the user's, as other runners lose its class.
            try:
                carried_columns(_split_so_far(job), scorer.fields)
            except ColumnError:
                output.abandon(job.staging)  # no call of this command could go on
                raise
            raise
    for counter in result.metrics().query()["counters"]:
        _LOGGER.info("%s: %s", counter.key.metric.name, counter.result)
    counts: JobCounts = storage.read_json(job.path(COUNTS))
    seconds = time.monotonic() - began
    new_rows = counts["rows_in"] - progress.rows_before
    rate = new_rows / max(seconds, 1e-9)
    summary = JobSummary(
        model,
        len(files),
        counts,
        request.output,
        round(seconds, 1),
        round(rate, 1),
        [replace_invalid(path)[0] for path in left_out],
    )
    if counts["rows_in"] != counts["rows_out"] + summary.rows_rejected:
        raise RuntimeError(
            "Rows do not add up; this is a fault of the program, not of the data. "
            f"Read: {counts['rows_in']}, written: {counts['rows_out']}, "
            f"rejected: {summary.rows_rejected}"
        )
    output.commit(job.staging, summary.to_dict(), overwrite=request.overwrite)
    return summary


def _split_so_far(job: BatchJob) -> list[SplitRecord]:
    records = map(noted, storage.list_files(job.path(SPLITS), "*.json"))
    return [record for record in records if record]


def _identity(
    request: Request, files: list[InputFile], scorer: Scorer
) -> dict[str, Any]:
    """Returns all that makes two jobs the same one, so that the second goes on."""
    return {
        "request": {**dataclasses.asdict(request), "beam_args": None},
        "files": files,
        "scorer": dataclasses.asdict(scorer),  # type: ignore[call-overload]
        "code": code_version(__name__, type(scorer).__module__),
    }
