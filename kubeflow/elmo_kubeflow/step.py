"""One step of the compiled pipeline, as its container starts it.

python -m elmo_kubeflow.step start --executor-input '{{$}}'
python -m elmo_kubeflow.step node Transform --executor-input '{{$}}' --retries 2
python -m elmo_kubeflow.step end --executor-input '{{$}}'

With --retries this process only starts the same command, once or again; so it imports
neither TFX nor TensorFlow before a command is at work.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from elmo_kubeflow import step_names as names
from elmo_kubeflow.tries import PAUSE_SECONDS, is_a_try, run_tries
from pipeline.commands.numbers import FiniteNumber, WholeNumber
from pipeline.config import Config, load_config
from pipeline.metadata.lease import Lease, OutputLost
from pipeline.metadata.store import open_store
from pipeline.metadata.tries import StepTries
from pipeline.output_folder import OutputFolder
from pipeline.run_node import log_to_stderr, report_lines, run_node, time_limit
from pipeline.runs.outcomes import RunFailed, is_drift, keep_failure, reason_of
from pipeline.runs.past_runs import REPORT, PastRun, read_run, write_run
from pipeline.runs.webhook import Webhook, failed_before, tell
from pipeline.terminal import visible_line

_START = "start"  # the command that begins a run


class ExecutorInput:
    """KFP's message to one step: its inputs, and where its outputs belong.

    Args:
        text: JSON, as KFP writes it.

    Raises:
        ValueError: It is not JSON.
    """

    def __init__(self, text: str) -> None:
        message = json.loads(text)
        inputs = message.get("inputs", {})
        self.parameters: Mapping[str, Any] = inputs.get("parameterValues", {})
        self._outputs = message.get("outputs", {})
        self.is_over = False
        """Whether the run needs its output no longer, once this step has ended."""

    @property
    def config(self) -> Config:
        """The configuration that `Start` has resolved."""
        return load_config(options=json.loads(self.parameters[names.CONFIG]))

    @property
    def run_id(self) -> str:
        """Id of the run."""
        return str(self.parameters[names.RUN_ID])

    def tries(self, step: str) -> Callable[[int], int | None]:
        """Returns what counts a try of a step, and opens ML Metadata to do so."""

        def begin(most: int) -> int | None:
            output = OutputFolder(self._output)
            store = open_store(output.metadata)
            return StepTries(store, self.run_id, step).begin(most)

        return begin

    @contextlib.contextmanager
    def holding_output(self, step: str) -> Iterator[None]:
        """Holds the output for the run, against other runs, while the block works.

        Another run may have it if this one was not at work for half an hour: then what
        is left of this one must not go on. If that comes out within the block, the
        process ends.

        Args:
            step: Name of the step; `start` takes the output, all others had it before.

        Raises:
            OutputBusy: Another run holds it.
            OutputLost: Another run has taken it.
            MetadataUnavailable: ML Metadata cannot be reached.
        """
        lease = self._lease()
        if step == _START:
            lease.take()
        else:
            lease.keep()

        def end(error: OutputLost) -> None:
            self.keep_failure(error, step)
            click.echo(f"error: {error.format_message()}", err=True)
            os._exit(error.exit_code)  # another thread may be in C++

        with lease.kept(lost=end):
            yield
        if self.is_over:
            lease.release()

    def release_output(self) -> None:
        """Lets others have the output at once, as this run goes on no further."""
        try:
            self._lease().release()
        # Whatever is wrong with the database: it is free later all the same.
        except Exception as error:  # noqa: BLE001
            _say(f"the output is free in half an hour: {error}")

    def _lease(self) -> Lease:
        output = OutputFolder(self._output)
        store = open_store(output.metadata)
        return Lease(store, output.pipeline_name, self.run_id)

    @property
    def _output(self) -> str:
        return self._submitted["output"]

    def begin(self, config: Config) -> None:
        """Notes that a run begins, so that `elmo-tfx runs` shows it."""
        now = datetime.now(timezone.utc)
        write_run(config.output, PastRun.begins(self.run_id, now))

    def keep_failure(self, error: Exception, step: str) -> None:
        """Notes that this run has failed in a step, and why.

        Another try of the step may still succeed: then the end of the run notes that.
        """
        begun = self._begun()
        if begun is not None:
            reason = error.reason if isinstance(error, RunFailed) else reason_of(error)
            failed = RunFailed(node=step, reason=reason, is_drift=is_drift(error))
            keep_failure(Path(self._output), begun, failed)

    def tell_of_failure(self, step: str, reason: str) -> None:
        """Tells the receiver of `push.webhook`, if there is one, that a run failed.

        Args:
            step: The step, whose last try has ended.
            reason: Why, for want of what a try has noted: it may have been killed.
        """
        begun = self._begun()
        if begun is not None and begun.verdict == "running":
            self.keep_failure(RunFailed(node=step, reason=reason), step)
            begun = self._begun()
        if self.tells():
            run = begun or failed_before(f"{step}: {reason}")
            tell(self._output, run, _say)

    def tells(self) -> bool:
        """Whether a receiver is told what comes of the run."""
        return bool(self._submitted.get("push", {}).get("webhook"))

    @property
    def _submitted(self) -> dict[str, Any]:
        return json.loads(self.parameters[names.CONFIG])

    def _begun(self) -> PastRun | None:
        return read_run(self._output, self.run_id)

    def write_parameter(self, name: str, value: str) -> None:
        """Writes the value of an output parameter."""
        _write(Path(self._outputs["parameters"][name]["outputFile"]), value)

    def describe_artifacts(
        self, metadata: Mapping[str, Mapping[str, Any]], uris: Mapping[str, str]
    ) -> None:
        """Describes the step's output artifacts for KFP's interface.

        Args:
            metadata: Name of the output -> names and values.
            uris: Name of the output -> address, if it is not the one KFP chose.
        """
        described = {}
        for name in {**metadata, **uris}:
            (artifact,) = self._outputs["artifacts"][name]["artifacts"]
            own = artifact.get("metadata", {})
            described[name] = {
                "artifacts": [
                    {
                        "name": artifact["name"],
                        "uri": uris.get(name, artifact["uri"]),
                        "metadata": {**own, **metadata.get(name, {})},
                    }
                ]
            }
        _write(Path(self._outputs["outputFile"]), json.dumps({"artifacts": described}))


def _say(line: str) -> None:
    click.echo(visible_line(line), err=True)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


class _Json(click.ParamType):
    name = "json"

    def convert(self, value: Any, param: Any, ctx: Any) -> ExecutorInput:
        try:
            return ExecutorInput(value)
        except ValueError as error:
            self.fail(f"it is not JSON ({error})", param, ctx)


class _Step(click.Command):
    """A command with a log on stderr, a time limit for each try, and several tries."""

    def invoke(self, ctx: click.Context) -> Any:
        params = ctx.params
        retries, pause = params.pop("retries"), params.pop("pause_seconds")
        minutes, executor = params.pop("timeout_minutes"), params["executor"]
        step = params.get("name") or str(self.name)
        if retries and not is_a_try():
            command = [sys.executable, "-m", "elmo_kubeflow.step", *sys.argv[1:]]
            begin = executor.tries(step)
            code = run_tries(command, retries=retries, begin=begin, pause_seconds=pause)
            if code:
                executor.tell_of_failure(step, f"it ended with exit code {code}")
                executor.release_output()
            ctx.exit(code)
        log_to_stderr()
        try:
            with time_limit(minutes, step), executor.holding_output(step):
                return super().invoke(ctx)
        except Exception as error:
            executor.keep_failure(error, step)
            if not is_a_try():
                executor.tell_of_failure(step, reason_of(error))
                executor.release_output()
            raise


@click.group()
def main() -> None:
    """Run one step of a pipeline that Kubeflow Pipelines or Vertex AI runs."""


_EXECUTOR = click.option("--executor-input", "executor", type=_Json(), required=True)
_LIMIT = click.option(
    "--timeout-minutes",
    type=FiniteNumber(min=0, min_open=True),
    help="How long a try may take.",
)
_RETRIES = click.option(
    "--retries",
    type=WholeNumber(0),
    default=0,
    help="How often the step is started again if it fails.",
)
_PAUSE = click.option(
    "--pause-seconds",
    type=FiniteNumber(min=0),
    default=PAUSE_SECONDS,
    help="Time before the second try; each later pause is twice as long.",
)
_FILE = click.Path(path_type=Path, dir_okay=False)


def _step_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that every step has."""
    for option in (_PAUSE, _RETRIES, _LIMIT, _EXECUTOR):
        function = option(function)
    return function


