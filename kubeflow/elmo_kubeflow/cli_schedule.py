"""The commands `elmo-tfx kubeflow schedule create|pause|resume|delete|list`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from elmo_kubeflow import schedule, submit
from elmo_kubeflow.cli_command import (
    ClusterCommand,
    connect_with,
    section,
    server_options,
    where_options,
)
from elmo_kubeflow.cli_schedule_create import create
from elmo_kubeflow.cli_table import as_table


@click.group(
    "schedule",
    no_args_is_help=False,
    short_help="Run the pipeline again and again.",
    epilog="""\b
Examples:
  elmo-tfx kubeflow schedule create nightly --cron '0 0 3 * * *' --config run.yaml
  elmo-tfx kubeflow schedule pause nightly
""",
)
def command() -> None:
    """Run the pipeline again and again, by the clock."""


command.add_command(create)


@command.command(
    "list",
    cls=ClusterCommand,
    epilog="""\b
Example:
  elmo-tfx kubeflow schedule list --host https://kfp.example.org
""",
)
@where_options
@server_options
def list_command(
    config: Path | None,
    pipeline: str | None,
    host: str | None,
    credentials: Path | None,
    namespace: str | None,
) -> None:
    """List the schedules of the pipeline."""
    client, experiment = _connected(config, pipeline, host, credentials, namespace)
    rows = [
        (
            str(found.display_name),
            "paused" if schedule.is_paused(found) else "on",
            schedule.cron_of(found),
            _parameters(found),
        )
        for found in schedule.schedules(client, experiment=experiment)
    ]
    click.echo(as_table(("NAME", "STATE", "CRON", "PARAMETERS"), rows))


def _add(name: str, done: str, short: str, rest: str, act: Callable[..., None]) -> None:
    """Adds a command that does one thing to a schedule."""

    @command.command(
        name,
        cls=ClusterCommand,
        help=f"{short}; {rest}.",
        short_help=f"{short}.",
        epilog=f"\b\nExample:\n  elmo-tfx kubeflow schedule {name} nightly\n",
    )
    @click.argument("name")
    @where_options
    @server_options
    def one(
        name: str,
        config: Path | None,
        pipeline: str | None,
        host: str | None,
        credentials: Path | None,
        namespace: str | None,
    ) -> None:
        client, experiment = _connected(config, pipeline, host, credentials, namespace)
        act(client, name, experiment=experiment)
        click.echo(f"schedule {name}: {done}")


_add(
    "pause",
    "paused",
    "Let a schedule start no more runs",
    "a run that has started goes on",
    schedule.pause,
)
_add(
    "resume",
    "resumed",
    "Let a schedule start runs again",
    "times that it has missed are not made up for",
    schedule.resume,
)
_add("delete", "deleted", "Remove a schedule", "its runs stay", schedule.delete)


def _connected(
    config: Path | None,
    pipeline: str | None,
    host: str | None,
    credentials: Path | None,
    namespace: str | None,
) -> tuple[Any, str]:
    options = section(config)
    client = connect_with(host, credentials)
    experiment = submit.experiment_id(
        client,
        pipeline or options.pipeline_name,
        namespace=namespace or options.namespace,
    )
    return client, experiment


def _parameters(found: Any) -> str:
    config = found.runtime_config
    given = (config.parameters if config else None) or {}
    return " ".join(f"{name}={json.dumps(given[name])}" for name in sorted(given))
