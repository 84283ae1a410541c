"""The commands `elmo-tfx kubeflow schedule create|list|pause|resume|delete`."""

from __future__ import annotations

import json
from typing import Any, Literal

import click

from components.text_example_gen.spans import LATEST
from elmo_kubeflow.commands.launch import Launch, launch_options
from elmo_kubeflow.commands.options import (
    as_table,
    experiment_options,
    find_experiment,
)
from elmo_kubeflow.server import vertex as vertex_ai
from pipeline.scheduling.cron import check_cron


@click.group(
    "schedule",
    no_args_is_help=False,
    epilog="""\b
Examples:
  elmo-tfx kubeflow schedule create nightly --cron '0 0 3 * * *' --config run.yaml
  elmo-tfx kubeflow schedule pause nightly
""",
)
def command() -> None:
    """Run the pipeline again and again, by the clock."""


@command.command(
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
@launch_options
def create(name: str, cron: str, **options: Any) -> None:
    """Run the pipeline at the times of --cron, as the schedule NAME.

    The same command again changes nothing; with another --cron, parameter or
    pipeline the schedule of that name is replaced (on Vertex AI it is refused). No
    run starts before the last one has ended, and times missed are not made up for.
    """
    from elmo_kubeflow.server import schedules

    launch = Launch(**options)
    parameters, place = {"span": LATEST, **launch.parameters}, launch.place
    check_cron(cron, fields=schedules.FIELDS if place is None else vertex_ai.FIELDS)
    account = launch.cluster.service_account
    with launch.compiled() as package:
        package.check_parameters(parameters)
        if place is not None:
            job = vertex_ai.job(
                package.path, place, name=package.name, parameters=parameters
            )
            made = vertex_ai.create_schedule(
                job, name=name, cron=cron, service_account=account
            )
            click.echo(f"schedule {name}: created {made}")
            return
        client, uploaded = launch.upload(package)
    wanted = schedules.Wanted(name, cron, parameters, account)
    outcome = schedules.put(client, wanted, uploaded)
    click.echo(f"schedule {name}: {outcome}")


@command.command(
    "list",
    epilog="""\b
Example:
  elmo-tfx kubeflow schedule list --host https://kfp.example.org
""",
)
@experiment_options
def list_command(**options: Any) -> None:
    """List the schedules of the pipeline."""
    from elmo_kubeflow.server import schedules

    client, experiment, _ = find_experiment(**options)
    rows = [
        (
            str(schedule.display_name),
            "paused" if schedules.is_paused(schedule) else "on",
            schedules.cron_of(schedule),
            _parameters(schedule),
        )
        for schedule in schedules.schedules(client, experiment=experiment)
    ]
    click.echo(as_table(("NAME", "STATE", "CRON", "PARAMETERS"), rows))


def _add(action: Literal["pause", "resume", "delete"], done: str, text: str) -> None:
    """Adds a command that does one thing to a schedule."""

    @command.command(
        action,
        help=text,
        epilog=f"\b\nExample:\n  elmo-tfx kubeflow schedule {action} nightly\n",
    )
    @click.argument("name")
    @experiment_options
    def one(name: str, **options: Any) -> None:
        from elmo_kubeflow.server import schedules

        client, experiment, _ = find_experiment(**options)
        schedules.change(client, action, name, experiment=experiment)
        click.echo(f"schedule {name}: {done}")


_add(
    "pause",
    "paused",
    "Let a schedule start no more runs. A run that has started goes on.",
)
_add(
    "resume",
    "resumed",
    "Let a schedule start runs again. Times that it has missed are not made up for.",
)
_add("delete", "deleted", "Remove a schedule. Its runs stay.")


def _parameters(schedule: Any) -> str:
    config = schedule.runtime_config
    values = (config.parameters if config else None) or {}
    return " ".join(f"{name}={json.dumps(values[name])}" for name in sorted(values))
