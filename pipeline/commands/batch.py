"""What the commands `predict` and `embed` share: their options, and how a job runs."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import logging
import os
import signal
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from components.text_example_gen.checks import DataPreview
from components.text_example_gen.file_systems import needs_beam
from components.text_example_gen.input_files import locate, match_files
from components.text_example_gen.options import QUOTINGS, ReadOptions
from components.text_example_gen.reading.layout import told
from keras_elmo import paths
from pipeline.batch.destination import (
    WORK_SUFFIX,
    OutputExists,
    check_inputs,
    check_place,
    check_present,
    check_summary_file,
)
from pipeline.batch.formats.table import HDF5
from pipeline.batch.inputs import first_look
from pipeline.batch.leftovers import remove_left
from pipeline.batch.staging import Request
from pipeline.commands.allowance import Allowance
from pipeline.commands.numbers import WholeNumber
from pipeline.commands.options import refuse_stray
from pipeline.errors import RunError, UserError, brief_line
from pipeline.files import is_local, short_names
from pipeline.full_disk import with_full_disk
from pipeline.interrupts import reraise_interrupt
from pipeline.lean_imports import no_garbage_search, without_unused
from pipeline.precision import AUTO, BFLOAT16, FLOAT32
from pipeline.runs.outcomes import reason_of
from pipeline.runs.progress import say_loading, say_tokenizer
from pipeline.terminal import visible_line

if TYPE_CHECKING:  # they import Beam
    from pipeline.batch.output import BatchOutput
    from pipeline.batch.run_job import JobSummary

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
        "--text-column",
        multiple=True,
        default=("text",),
        help="Column with the text; default: text. Repeatable: the texts are joined.",
    ),
    click.option("--key", help="Column that tells rows apart; every row must have it."),
    click.option("--keep", help="Columns to carry over: id,date; default: all."),
    click.option("--columns", help="Names of all columns, where no header gives them."),
    click.option(
        "--input-format",
        default="auto",
        help="auto (default), csv, tsv, jsonl, json, parquet, fasttext, trec or "
        "folder.",
    ),
    click.option("--encoding", help="Of the files, such as cp1252; default: found."),
    click.option("--delimiter", help="Between fields, such as ';'; default: found."),
    click.option(
        "--quoting",
        type=click.Choice(QUOTINGS),
        default="auto",
        help="double: fields may be in double quotes; none: quotes are text.",
    ),
    click.option(
        "--escape-character", help="Before quotes that are text, such as '\\'."
    ),
    click.option("--shards", type=WholeNumber(1, 10_000), help="Files of the output."),
    click.option("--overwrite", is_flag=True, help="Replace an earlier output."),
    click.option(
        "--max-rejected",
        default="1%",
        help="Rows (100) or share (1%, the default) above which the exit code is 1.",
    ),
    click.option(
        "--max-replaced",
        default="1%",
        help="Rows or share with undecodable characters, above which it is 1.",
    ),
    click.option(
        "--precision",
        type=click.Choice((FLOAT32, BFLOAT16, AUTO)),
        default=FLOAT32,
        help="float32 (default), bfloat16, or auto: whichever is faster here.",
    ),
    click.option("--summary", help="File for the summary, as JSON."),
    click.argument("beam_args", nargs=-1, type=click.UNPROCESSED),
)
_RUNNING = ".running.log"  # behind the number of the process; a kept log has no number
_SHOWN_NAMES = 5
_ADDED_VALUES = 2**20  # to the rows of a chunk, such as probabilities

# Returns the scorer, and what the summary says of its model.
ScorerMaker = Callable[[], tuple[Any, dict[str, str]]]


def batch_options(command: Callable) -> Callable:
    """Adds the options of input, output and errors to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def run_batch(
    arguments: Mapping[str, Any],
    *,
    format: str,
    chunk_rows: int,
    chunk_chars: int,
    make_scorer: ScorerMaker,
    suggest: bool = False,
) -> None:
    """Runs a job and prints one line about it, `name=value` for a script to read.

    Args:
        arguments: Values of `batch_options`.
        format: Of the output.
        chunk_rows: Rows that are scored together, at most.
        chunk_chars: Characters of them, at most, unless one text is longer.
        make_scorer: Loads and checks the model. Called where the libraries' messages go
            into the log.
        suggest: Whether to say that the texts need another tokenizer, if they do.

    Raises:
        UserError: An option, the data or the model is wrong.
        RunError: The job failed; or all is written, but too many rows were rejected.
    """
    refuse_stray(click.get_current_context(), arguments["beam_args"])
    allowance = Allowance.parse(arguments["max_rejected"], "--max-rejected")
    replaceable = Allowance.parse(arguments["max_replaced"], "--max-replaced")
    request = _request(arguments, format, chunk_rows, chunk_chars)
    places = {"--output": (arguments["output"],), "--input": request.inputs}
    for option, given in places.items():
        if "" in given:  # it would mean the working directory
            raise UserError(f"option {option}: a name is expected. Received: ''")
    _check_places(request, arguments["summary"])
    summary = _run(request, make_scorer, suggest)
    if arguments["summary"] is not None:
        _write_summary(arguments["summary"], summary)
    click.echo(visible_line(_line(summary)))
    if renamed := summary.counts["renamed_columns"]:
        names = _some(list(renamed))
        click.echo(
            f"columns that could not keep their names are called {names}", err=True
        )
    if summary.left_out:
        names = _some(short_names(summary.left_out))
        click.echo(f"not read, by their names: {names}", err=True)
    for line in told(summary.counts["layouts"]):
        click.echo(visible_line(line), err=True)
    if replaced := summary.counts["replaced_utf8"]:
        click.echo(
            f"rows with U+FFFD for what cannot be decoded: {replaced:,}", err=True
        )
    _check_all(summary, allowance.check_rejected, replaceable.check_replaced)


