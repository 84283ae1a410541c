"""One step of the compiled pipeline, as its container starts it.

python -m elmo_kubeflow.step start --executor-input '{{$}}'
python -m elmo_kubeflow.step node Transform --executor-input '{{$}}'
python -m elmo_kubeflow.step end --executor-input '{{$}}'
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from elmo_kubeflow import step_names as names
from elmo_kubeflow.step_outputs import Shown, shown_of, write_summary
from pipeline.config import Config, load_config
from pipeline.config.checked import checked_config
from pipeline.run_node import log_to_stderr, report_lines, run_node, time_limit
from pipeline.runs.lifecycle import RunPlan, end_run, prepare_run


class ExecutorInput:
    """The inputs and outputs of one step.

    Args:
        text: JSON, as KFP gives it.

    Raises:
        ValueError: It is none.
    """

    def __init__(self, text: str) -> None:
        given = json.loads(text)
        self.parameters: Mapping[str, Any] = given.get("inputs", {}).get(
            "parameterValues", {}
        )
        self._outputs = given.get("outputs", {})

    def write_parameter(self, name: str, value: str) -> None:
        """Writes the value of an output parameter."""
        _write(Path(self._outputs["parameters"][name]["outputFile"]), value)

    def describe_artifacts(
        self, metadata: Mapping[str, Mapping[str, Any]], uris: Mapping[str, str]
    ) -> None:
        """Tells KFP what its interface shall show of the step's output artifacts.

        Args:
            metadata: Name of the output -> names and values.
            uris: Name of the output -> address, where it is not the one KFP chose.
        """
        described = {}
        for name in {**metadata, **uris}:
            (artifact,) = self._outputs["artifacts"][name]["artifacts"]
            described[name] = {
                "artifacts": [
                    {
                        "name": artifact["name"],
                        "uri": uris.get(name, artifact["uri"]),
                        "metadata": {
                            **artifact.get("metadata", {}),
                            **metadata.get(name, {}),
                        },
                    }
                ]
            }
        _write(Path(self._outputs["outputFile"]), json.dumps({"artifacts": described}))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


class _Executor(click.ParamType):
    name = "json"

    def convert(self, value: Any, param: Any, ctx: Any) -> ExecutorInput:
        try:
            return ExecutorInput(value)
        except ValueError as error:
            self.fail(f"it is no JSON ({error})", param, ctx)


class _Step(click.Command):
    """A command whose errors are those of this project."""

    def invoke(self, ctx: click.Context) -> Any:
        log_to_stderr()
        with time_limit(ctx.params.pop("timeout_minutes"), str(self.name)):
            return super().invoke(ctx)


@click.group()
def main() -> None:
    """Run one step of a pipeline that Kubeflow Pipelines or Vertex AI runs."""


_EXECUTOR = click.option(
    "--executor-input", "executor", type=_Executor(), required=True
)
_LIMIT = click.option("--timeout-minutes", type=click.FloatRange(min=0, min_open=True))
_FILE = click.Path(path_type=Path, dir_okay=False)


@main.command(cls=_Step)
@_EXECUTOR
@_LIMIT
def start(executor: ExecutorInput) -> None:
    """Find the span, check the configuration, and see whether anything is new."""
    given = executor.parameters
    config = _given_config(given)
    prepared = prepare_run(checked_config(config))
    nothing_new = None if given.get(names.FORCE) else prepared.nothing_new
    outputs = {
        names.RESOLVED_CONFIG: prepared.config.model_dump_json(),
        names.FINGERPRINT: prepared.plan.fingerprint,
        names.SPAN_NAME: prepared.plan.span,
        names.IS_NEW: names.YES if nothing_new is None else "false",
    }
    for name, value in outputs.items():
        executor.write_parameter(name, value)
    span = f"span {prepared.plan.span} of " if prepared.plan.span else ""
    data = f"{span}{prepared.config.data.pattern}"
    click.echo(nothing_new or f"this run reads {data}")


@main.command(cls=_Step)
@click.argument("name")
@_EXECUTOR
@_LIMIT
@click.option("--report", type=_FILE, help="Where KFP wants the page of this node.")
def node(name: str, executor: ExecutorInput, report: Path | None) -> None:
    """Run one node of the pipeline."""
    config, run_id = _config(executor), _run_id(executor)
    record = run_node(config, name, run_id)
    click.echo("\n".join(report_lines(record)))
    shown = shown_of(record, config, run_id)
    if shown is not None:
        _show(shown, executor, report)


@main.command(cls=_Step)
@_EXECUTOR
@_LIMIT
@click.option("--summary", type=_FILE, required=True)
def end(executor: ExecutorInput, summary: Path) -> None:
    """Write the summary, remove old versions, and record that the run ended well."""
    config, run_id = _config(executor), _run_id(executor)
    given = executor.parameters
    plan = RunPlan(given[names.FINGERPRINT], given[names.SPAN_NAME])
    removed = end_run(config, run_id, plan)
    click.echo(write_summary(summary, config, run_id, removed))


def _given_config(given: Any) -> Config:
    """The configuration as it was compiled, with what the form overrides."""
    span, steps = str(given[names.SPAN]).strip(), int(given[names.TRAINING_STEPS])
    options = json.loads(given[names.CONFIG])
    options["data"]["pattern"] = given[names.DATA_PATTERN]
    options["data"]["span"] = int(span) if span.isdecimal() else span
    options["train"]["max_steps"] = steps or None
    return load_config(options=options)


def _config(executor: ExecutorInput) -> Config:
    return load_config(options=json.loads(executor.parameters[names.CONFIG]))


def _run_id(executor: ExecutorInput) -> str:
    return str(executor.parameters[names.RUN_ID])


def _show(shown: Shown, executor: ExecutorInput, report: Path | None) -> None:
    if report is not None and shown.page is not None:
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(shown.page, encoding="utf-8")
    executor.describe_artifacts(shown.metadata, shown.uris)


if __name__ == "__main__":
    main()