@main.command(cls=_Step)
@_step_options
def start(executor: ExecutorInput) -> None:
    """Find the span, check the configuration, and see whether anything is new."""
    from pipeline.config.checked import checked_config
    from pipeline.runs.lifecycle import prepare_run

    parameters = executor.parameters
    if executor.tells():
        Webhook.from_environment()  # one that cannot be used is said now
    prepared = prepare_run(checked_config(_submitted_config(parameters)))
    nothing_new = None if parameters.get(names.FORCE) else prepared.nothing_new
    outputs = {
        names.RESOLVED_CONFIG: prepared.config.model_dump_json(),
        names.FINGERPRINT: prepared.plan.fingerprint,
        names.SPAN_NAME: prepared.plan.span,
        names.IS_NEW: names.YES if nothing_new is None else "false",
    }
    if nothing_new is None:
        executor.begin(prepared.config)
    executor.is_over = nothing_new is not None
    for name, value in outputs.items():
        executor.write_parameter(name, value)
    span = f"span {prepared.plan.span} of " if prepared.plan.span else ""
    data = f"{span}{prepared.config.data.pattern}"
    click.echo(visible_line(str(nothing_new or f"this run reads {data}")))


def _submitted_config(parameters: Mapping[str, Any]) -> Config:
    """Returns the configuration as it was compiled, with the run's own parameters."""
    span = str(parameters[names.SPAN]).strip()
    options = json.loads(parameters[names.CONFIG])
    options["data"]["pattern"] = parameters[names.DATA_PATTERN]
    options["data"]["span"] = int(span) if span.isdecimal() else span
    options["train"]["max_steps"] = int(parameters[names.TRAINING_STEPS]) or None
    return load_config(options=options)


