"""The command `elmo-tfx kubeflow compile`."""

from __future__ import annotations

from pathlib import Path

import click

from elmo_kubeflow.cli_command import ClusterCommand, config_options, section
from elmo_kubeflow.cli_package import compile_to
from elmo_kubeflow.submit_package import read_package
from pipeline.cli_errors import Misuse


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
        raise Misuse(f"option --package must end in .yaml. Received: {path}")
    if not path.parent.is_dir():
        raise Misuse(f"option --package: there is no folder {path.parent}")
