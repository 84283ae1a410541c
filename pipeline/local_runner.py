"""Runs the pipeline on this machine.

`run` is what `elmo-tfx run` calls. As a script this file is a runner for TFX's own
command line: `ELMO_TFX_CONFIG` names a YAML file, and then

    tfx pipeline create --engine=local --pipeline_path=pipeline/local_runner.py
    tfx run create --engine=local --pipeline_name=elmo_tfx
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    # Started by its path, Python looks into this folder first, and would take
    # pipeline.py in it for the package.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import contextlib
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, TextIO

import absl.logging

from components.text_example_gen.file_systems import needs_beam
from pipeline.config import Config, load_config
from pipeline.config.checked import (
    TYPED,
    CheckedConfig,
    check_libraries,
    checked_config,
    first_look,
)
from pipeline.errors import RunError, UserError, with_typed_options
from pipeline.interrupts import raise_if_interrupted, reraise_interrupt
from pipeline.metadata.place import describe_move
from pipeline.output_folder import (
    OutputFolder,
    OutputUnusable,
    describe_missing,
)
from pipeline.runs.outcomes import (
    NothingNew,
    RunFailed,
    RunResult,
    is_drift,
    is_ours,
    keep_failure,
    reason_of,
)
from pipeline.runs.past_runs import PastRun, close_interrupted, write_run
from pipeline.runs.progress import Progress, say_loading, say_tokenizer
from pipeline.runs.run_log import run_log
from pipeline.terminal import visible_line

if TYPE_CHECKING:
    from pipeline.runs.lifecycle import PreparedRun
    from pipeline.runs.summary import RunSummary

_LOGGER = logging.getLogger(__name__)
_CONFIG_VARIABLE = "ELMO_TFX_CONFIG"


@contextlib.contextmanager
def run(
    config: Config,
    *,
    only_if_new: bool = False,
    clock: Callable[[], datetime] = datetime.now,
) -> Iterator[RunResult | NothingNew]:
    """Runs the pipeline into `config.output`, with progress on stderr.

    The output is held until the context ends: to others a run whose summary is still
    written would seem to be one that was killed.

    Running it again is safe: what is unchanged comes from TFX's cache, a run that
    was killed is taken up after its last finished node, and a model is pushed once.

    Args:
        config: What to run; see `checked_config` for what is checked beforehand.
        only_if_new: Run nothing, and yield `NothingNew`, where data, options and
            code are those of the last run that ended well.
        clock: Returns the time that names the run and its log; for tests.

    Yields:
        What ended well, for `summarize`; or that there is nothing new.

    Raises:
        ConfigError: The data, the ELMo source, the schema or the output cannot be
            used.
        OutputUnusable: Another run writes into the output, or its disk is nearly full.
        MoveIncomplete: The output was copied in part.
        RunFailed: A node failed.
    """
    output = OutputFolder(config.output)
    if os.path.lexists(output.path):
        with output.locked():
            pass  # another run is reported now, not when all is loaded
    checked, library_output = _checked(config)
    with output.locked():
        output.prepare(checked.data_bytes)  # a log needs room, too
        log = output.new_log(clock())
        log.write_bytes(library_output)
        # Heavy imports come this late so that their messages go into the log.
        with run_log(log) as terminal, _without_arguments():
            from pipeline.runs.lifecycle import prepare_run

            prepared = prepare_run(checked, alone=True)
            if prepared.moved_from is not None:
                terminal.write(f"{describe_move(prepared.moved_from)}\n")
            if prepared.missing:
                terminal.write(f"{describe_missing(prepared.missing, output)}\n")
            if only_if_new and prepared.nothing_new is not None:
                _LOGGER.info("%s", prepared.nothing_new)
                result: RunResult | NothingNew = prepared.nothing_new
            else:
                terminal.write(f"log: {visible_line(str(log))}\n")
                result = _run_nodes(prepared, log, clock(), terminal)
        yield result


def _run_nodes(
    prepared: PreparedRun, log: Path, now: datetime, terminal: TextIO
) -> RunResult:
    config, output = prepared.config, prepared.output
    begun = _begin(output, now, log)  # before the imports, which take seconds
    run_id = begun.run_id
    seconds: dict[str, float] = {}

    def say(line: str) -> None:
        _LOGGER.warning("%s", line)
        terminal.write(f"{visible_line(line)}\n")

    node = ""
    try:
        from pipeline.pipeline import create_pipeline
        from pipeline.runs.lifecycle import end_run
        from pipeline.runs.node_launcher import NodeLauncher

        launcher = NodeLauncher(create_pipeline(config), run_id, output.metadata)
        progress = Progress(terminal, total=len(launcher.nodes))
        for node in launcher.nodes:
            raise_if_interrupted()
            start = time.monotonic()
            with progress.showing(node) as has_ended:
                has_ended(launcher.launch(node))
            seconds[node] = time.monotonic() - start
        node = ""
        record = output.open_metadata().runs.of(run_id)
        removed = end_run(config, run_id, prepared.plan, say)
    # Whatever a component raises, the user is told which one and why.
    except Exception as error:  # noqa: BLE001
        reraise_interrupt(error)
        raise _failure(error, node, output, begun) from error
    # What nodes really took: the clock may have been set meanwhile.
    nodes = [
        replace(each, seconds=seconds.get(each.node, each.seconds))
        for each in record.nodes
    ]
    record = replace(record, nodes=nodes)
    return RunResult(config, output, record, begun, log, removed)


def summarize(result: RunResult) -> RunSummary:
    """Returns what came of a run; what the libraries say goes into its log.

    Call it while the output is held, within the context of `run`.
    """
    with run_log(result.log) as terminal:
        from pipeline.runs.summarize import note_untold_pushes, summarize_run

        try:
            with Progress(terminal, total=0).telling("report"):
                summary = summarize_run(
                    result.config,
                    result.output,
                    result.record,
                    log=result.log,
                    begun=result.begun,
                )
            note_untold_pushes(result.output)
            return summary
        except Exception as error:
            reraise_interrupt(error)
            raise _failure(error, "", result.output, result.begun) from error


def _checked(config: Config) -> tuple[CheckedConfig, bytes]:
    """Checks the configuration, and returns what the libraries said meanwhile.

    Importing them is loud, and the log has no place before the output is locked.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "library_output"
        is_slow = needs_beam(config.data.pattern)
        if is_slow:
            say_loading()
        with run_log(path):
            checked = first_look(config)
        if checked.tokenizer is not None:
            say_tokenizer(checked.tokenizer)
        if not is_slow:
            say_loading()
        with run_log(path):
            check_libraries(checked.config)
        return checked, path.read_bytes()