def _check_all(summary: JobSummary, *checks: Callable[[JobSummary], None]) -> None:
    """Raises what is wrong with a finished job, all of it at once."""
    faults = []
    for check in checks:
        try:
            check(summary)
        except RunError as error:
            faults.append(error.format_message())
    if faults:
        others = [f"and {fault}" for fault in faults[1:]]
        raise RunError(faults[0], lines=others)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(brief_line(name) for name in names[:_SHOWN_NAMES])
    return shown + (", ..." if names[_SHOWN_NAMES:] else "")


def _write_summary(path: str, summary: JobSummary) -> None:
    text = json.dumps(summary.to_dict(), ensure_ascii=False, indent=1)
    try:
        # Not by a rename: what the user names may be a pipe or a link.
        Path(path).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise RunError(
            f"option --summary: cannot be written: {path}: {error.strerror}\n"
            f"hint: the output is complete; {summary.output}/summary.json says the same"
        ) from error


def _check_places(request: Request, summary: str | None) -> None:
    """Refuses what cannot be written before the seconds that the libraries take.

    Of other file systems `BatchOutput.check` knows, and `run_job` of what a glob means.
    """
    check_place(request.output)
    if is_local(request.output):
        try:
            check_present(request.output, overwrite=request.overwrite)
        except OutputExists:  # what a killed job has left goes all the same
            remove_left(request.output.rstrip("/") + WORK_SUFFIX)
            raise
    check_inputs(request.inputs, request.output)
    if summary is not None:
        check_summary_file(summary, request.inputs, request.output)


def _look(request: Request) -> dict[str, DataPreview]:
    """Looks at the data of this machine before the seconds that the libraries take."""
    local = [data for data in request.inputs if not needs_beam(data)]
    if os.path.isdir(request.output):  # a glob may mean what an earlier job wrote
        for data in local:
            pattern = locate(data, request.options.format).pattern
            check_inputs((file.path for file in match_files(pattern)), request.output)
    return {data: first_look(data, request.options) for data in local}


def _request(
    arguments: Mapping[str, Any], format: str, chunk_rows: int, chunk_chars: int
) -> Request:
    key, keep = arguments["key"], _names(arguments["keep"])
    if keep is not None:
        if "" in keep:
            raise UserError(
                "option --keep: names with commas between them are expected. "
                f"Received: {arguments['keep']!r}"
            )
        keep = tuple(dict.fromkeys(keep))
    if key is not None and keep is not None and key not in keep:
        keep = (key, *keep)
    try:
        options = ReadOptions(
            format=arguments["input_format"],
            text_column=arguments["text_column"],
            label_column=None,
            key_column=key,
            columns=_names(arguments["columns"]),
            encoding=arguments["encoding"],
            delimiter=arguments["delimiter"],
            quoting=arguments["quoting"],
            escape_character=arguments["escape_character"],
            keep_all=keep is None,
            other_columns=keep or (),
        )
    except ValueError as error:
        raise UserError(f"input options: {error}") from error
    return Request(
        inputs=arguments["inputs"],
        options=options,
        # HDF5 has no columns but the key.
        keep=keep if format != HDF5 else () if key is None else (key,),
        output=_behind_link(absolute(arguments["output"])),
        overwrite=arguments["overwrite"],
        format=format,
        shards=arguments["shards"],
        chunk_rows=chunk_rows,
        chunk_chars=chunk_chars,
        beam_args=arguments["beam_args"],
    )


