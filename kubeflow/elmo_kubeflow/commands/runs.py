"""The commands `elmo-tfx kubeflow runs` and `show`, and waiting for a run to end."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import click

from elmo_kubeflow.commands.options import (
    CREDENTIALS,
    HOST,
    as_table,
    connect_with,
    experiment_options,
    find_experiment,
)
from elmo_kubeflow.errors import KubeflowError, RunEnded
from elmo_kubeflow.server import runs
from pipeline.commands.numbers import WholeNumber


@click.command(
    "runs",
    epilog="""\b
Examples:
  elmo-tfx kubeflow runs --host https://kfp.example.org
  elmo-tfx kubeflow runs --config run.yaml --count 50
""",
)
@experiment_options
@click.option(
    "--count",
    type=WholeNumber(1),
    default=10,
    show_default=True,
    help="How many.",
)
def runs_command(count: int, **options: Any) -> None:
    """List the last runs of the pipeline, newest first."""
    client, experiment, namespace = find_experiment(**options)
    newest = runs.recent(
        client, experiment=experiment, namespace=namespace, count=count
    )
    rows = [
        (run.run_id, _state(run), _minute(run.created_at), _took(run), _name(run))
        for run in newest
    ]
    click.echo(as_table(("RUN", "STATE", "CREATED", "SECONDS", "NAME"), rows))


@click.command(
    "show",
    epilog="""\b
Examples:
  elmo-tfx kubeflow show 7f0c2d64-6a3b-4f7c-9a56-0d6a6f0f5b1e
  elmo-tfx kubeflow show 7f0c2d64-6a3b-4f7c-9a56-0d6a6f0f5b1e --wait
""",
)
@click.argument("run_id")
@HOST
@CREDENTIALS
@click.option("--wait", is_flag=True, help="Show each step until the run ends.")
def show_command(
    run_id: str, host: str | None, credentials: Path | None, wait: bool
) -> None:
    """Show the steps of a run: state, seconds, and what went wrong.

    With --wait exit code 0 says that the run has succeeded, 1 that it has not.
    """
    client = connect_with(host, credentials)
    if wait:
        wait_for(client, run_id)
        return
    run = client.get_run(run_id)
    click.echo(f"{run.run_id} {_state(run)} {_took(run)} s  {_name(run)}")
    rows = [
        (step.name, step.state.lower(), _seconds(step.seconds), step.error)
        for step in runs.steps_of(run)
    ]
    click.echo(as_table(("STEP", "STATE", "SECONDS", "ERROR"), rows))


class Interrupted(click.ClickException):
    """Ctrl-C ended the waiting; the exit code is a shell's for that."""

    exit_code = 130


def wait_for(client: Any, run_id: str) -> None:
    """Shows each step of a run on stderr until the run ends.

    Raises:
        RunEnded: It has not succeeded; the message names the step.
        KubeflowError: The server can no longer be asked; the run goes on.
        Interrupted: Ctrl-C was pressed; the run goes on.
    """
    hint = f"(hint: elmo-tfx kubeflow show {run_id} --wait)"
    try:
        run = runs.follow(
            client,
            run_id,
            report=lambda step: click.echo(_line_of(step), err=True),
            trouble=lambda error: click.echo(f"{error}; asking again", err=True),
        )
    except KeyboardInterrupt as error:
        raise Interrupted(f"interrupted; the run goes on {hint}") from error
    except KubeflowError as error:
        raise KubeflowError(
            f"the run goes on, but cannot be followed: {error} {hint}"
        ) from error
    seconds = runs.seconds_of(run.created_at, run.finished_at)
    took = "" if seconds is None else f" after {seconds:.0f} s"
    if run.state == "FAILED":
        raise RunEnded(f"run {run_id} has failed{took}: {runs.failed_steps(run)}")
    if run.state != "SUCCEEDED":
        raise RunEnded(f"run {run_id} was {_state(run)}{took}")
    click.echo(f"succeeded{took}", err=True)


def _line_of(step: runs.Step) -> str:
    seconds = "" if step.seconds is None else f" ({step.seconds:.0f} s)"
    error = f": {step.error}" if step.error else ""
    return f"{step.name}: {step.state.lower()}{seconds}{error}"


def _state(run: Any) -> str:
    return (run.state or "pending").lower()


def _minute(time: datetime.datetime | None) -> str:
    return "-" if time is None else f"{time:%Y-%m-%d %H:%M}"


def _took(run: Any) -> str:
    return _seconds(runs.seconds_of(run.created_at, run.finished_at))


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.0f}"


def _name(run: Any) -> str:
    return str(run.display_name or "")
