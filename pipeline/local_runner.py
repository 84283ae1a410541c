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
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, TextIO

import absl.logging

from pipeline.config import Config, ConfigError, load_config
from pipeline.metadata.runs import RunRecords
from pipeline.output_folder import OutputFolder, OutputUnusable, with_kept_schema
from pipeline.runs.node_launcher import Progress
from pipeline.runs.outcomes import NothingNew, RunFailed, RunResult, reason_of
from pipeline.runs.run_log import run_log

if TYPE_CHECKING:
    from pipeline.config.checked import CheckedConfig

_LOGGER = logging.getLogger(__name__)
_CONFIG_VARIABLE = "ELMO_TFX_CONFIG"


def run(
    config: Config,
    *,
    only_if_new: bool = False,
    clock: Callable[[], datetime] = datetime.now,
) -> RunResult | NothingNew:
    """Runs the pipeline into `config.output`, with progress on stderr.

    Running it again is safe: what is unchanged comes from TFX's cache, a run that
    was killed is taken up after its last finished node, and a model is pushed once.

    Args:
        config: What to run; see `checked_config` for what is checked beforehand.
        only_if_new: Run nothing, and return `NothingNew`, where data, options and
            code are those of the last run that ended well.
        clock: Gives the time that names the run and its log; for tests.

    Raises:
        ConfigError: The data, the ELMo source, the schema or the output cannot be
            used.
        OutputUnusable: Another run writes into the output, or its disk is nearly full.
        RunFailed: A node failed.
    """
    checked, said = _checked(config)
    config, output = checked.config, OutputFolder(checked.config.output)
    with output.locked():
        output.prepare(checked.data_bytes)
        config = with_kept_schema(config, output)
        log = output.new_log(clock())
        log.write_bytes(said)
        with run_log(log) as talk, _without_arguments():
            from pipeline.metadata.store import open_store
            from pipeline.runs.lifecycle import end_run, plan_run

            output.clean_after_kill()
            plan = plan_run(config)
            if only_if_new:
                nothing = plan.nothing_new(
                    open_store(output.metadata), output.pipeline_name
                )
                if nothing is not None:
                    _LOGGER.info("%s", nothing)
                    return nothing
            talk.write(f"log: {log}\n")
            run_id = clock().isoformat()
            _run_nodes(config, output, run_id, talk, log)
            record = RunRecords(output.metadata).of(run_id)
            removed = end_run(output, config, run_id, plan)
    return RunResult(config, output, record, log, removed)


def _checked(config: Config) -> tuple[CheckedConfig, bytes]:
    """Checks the configuration, and returns what the libraries said meanwhile.

    Importing them is loud, and the log has no place before the output is locked.
    """
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder) / "said"
        with run_log(said):
            from pipeline.config.checked import checked_config

            checked = checked_config(config)
        return checked, said.read_bytes()


@contextlib.contextmanager
def _without_arguments() -> Iterator[None]:
    """Hides this program's arguments from TFX, which reads sys.argv for its flags."""
    arguments = sys.argv
    sys.argv = arguments[:1]
    try:
        yield
    finally:
        sys.argv = arguments


def _run_nodes(
    config: Config, output: OutputFolder, run_id: str, talk: TextIO, log: Path
) -> None:
    # Heavy imports come this late so that their messages go into the log.
    from pipeline.pipeline import create_pipeline
    from pipeline.runs.node_launcher import NodeLauncher

    launcher = NodeLauncher(create_pipeline(config), run_id, output.metadata)
    progress = Progress(talk, total=len(launcher.nodes))
    messages = [
        logging.getLogger("absl"),
        logging.getLogger("pipeline.runs.node_launcher"),
    ]
    for logger in messages:
        logger.addHandler(progress)
    try:
        for node in launcher.nodes:
            launcher.launch(node)
    # Whatever a component raises, the user is told which one and why.
    except Exception as error:  # noqa: BLE001
        logging.exception("%s failed", progress.node or "the run")
        reason = reason_of(error)
        if output.is_full():
            # SQLite, among others, has its own words for it, or none.
            reason = f"No space left on device for {output.path} ({reason})"
        raise RunFailed(node=progress.node, reason=reason, log=str(log)) from error
    finally:
        for logger in messages:
            logger.removeHandler(progress)
        progress.fail()  # if it has not ended well


def _run_for_tfx_cli() -> None:
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner

    from pipeline.config.checked import checked_config
    from pipeline.metadata.store import is_on_server
    from pipeline.pipeline import create_pipeline

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
        config, data_bytes = checked_config(load_config(path))
        output = OutputFolder(config.output)
        with output.locked():
            output.prepare(data_bytes)
            output.clean_after_kill()
            definition = create_pipeline(with_kept_schema(config, output))
            absl.logging.set_verbosity(absl.logging.INFO)
            # TFX's command line demands exactly one call of run() in this file.
            LocalDagRunner().run(definition)
    except (ConfigError, OutputUnusable) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    _run_for_tfx_cli()