class JobInterrupted(RunError):
    """A signal came when only leftovers had to be removed."""

    exit_code = 128 + signal.SIGINT  # or that of another signal, which `cli` knows


def _run(request: Request, make_scorer: ScorerMaker, suggest: bool) -> JobSummary:
    """Runs the job; what the libraries print goes to a log, kept if the job fails."""
    from pipeline.runs.run_log import run_log

    log = _new_log()
    try:
        with run_log(log):
            previews = _look(request)
    except BaseException:
        log.unlink(missing_ok=True)
        raise
    better = {look.tokenizer for look in previews.values() if look.tokenizer}
    if suggest and better:
        say_tokenizer(min(better), "--tokenizer ")
    say_loading()
    output: BatchOutput | None = None
    with run_log(log) as terminal, without_unused():
        try:
            with no_garbage_search():
                from pipeline.batch.output import BatchOutput
                from pipeline.batch.run_job import run_job

            output = BatchOutput(request.output)
            output.check(overwrite=request.overwrite)
            with output.locked():
                with no_garbage_search():
                    scorer, model = make_scorer()
                # The rows of a chunk are held with what the scorer adds to them.
                most = max(1, _ADDED_VALUES // len(scorer.fields))
                summary = run_job(
                    dataclasses.replace(
                        request, chunk_rows=min(request.chunk_rows, most)
                    ),
                    scorer,
                    output,
                    model=model,
                    terminal=terminal,
                    previews=previews,
                )
        except KeyboardInterrupt as error:
            if output is None or not output.is_there:
                raise
            done = f"interrupted; the output is complete: {request.output}"
            raise JobInterrupted(done) from error
        except (UserError, RunError) as error:
            kind = UserError if isinstance(error, UserError) else RunError
            raise kind(reason_of(error)) from error  # without Beam's own words
        # Whatever a worker raises, the user is told why and where to read on.
        except Exception as error:  # noqa: BLE001
            reraise_interrupt(error)
            logging.exception("the job failed")
            kept = log.rename(log.with_name(log.name.partition(".")[0] + ".log"))
            lines = (f"log: {kept}", "the same command goes on from here")
            reason = with_full_disk(reason_of(error), request.output)
            raise RunError(reason, lines=lines) from error
        finally:
            log.unlink(missing_ok=True)
    return summary


def _new_log() -> Path:
    """Returns a log of this process; those that killed jobs left are removed."""
    for path in Path(tempfile.gettempdir()).glob(f"elmo-tfx-*{_RUNNING}"):
        with contextlib.suppress(OSError, ValueError):  # it is somebody else's
            try:
                os.kill(int(path.name.removesuffix(_RUNNING).rpartition(".")[2]), 0)
            except ProcessLookupError:
                path.unlink()
    now = datetime.datetime.now().strftime("%Y-%m-%dT%H-%M-%S")
    suffix = f".{os.getpid()}{_RUNNING}"
    descriptor, path_of_log = tempfile.mkstemp(suffix, f"elmo-tfx-{now}-")
    os.close(descriptor)
    return Path(path_of_log)


def _names(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(name.strip() for name in text.split(","))


def absolute(path: str) -> str:
    """Returns the path as workers with another working directory find it."""
    return paths.absolute(path) if is_local(path) else path


def _behind_link(path: str) -> str:
    """Returns the folder that a link leads to, which a job would put in its place."""
    path = path.rstrip("/") or path
    is_link = is_local(path) and os.path.islink(path)
    return os.path.realpath(path) if is_link else path


def _line(summary: JobSummary) -> str:
    names = ("rows_in", "rows_out", "rows_rejected", "seconds", "rows_per_second")
    values = summary.to_dict()
    return " ".join(f"{name}={values[name]}" for name in (*names, "output"))
