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
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TextIO

import absl.logging

from pipeline.config import Config, ConfigError, load_config
from pipeline.failure import RunFailed, reason_of
from pipeline.output_folder import OutputFolder, OutputUnusable
from pipeline.progress import Progress
from pipeline.run_log import run_log
from pipeline.run_record import RunRecord, RunRecords

if TYPE_CHECKING:
    from pipeline.checked_config import CheckedConfig

_CONFIG_VARIABLE = "ELMO_TFX_CONFIG"


@dataclass(frozen=True)
class RunResult:
    """A run that ended well.

    Attributes:
        config: What was run, with absolute paths.
        output: The folder it wrote into.
        record: What every node did and made.
        log: Path of its log.
    """

    config: Config
    output: OutputFolder
    record: RunRecord
    log: Path


def run(config: Config, *, clock: Callable[[], datetime] = datetime.now) -> RunResult:
    """Runs the pipeline into `config.output`, with progress on stderr.

    Running it again is safe: what is unchanged comes from TFX's cache, a run that
    was killed is taken up after its last finished node, and a model is pushed once.

    Args:
        config: What to run; see `checked_config` for what is checked beforehand.
        clock: Gives the time that names the log; for tests.

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
        config = _with_kept_schema(config, output)
        log = output.new_log(clock())
        log.write_bytes(said)
        with run_log(log) as talk, _without_arguments():
            output.clean_after_kill()
            talk.write(f"log: {log}\n")
            _run_nodes(config, output, talk, log)
            record = RunRecords(output.metadata).latest()
            _remove_old_versions(output, config.push.keep_versions)
    if record is None:
        raise RunFailed(node="", reason="TFX recorded no run", log=str(log))
    unfinished = [n for n in record.nodes if n.state not in ("done", "unchanged")]
    if unfinished:
        # TFX's launcher returns in silence when a node's inputs cannot be resolved.
        raise RunFailed(
            node=unfinished[0].node, reason="its inputs are missing", log=str(log)
        )
    return RunResult(config, output, record, log)


def _checked(config: Config) -> tuple[CheckedConfig, bytes]:
    """Checks the configuration, and returns what the libraries said meanwhile.

    Importing them is loud, and the log has no place before the output is locked.
    """
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder) / "said"
        with run_log(said):
            from pipeline.checked_config import checked_config

            checked = checked_config(config)
        return checked, said.read_bytes()


def _with_kept_schema(config: Config, output: OutputFolder) -> Config:
    path = config.data.schema_path
    if path is None:
        return config
    data = config.data.model_copy(update={"schema_path": output.keep_schema(path)})
    return config.model_copy(update={"data": data})


@contextlib.contextmanager
def _without_arguments() -> Iterator[None]:
    """Hides this program's arguments from TFX, which reads sys.argv for its flags."""
    arguments = sys.argv
    sys.argv = arguments[:1]
    try:
        yield
    finally:
        sys.argv = arguments


def _run_nodes(config: Config, output: OutputFolder, talk: TextIO, log: Path) -> None:
    # Heavy imports come this late so that their messages go into the log.
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner

    from pipeline.pipeline import create_pipeline

    definition = create_pipeline(config)
    progress = Progress(talk, total=len(definition.components))
    tfx_logger = logging.getLogger("absl")
    tfx_logger.addHandler(progress)
    try:
        LocalDagRunner().run(definition)
    # Whatever a component raises, the user is told which one and why.
    except Exception as error:  # noqa: BLE001
        logging.exception("%s failed", progress.node or "the run")
        reason = reason_of(error)
        if output.is_full():
            # SQLite, among others, has its own words for it, or none.
            reason = f"No space left on device for {output.path} ({reason})"
        raise RunFailed(node=progress.node, reason=reason, log=str(log)) from error
    finally:
        tfx_logger.removeHandler(progress)
        progress.fail()  # if it has not ended well


def _remove_old_versions(output: OutputFolder, keep: int | None) -> None:
    from pipeline.retention import remove_old_versions

    if keep is not None:
        remove_old_versions(output.serving, keep)


def _run_for_tfx_cli() -> None:
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner

    from pipeline.checked_config import checked_config
    from pipeline.pipeline import create_pipeline

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
            definition = create_pipeline(_with_kept_schema(config, output))
            absl.logging.set_verbosity(absl.logging.INFO)
            # TFX's command line demands exactly one call of run() in this file.
            LocalDagRunner().run(definition)
    except (ConfigError, OutputUnusable) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    _run_for_tfx_cli()
