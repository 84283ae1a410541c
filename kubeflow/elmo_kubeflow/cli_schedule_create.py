"""The command `elmo-tfx kubeflow schedule create`."""

from __future__ import annotations

from pathlib import Path

import click

from elmo_kubeflow import schedule, submit
from elmo_kubeflow import vertex as vertex_ai
from elmo_kubeflow.cli_command import (
    ClusterCommand,
    config_options,
    connect_with,
    namespace_option,
    section,
    server_options,
)
from elmo_kubeflow.cli_package import (
    package_of,
    package_option,
    parameters_of,
    place_of,
    platform_of,
    run_options,
    upload,
    vertex_options,
)
from pipeline.cron import check_cron

_LATEST = "latest"


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
    check_cron(cron, fields=schedule.FIELDS if place is None else vertex_ai.FIELDS)
    parameters = parameters_of(
        span=span or _LATEST,
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
    wanted = schedule.Wanted(name, cron, parameters, account)
    done = schedule.put(client, wanted, uploaded, experiment=experiment)
    click.echo(f"schedule {name}: {done}")
