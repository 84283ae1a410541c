"""The commands `elmo-tfx kubeflow runs` and `show`."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import click

from elmo_kubeflow.commands.options import (
    ClusterCommand,
    as_table,
    connect_with,
    section,
    server_options,
    where_options,
)
from elmo_kubeflow.errors import KubeflowError, RunEnded
from elmo_kubeflow.server import runs
from elmo_kubeflow.server.submit import experiment_id


class Interrupted(click.ClickException):
    """Who waited has left; the code is that of a shell for Ctrl-C."""

    exit_code = 130


def wait_for(client: Any, run_id: str) -> None:
    """Shows each step of a run on stderr until the run ends.

    Raises:
        RunEnded: It has not succeeded; the message names the step.
        KubeflowError: The server cannot be asked any more; the run goes on.
        Interrupted: It was no more waited for; the run goes on.
    """
    again = f"(hint: elmo-tfx kubeflow show {run_id} --wait)"
    try:
        run = runs.follow(client, run_id, report=_report, trouble=_complain)
    except KeyboardInterrupt as error:
        raise Interrupted(f"interrupted; the run goes on {again}") from error
    except KubeflowError as error:
        raise KubeflowError(f"the run goes on unseen: {error} {again}") from error
    seconds = runs.seconds_of(run.created_at, run.finished_at)
    took = "" if seconds is None else f" after {seconds:.0f} s"
    if run.state != "SUCCEEDED":
        raise RunEnded(
            f"run {run_id} has {run.state.lower()}{took}: {runs.what_failed(run)}"
            if run.state == "FAILED"
            else f"run {run_id} was {run.state.lower()}{took}"
        )
    click.echo(f"succeeded{took}", err=True)


def state_of(step: runs.Step) -> str:
    """The state of a step, and how long it ran."""
    seconds = "" if step.seconds is None else f" ({step.seconds:.0f} s)"
    error = f": {step.error}" if step.error else ""
    return f"{step.name}: {step.state.lower()}{seconds}{error}"


def _report(step: runs.Step) -> None:
    click.echo(state_of(step), err=True)


def _complain(trouble: str) -> None:
    click.echo(f"{trouble}; asking again", err=True)


@click.command(
    "runs",
    cls=ClusterCommand,
    short_help="List the last runs.",
    epilog="""\b
Examples:
  elmo-tfx kubeflow runs --host https://kfp.example.org
  elmo-tfx kubeflow runs --config run.yaml --count 50
""",
)
@where_options
@server_options
@click.option(
    "--count",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="How many.",
)
def list_command(
    config: Path | None,
    pipeline: str | None,
    host: str | None,
    credentials: Path | None,
    namespace: str | None,
    count: int,
) -> None:
    """List the last runs of the pipeline, newest first."""
    options = section(config)
    namespace = namespace or options.namespace
    client = connect_with(host, credentials)
    experiment = experiment_id(
        client, pipeline or options.pipeline_name, namespace=namespace
    )
    found = runs.recent(client, experiment=experiment, namespace=namespace, count=count)
    rows = [
        (run.run_id, _lower(run.state), _minute(run.created_at), _took(run), _name(run))
        for run in found
    ]
    click.echo(as_table(("RUN", "STATE", "CREATED", "SECONDS", "NAME"), rows))


@click.command(
    "show",
    cls=ClusterCommand,
    short_help="Show the steps of a run.",
    epilog="""\b
Examples:
  elmo-tfx kubeflow show 7f0c2d64-6a3b-4f7c-9a56-0d6a6f0f5b1e
  elmo-tfx kubeflow show 7f0c2d64-6a3b-4f7c-9a56-0d6a6f0f5b1e --wait
""",
)
@click.argument("run_id")
@server_options
@click.option("--wait", is_flag=True, help="Show each step until the run ends.")
def show_command(
    run_id: str,
    host: str | None,
    credentials: Path | None,
    wait: bool,
) -> None:
    """Show the steps of a run: state, seconds, and what went wrong.

    With --wait exit code 0 says that the run has succeeded, 1 that it has not.
    """
    client = connect_with(host, credentials)
    if wait:
        wait_for(client, run_id)
        return
    run = client.get_run(run_id)
    click.echo(f"{run.run_id} {_lower(run.state)} {_took(run)} s  {_name(run)}")
    now = datetime.datetime.now(datetime.timezone.utc)
    rows = [
        (step.name, step.state.lower(), _seconds(step.seconds), step.error)
        for step in runs.steps_of(run, now)
    ]
    click.echo(as_table(("STEP", "STATE", "SECONDS", "ERROR"), rows))


def _took(run: Any) -> str:
    return _seconds(runs.seconds_of(run.created_at, run.finished_at))


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.0f}"


def _minute(time: datetime.datetime | None) -> str:
    return "-" if time is None else f"{time:%Y-%m-%d %H:%M}"


def _lower(state: str | None) -> str:
    return (state or "pending").lower()


def _name(run: Any) -> str:
    return str(run.display_name or "")
