"""What the commands `predict` and `embed` share."""

from __future__ import annotations

import datetime
import json
import logging
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

import click

from pipeline.commands.options import refuse_stray
from pipeline.errors import UserError
from pipeline.runs.run_log import log_the_end, run_log

_OPTIONS = (
    click.option(
        "--input",
        "inputs",
        multiple=True,
        required=True,
        help="A file, a quoted glob or a folder; repeatable.",
    ),
    click.option(
        "--output", required=True, help="Folder that appears when all is done."
    ),
    click.option(
        "--text-column", default="text", help="Column with the text; default: text."
    ),
    click.option("--key", help="Column that tells rows apart; none may lack it."),
    click.option("--keep", help="Columns to carry over: id,date; default: all."),
    click.option("--columns", help="Names of all columns, where no header gives them."),
    click.option(
        "--input-format",
        default="auto",
        help="auto (default), csv, tsv, jsonl, parquet or folder.",
    ),
    click.option("--shards", type=click.IntRange(min=1), help="Files of the output."),
    click.option("--overwrite", is_flag=True, help="Replace an earlier output."),
    click.option(
        "--max-rejected",
        default="1%",
        help="Rows (100) or share (1%, the default) above which the exit code is 1.",
    ),
    click.option("--summary", help="File for the summary, as JSON."),
    click.argument("beam_args", nargs=-1, type=click.UNPROCESSED),
)

# Gives the scorer, and what the summary says of its model.
ScorerMaker = Callable[[], tuple[Any, dict[str, Any]]]


def batch_options(command: Callable) -> Callable:
    """Adds the options of input, output and errors to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def run_batch(
    given: Mapping[str, Any],
    *,
    format: str,
    chunk_rows: int,
    chunk_chars: int,
    make_scorer: ScorerMaker,
) -> None:
    """Runs a job and prints one line about it, `name=value` for a script to read.

    Args:
        given: The options of `batch_options`.
        format: Of the output.
        chunk_rows: Rows that are scored together, at most.
        chunk_chars: Characters of them, at most, unless one text is longer.
        make_scorer: Looks at the model. Called where the libraries' messages go
            into the log.
    """
    refuse_stray(click.get_current_context(), given["beam_args"])
    log = _new_log()
    with run_log(log) as talk:
        try:
            summary, verdict = _run(
                given, format, chunk_rows, chunk_chars, make_scorer, talk
            )
        except _expected() as error:
            log.unlink(missing_ok=True)
            raise UserError(str(error)) from error
        # Whatever a worker raises, the user is told why and where to read on.
        except Exception as error:  # noqa: BLE001
            logging.exception("the job failed")
            from pipeline.runs.outcomes import reason_of

            raise click.ClickException(
                f"{reason_of(error)}\nlog: {log}\nthe same command goes on from here"
            ) from error
    log.unlink(missing_ok=True)
    log_the_end(Path(os.devnull))
    if given["summary"]:
        text = json.dumps(summary, ensure_ascii=False, indent=1)
        Path(given["summary"]).write_text(text + "\n", "utf-8")
    click.echo(_line(summary))
    if verdict is not None:
        raise click.ClickException(verdict)


def _run(
    given: Mapping[str, Any],
    format: str,
    chunk_rows: int,
    chunk_chars: int,
    make_scorer: ScorerMaker,
    talk: TextIO,
) -> tuple[dict[str, Any], str | None]:
    # Heavy imports come this late so that their messages go into the log.
    from components.text_example_gen.options import ReadOptions
    from pipeline.batch.output import BatchOutput
    from pipeline.batch.rejects import Allowance, TooManyRejected
    from pipeline.batch.run_job import Request, run_job

    try:
        allowance = Allowance.parse(given["max_rejected"])
    except ValueError as error:
        raise UserError(f"option --max-rejected: {error}") from error
    key, keep = given["key"], _names(given["keep"])
    if key is not None and keep is not None and key not in keep:
        keep = (key, *keep)
    try:
        options = ReadOptions(
            format=given["input_format"],
            text_column=given["text_column"],
            label_column=None,
            key_column=key,
            columns=_names(given["columns"]),
            keep_all=keep is None,
            other_columns=keep or (),
        )
    except ValueError as error:
        raise UserError(f"input options: {error}") from error
    request = Request(
        inputs=given["inputs"],
        options=options,
        keep=keep,
        output=absolute(given["output"]),
        overwrite=given["overwrite"],
        format=format,
        shards=given["shards"],
        chunk_rows=chunk_rows,
        chunk_chars=chunk_chars,
        beam_args=given["beam_args"],
    )
    output = BatchOutput(request.output)
    output.check(overwrite=request.overwrite)
    with output.locked():
        scorer, facts = make_scorer()
        summary = run_job(request, scorer, output, facts=facts, talk=talk)
    try:
        allowance.check(summary)
    except TooManyRejected as error:
        return summary, str(error)
    return summary, None


def _expected() -> tuple[type[Exception], ...]:
    """What is wrong with what the user gave."""
    from components.text_example_gen.errors import DataError
    from pipeline.batch.output import OutputExists
    from pipeline.config.checked import BeamArgsError
    from pipeline.serving.versions import ModelError

    return BeamArgsError, DataError, ModelError, OutputExists, UserError


def _new_log() -> Path:
    """A file for what the libraries say; it is kept if the job fails."""
    now = datetime.datetime.now().strftime("%Y-%m-%dT%H-%M-%S")
    descriptor, path = tempfile.mkstemp(".log", f"elmo-tfx-{now}-")
    os.close(descriptor)
    return Path(path)


def _names(given: str | None) -> tuple[str, ...] | None:
    return None if given is None else tuple(name.strip() for name in given.split(","))


def absolute(path: str) -> str:
    """The path as workers with another working directory find it."""
    return path if "://" in path else os.path.abspath(path)


def _line(summary: Mapping[str, Any]) -> str:
    names = ("rows_in", "rows_out", "rows_rejected", "seconds", "rows_per_second")
    return " ".join(f"{name}={summary[name]}" for name in (*names, "output"))