@contextlib.contextmanager
def _without_arguments() -> Iterator[None]:
    """Hides this program's arguments from TFX, which reads sys.argv for its flags."""
    arguments = sys.argv
    sys.argv = arguments[:1]
    try:
        yield
    finally:
        sys.argv = arguments


def _begin(output: OutputFolder, now: datetime, log: Path) -> PastRun:
    """Notes that a run begins, and that no other one is under way."""
    began = now.astimezone(timezone.utc)
    begun = PastRun.begins(now.isoformat(), began, str(log))
    try:
        close_interrupted(output.path)
        write_run(output.path, begun)
    except OSError as error:
        raise OutputUnusable(
            f"option output: cannot be written: {error.filename}: {error.strerror}"
        ) from error
    return begun


def _damage_behind(output: OutputFolder, run_id: str) -> str:
    from pipeline.runs.damaged import damage_behind

    return damage_behind(output, run_id)


def _failure(
    error: Exception, node: str, output: OutputFolder, begun: PastRun
) -> RunFailed:
    """Returns the error that says why a run failed, and keeps that with the run."""
    logging.error("%s failed", node or "the run", exc_info=error)
    reason = with_typed_options(reason_of(error), TYPED)
    damage = "" if is_ours(error) else _damage_behind(output, begun.run_id)
    if damage:
        message, _, hint = damage.partition("\n")
        reason = f"{message} ({reason})\n{hint}"
    else:
        reason = output.why_failed(reason)
    failed = RunFailed(
        node=node,
        reason=reason,
        log=begun.log,
        run_id=begun.run_id,
        is_drift=is_drift(error),
    )
    keep_failure(output.path, begun, failed)
    return failed


def _run_for_tfx_cli() -> None:
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner

    from pipeline.metadata.store import is_on_server
    from pipeline.pipeline import create_pipeline
    from pipeline.runs.lifecycle import prepare_run
    from pipeline.runs.node_launcher import (
        cache_of_first_place,
        cache_of_what_is_served,
    )

    if is_on_server():
        sys.exit(
            "error: TFX's command line would log the password of ML Metadata's server "
            "(hint: use `elmo-tfx run`)"
        )
    path = os.environ.get(_CONFIG_VARIABLE)
    if not path:
        sys.exit(
            f"error: {_CONFIG_VARIABLE} must name a configuration file "
            "(hint: export it, or use `elmo-tfx run`)"
        )
    try:
        checked = checked_config(load_config(path))
        with OutputFolder(checked.config.output).locked():
            prepared = prepare_run(checked, alone=True)
            absl.logging.set_verbosity(absl.logging.INFO)
            place = cache_of_first_place(prepared.output.metadata)
            with place, cache_of_what_is_served():
                # TFX's command line demands exactly one call of run() in this file.
                LocalDagRunner().run(create_pipeline(prepared.config))
    except (UserError, RunError) as error:
        sys.exit(f"error: {error.format_message()}")


if __name__ == "__main__":
    _run_for_tfx_cli()
