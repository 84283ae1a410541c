"""The package that a command sends, and the parameters of its runs."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import click

from elmo_kubeflow.errors import require
from elmo_kubeflow.server import submit
from elmo_kubeflow.server.submit import Package, Uploaded, read_package
from elmo_kubeflow.server.vertex import Place
from pipeline.config import load_config
from pipeline.errors import UserError

_Function = TypeVar("_Function", bound=Callable[..., Any])
Platform = Literal["kubeflow", "vertex"]


def package_option(function: _Function) -> _Function:
    """Adds `--package`."""
    return click.option(
        "--package",
        type=click.Path(path_type=Path),
        help="What compile has written; default: it is compiled now, from --config.",
    )(function)


def run_options(function: _Function) -> _Function:
    """Adds the parameters of a run."""
    for option in (
        click.option(
            "--force-run", is_flag=True, help="Run also where nothing is new."
        ),
        click.option(
            "--training-steps",
            type=click.IntRange(min=0),
            help="Stop training after so many steps; 0: no bound.",
        ),
        click.option("--data", help="Data to read, as the steps see it: a glob."),
        click.option("--span", help="Newest span to read: number, day or latest."),
    ):
        function = option(function)
    return function


def vertex_options(function: _Function) -> _Function:
    """Adds what says where on Vertex AI."""
    for option in (
        click.option("--root", help="With --vertex: folder for outputs, gs://…"),
        click.option("--region", help="With --vertex: such as europe-west4."),
        click.option("--project", help="With --vertex: id of the project."),
        click.option("--vertex", is_flag=True, help="Use Vertex AI."),
    ):
        function = option(function)
    return function


def parameters_of(
    *, span: str | None, data: str | None, training_steps: int | None, force_run: bool
) -> dict[str, Any]:
    """The parameters that differ from the defaults of the package."""
    given = {
        "span": span,
        "data_pattern": data,
        "training_steps": training_steps,
        "force": force_run or None,
    }
    return {name: value for name, value in given.items() if value is not None}


@contextlib.contextmanager
def package_of(
    package: Path | None,
    config: Path | None,
    overrides: tuple[str, ...],
    *,
    platform: Platform = "kubeflow",
) -> Iterator[Package]:
    """Gives a package as long as it is needed: a file, or what is compiled now.

    Raises:
        ConfigError: The configuration cannot be used.
        BadPackage: The file is no compiled pipeline.
    """
    if package is not None:
        yield read_package(package)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pipeline.yaml"
        compile_to(path, config, overrides, platform=platform)
        yield read_package(path)


def compile_to(
    path: Path,
    config: Path | None,
    overrides: tuple[str, ...],
    *,
    platform: Platform = "kubeflow",
) -> None:
    """Compiles the pipeline of a configuration into a file.

    Raises:
        ConfigError: The configuration cannot be used.
        NotInstalled: There is no kfp.
    """
    loaded = load_config(config, overrides)
    require("kfp")
    from pipeline.runs.run_log import run_log

    # TensorFlow greets and warns when TFX imports it; what goes wrong is raised.
    with run_log(Path(os.devnull)):
        from elmo_kubeflow.package import compile_package

        compile_package(loaded, path, platform=platform)


def place_of(
    *, vertex: bool, others: Mapping[str, object], **options: str | None
) -> Place | None:
    """Where on Vertex AI, or None for Kubeflow Pipelines.

    Args:
        vertex: Whether it was asked for.
        others: Options that mean nothing there.
        options: `project`, `region` and `root`.

    Raises:
        UserError: An option is missing, or stands where it means nothing.
    """
    if not vertex:
        stray = [name for name, value in options.items() if value]
        if stray:
            raise UserError(f"option --{stray[0]} means nothing without --vertex")
        return None
    stray = [name for name, value in others.items() if value]
    if stray:
        raise UserError(f"option --{stray[0]} means nothing with --vertex")
    missing = [name for name, value in options.items() if not value]
    if missing:
        raise UserError(f"option --vertex needs --{missing[0]}")
    return Place(**{name: str(value) for name, value in options.items()})


def platform_of(place: Place | None) -> Platform:
    """What to compile for."""
    return "kubeflow" if place is None else "vertex"


def upload(client: Any, package: Package, *, namespace: str | None) -> Uploaded:
    """Makes a package a version of its pipeline, and says on stderr what was done.

    Raises:
        KubeflowError: The server refuses.
    """
    uploaded = submit.upload(client, package, namespace=namespace)
    done = "uploaded" if uploaded.is_new else "there already"
    click.echo(f"version {uploaded.name}: {done}", err=True)
    return uploaded
