"""The command `elmo-tfx kubeflow submit`."""

from __future__ import annotations

import datetime
from pathlib import Path

import click

from elmo_kubeflow.commands.options import (
    ClusterCommand,
    config_options,
    connect_with,
    namespace_option,
    section,
    server_options,
)
from elmo_kubeflow.commands.package import (
    compile_to,
    package_of,
    package_option,
    parameters_of,
    place_of,
    platform_of,
    run_options,
    upload,
    vertex_options,
)
from elmo_kubeflow.commands.runs import wait_for
from elmo_kubeflow.server import submit
from elmo_kubeflow.server import vertex as vertex_ai
from elmo_kubeflow.server.submit import read_package
from pipeline.errors import UserError


@click.command(
    "compile",
    cls=ClusterCommand,
    short_help="Write the pipeline as a file that a cluster runs.",
    epilog="""\b
Examples:
  elmo-tfx kubeflow compile --config run.yaml --set kubeflow.image=elmo-tfx:1
  elmo-tfx kubeflow compile --config run.yaml --vertex --package vertex.yaml
""",
)
@config_options
@click.option(
    "--package",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write; default: the pipeline's name, with .yaml.",
)
@click.option("--vertex", is_flag=True, help="For Vertex AI: without Kubernetes.")
def compile_command(
    config: Path | None,
    overrides: tuple[str, ...],
    package: Path | None,
    vertex: bool,
) -> None:
    """Write the pipeline of a configuration as a file that a cluster runs.

    Prints the file and the name of its version, which is made of its content.
    """
    path = package or Path(f"{section(config, overrides).pipeline_name}.yaml")
    _check(path)
    compile_to(path, config, overrides, platform="vertex" if vertex else "kubeflow")
    click.echo(f"{path} {read_package(path).version}")


def _check(path: Path) -> None:
    """Refuses a file before the pipeline is built for it, which takes a while."""
    if path.suffix != ".yaml":
        raise UserError(f"option --package must end in .yaml. Received: {path}")
    if not path.parent.is_dir():
        raise UserError(f"option --package: there is no folder {path.parent}")


@click.command(
    "submit",
    cls=ClusterCommand,
    short_help="Compile, upload and run the pipeline once.",
    epilog="""\b
Examples:
  elmo-tfx kubeflow submit --config run.yaml --host https://kfp.example.org --wait
  elmo-tfx kubeflow submit --package elmo-tfx.yaml --span 12 --training-steps 100
  elmo-tfx kubeflow submit --config run.yaml --vertex --project my-project \\
      --region europe-west4 --root gs://my-bucket/elmo

The same package is uploaded once only. Exit code 0: the run was started, with --wait
has succeeded; 1: it has failed, or the server refuses; 2: an option is wrong.
""",
)
@config_options
@package_option
@run_options
@server_options
@namespace_option
@click.option(
    "--wait/--no-wait", default=False, help="Show each step until the run ends."
)
@vertex_options
def submit_command(
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
    wait: bool,
    vertex: bool,
    project: str | None,
    region: str | None,
    root: str | None,
) -> None:
    """Compile the pipeline, upload it and run it once.

    Prints the run's id and its address; with --wait each step goes to stderr.
    """
    place = place_of(
        vertex=vertex,
        others={"host": host, "credentials": credentials, "namespace": namespace},
        project=project,
        region=region,
        root=root,
    )
    parameters = parameters_of(
        span=span, data=data, training_steps=training_steps, force_run=force_run
    )
    options = section(config, overrides)
    platform = platform_of(place)
    with package_of(package, config, overrides, platform=platform) as compiled:
        compiled.check_parameters(parameters)
        name = submit.run_name(compiled.name, datetime.datetime.now().astimezone())
        if place is not None:
            job = vertex_ai.job(compiled.path, place, name=name, parameters=parameters)
            account = options.service_account
            click.echo(vertex_ai.submit(job, service_account=account, wait=wait))
            return
        client = connect_with(host, credentials)
        namespace = namespace or options.namespace
        uploaded = upload(client, compiled, namespace=namespace)
    experiment = submit.experiment_id(
        client, compiled.name, namespace=namespace, create=True
    )
    run_id = submit.start_run(
        client,
        uploaded,
        experiment=experiment,
        name=name,
        parameters=parameters,
        service_account=options.service_account,
    )
    click.echo(f"{run_id} {client.run_address(run_id)}")
    if wait:
        wait_for(client, run_id)
