"""The commands `elmo-tfx kubeflow schedule create|pause|resume|delete|list`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from components.text_example_gen.spans import LATEST
from elmo_kubeflow.commands.options import (
    ClusterCommand,
    as_table,
    config_options,
    connect_with,
    namespace_option,
    section,
    server_options,
    where_options,
)
from elmo_kubeflow.commands.package import (
    package_of,
    package_option,
    parameters_of,
    place_of,
    platform_of,
    run_options,
    upload,
    vertex_options,
)
from elmo_kubeflow.server import schedules, submit
from elmo_kubeflow.server import vertex as vertex_ai
from pipeline.scheduling.cron import check_cron


@click.command(
    "create",
    cls=ClusterCommand,
    short_help="Make a schedule, or change it.",
    epilog="""\b
Examples:
  elmo-tfx kubeflow schedule create nightly --cron '0 0 3 * * *' --config run.yaml
  elmo-tfx kubeflow schedule create nightly --cron '0 3 * * *' --config run.yaml \\
      --vertex --project my-project --region europe-west4 --root gs://my-bucket/elmo
""",
)
@click.argument("name")
@click.option(
    "--cron",
    required=True,
    help="When: six fields, second first; with --vertex five, minute first. In UTC, "
    "unless the cluster says otherwise.",
)
@config_options
@package_option
@run_options
@server_options
@namespace_option
@vertex_options
def create(
    name: str,
    cron: str,
    config: Path | None,
    overrides: tuple[str, ...],
    package: Path | None,
    span: str | None,
    data: str | None,
    training_steps: int | None,
    force_run: bool,
    host: str | None,
    credentials: Path | None,
    namespace: str | None,
    vertex: bool,
    project: str | None,
    region: str | None,
    root: str | None,
) -> None:
    """Run the pipeline at the times of --cron, under the NAME of the schedule.

    The same command again changes nothing; with another --cron, parameter or
    pipeline the schedule of that name is replaced (on Vertex AI it is refused). No
    run starts before the last one has ended, and times missed are not made up for.
    """
    place = place_of(
        vertex=vertex,
        others={"host": host, "credentials": credentials, "namespace": namespace},
        project=project,
        region=region,
        root=root,
    )
    check_cron(cron, fields=schedules.FIELDS if place is None else vertex_ai.FIELDS)
    parameters = parameters_of(
        span=span or LATEST,
        data=data,
        training_steps=training_steps,
        force_run=force_run,
    )
    options = section(config, overrides)
    account = options.service_account
    platform = platform_of(place)
    with package_of(package, config, overrides, platform=platform) as compiled:
        compiled.check_parameters(parameters)
        if place is not None:
            job = vertex_ai.job(
                compiled.path, place, name=compiled.name, parameters=parameters
            )
            made = vertex_ai.create_schedule(
                job, name=name, cron=cron, service_account=account
            )
            click.echo(f"schedule {name}: created {made}")
            return
        client = connect_with(host, credentials)
        namespace = namespace or options.namespace
        uploaded = upload(client, compiled, namespace=namespace)
    experiment = submit.experiment_id(
        client, compiled.name, namespace=namespace, create=True
    )
    wanted = schedules.Wanted(name, cron, parameters, account)
    done = schedules.put(client, wanted, uploaded, experiment=experiment)
    click.echo(f"schedule {name}: {done}")


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
            "paused" if schedules.is_paused(found) else "on",
            schedules.cron_of(found),
            _parameters(found),
        )
        for found in schedules.schedules(client, experiment=experiment)
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
    schedules.pause,
)
_add(
    "resume",
    "resumed",
    "Let a schedule start runs again",
    "times that it has missed are not made up for",
    schedules.resume,
)
_add("delete", "deleted", "Remove a schedule", "its runs stay", schedules.delete)


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
