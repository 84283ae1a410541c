"""The commands `elmo-tfx kubeflow runs` and `show`."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import click

from elmo_kubeflow import runs
from elmo_kubeflow.cli_command import (
    ClusterCommand,
    connect_with,
    section,
    server_options,
    where_options,
)
from elmo_kubeflow.cli_table import as_table
from elmo_kubeflow.cli_wait import wait_for
from elmo_kubeflow.submit import experiment_id


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