@main.command(cls=_Step)
@click.argument("name")
@_step_options
@click.option("--report", type=_FILE, help="Where KFP wants the page of this node.")
def node(name: str, executor: ExecutorInput, report: Path | None) -> None:
    """Run one node of the pipeline."""
    from elmo_kubeflow.step_outputs import shown_of

    config, run_id = executor.config, executor.run_id
    record = run_node(config, name, run_id)
    click.echo("\n".join(report_lines(record)))
    shown = shown_of(record, config, run_id)
    if shown is None:
        return
    if report is not None and shown.page is not None:
        _write(report, shown.page)
    executor.describe_artifacts(shown.metadata, shown.uris)


@main.command(cls=_Step)
@_step_options
@click.option("--summary", type=_FILE, required=True)
@click.option("--report", type=_FILE, help="Where KFP wants the page of the run.")
def end(executor: ExecutorInput, summary: Path, report: Path | None) -> None:
    """Write the summary, remove old versions, and record that the run ended well."""
    from elmo_kubeflow.step_outputs import write_summary
    from pipeline.runs.lifecycle import RunPlan, end_run

    config, run_id = executor.config, executor.run_id
    parameters = executor.parameters
    plan = RunPlan(parameters[names.FINGERPRINT], parameters[names.SPAN_NAME])
    removed = end_run(config, run_id, plan)
    executor.is_over = True
    click.echo(write_summary(summary, config, run_id, removed))
    if report is not None:
        _write(report, (Path(config.output) / REPORT).read_text("utf-8"))
    run = read_run(config.output, run_id)
    if executor.tells() and run is not None:
        tell(config.output, run, _say)


def run() -> None:
    """Runs a step, and ends the process as soon as its work is done.

    The interpreter's own end is left out: there libraries in C++ may crash when all is
    written, and the step would count as failed.
    """
    try:
        main()
    except SystemExit as ending:
        code = ending.code
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
        code = 1
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


if __name__ == "__main__":
    run()
