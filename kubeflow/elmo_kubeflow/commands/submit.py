"""The commands `elmo-tfx kubeflow compile` and `submit`."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import click

from elmo_kubeflow.commands.launch import (
    Launch,
    compile_to,
    config_for,
    launch_options,
)
from elmo_kubeflow.commands.options import CONFIG, OVERRIDES, cluster_options
from elmo_kubeflow.commands.runs import wait_for
from elmo_kubeflow.server import vertex as vertex_ai
from pipeline.errors import UserError


@click.command(
    "compile",
    epilog="""\b
Examples:
  elmo-tfx kubeflow compile --config run.yaml --set kubeflow.image=elmo-tfx:1
  elmo-tfx kubeflow compile --config run.yaml --vertex --package vertex.yaml
""",
)
@CONFIG
@OVERRIDES
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
    """Write the pipeline as a file that a cluster runs.

    Prints the file and the name of its version, which is made of its content.
    """
    path = package or Path(f"{cluster_options(config, overrides).pipeline_name}.yaml")
    # Refused here, in our words, and not by kfp.
    if path.suffix != ".yaml":
        raise UserError(f"option --package must end in .yaml. Received: {path}")
    if not path.parent.is_dir():
        raise UserError(f"option --package: there is no folder {path.parent}")
    compile_to(path, config_for(config, overrides, vertex=vertex), vertex=vertex)
    from elmo_kubeflow.server.submit import read_package

    click.echo(f"{path} {read_package(path).version}")


@click.command(
    "submit",
    epilog="""\b
Examples:
  elmo-tfx kubeflow submit --config run.yaml --host https://kfp.example.org --wait
  elmo-tfx kubeflow submit --package elmo-tfx.yaml --span 12 --training-steps 100
  elmo-tfx kubeflow submit --config run.yaml --vertex --project my-project \\
      --region europe-west4 --root gs://my-bucket/elmo

The same package is uploaded once only. Exit code 0: the run was started, or with --wait
has succeeded; 1: it has failed, or the server refuses; 2: an option is wrong.
""",
)
@launch_options
@click.option(
    "--wait/--no-wait", default=False, help="Show each step until the run ends."
)
def submit_command(wait: bool, **options: Any) -> None:
    """Compile the pipeline, upload it and run it once.

    Prints the run's id and its address; with --wait each step goes to stderr.
    """
    from elmo_kubeflow.server.submit import run_name, start_run

    launch = Launch(**options)
    parameters, place = launch.parameters, launch.place
    account = launch.cluster.service_account
    with launch.compiled() as package:
        package.check_parameters(parameters)
        name = run_name(package.name, datetime.datetime.now().astimezone())
        if place is not None:
            job = vertex_ai.job(package.path, place, name=name, parameters=parameters)
            click.echo(vertex_ai.submit(job, service_account=account, wait=wait))
            return
        client, uploaded = launch.upload(package)
    run_id = start_run(
        client, uploaded, name=name, parameters=parameters, service_account=account
    )
    click.echo(f"{run_id} {client.run_address(run_id)}")
    if wait:
        wait_for(client, run_id)
