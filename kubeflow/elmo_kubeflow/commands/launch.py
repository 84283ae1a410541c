"""What `submit` and `schedule create` share: a package, its parameters, a server."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from elmo_kubeflow.commands import options
from elmo_kubeflow.errors import require
from elmo_kubeflow.server.vertex import Place
from pipeline.commands.numbers import WholeNumber
from pipeline.errors import UserError

if TYPE_CHECKING:
    from elmo_kubeflow.server.submit import Package, Uploaded
    from pipeline.config import Config
    from pipeline.config.kubeflow import KubeflowConfig

launch_options = options.adds(
    options.CONFIG,
    options.OVERRIDES,
    click.option(
        "--package",
        type=click.Path(path_type=Path),
        help="What compile has written; default: it is compiled now, from --config.",
    ),
    click.option("--span", help="Newest span to read: number, day or latest."),
    click.option("--data", help="Data to read: a glob, as the steps see it."),
    click.option(
        "--training-steps",
        type=WholeNumber(0),
        help="Stop training after this many steps; 0: no limit.",
    ),
    click.option("--force-run", is_flag=True, help="Run even if nothing is new."),
    options.HOST,
    options.CREDENTIALS,
    options.NAMESPACE,
    click.option("--vertex", is_flag=True, help="Use Vertex AI."),
    click.option("--project", help="With --vertex: id of the project."),
    click.option("--region", help="With --vertex: such as europe-west4."),
    click.option("--root", help="With --vertex: folder for outputs, gs://…"),
)
"""Adds what `Launch` takes."""


_OF_VERTEX = ("project", "region", "root")


@dataclass(frozen=True)
class Launch:
    """What is sent and where to, as the options of a command say it.

    Raises:
        UserError: An option of Vertex AI is missing, or an option does not go with
            --vertex, or not without it.
    """

    config: Path | None
    overrides: tuple[str, ...]
    package: Path | None
    span: str | None
    data: str | None
    training_steps: int | None
    force_run: bool
    host: str | None
    credentials: Path | None
    namespace: str | None
    vertex: bool
    project: str | None
    region: str | None
    root: str | None

    def __post_init__(self) -> None:
        if not self.vertex:
            for name in _OF_VERTEX:
                if getattr(self, name):
                    raise UserError(f"option --{name} means nothing without --vertex")
            return
        for name in ("host", "credentials", "namespace"):
            if getattr(self, name):
                raise UserError(f"option --{name} means nothing with --vertex")
        for name in _OF_VERTEX:
            if not getattr(self, name):
                raise UserError(f"option --vertex needs --{name}")

    @property
    def place(self) -> Place | None:
        """Where on Vertex AI; None: on Kubeflow Pipelines.

        Raises:
            UserError: The root is not in a bucket.
        """
        if not self.vertex:
            return None
        return Place(str(self.project), str(self.region), str(self.root))

    @cached_property
    def cluster(self) -> KubeflowConfig:
        """The section `kubeflow` of the configuration.

        Raises:
            ConfigError: The configuration cannot be used.
        """
        return options.cluster_options(self.config, self.overrides)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of a run that differ from the defaults of the package."""
        values = {
            "span": self.span,
            "data_pattern": self.data,
            "training_steps": self.training_steps,
            "force": self.force_run or None,
        }
        return {name: value for name, value in values.items() if value is not None}

    @cached_property
    def client(self) -> Any:
        """A connected `kfp.Client`.

        Raises:
            BadCredentials: The login cannot be used.
            KubeflowError: The server cannot be reached, or refuses.
        """
        return options.connect_with(self.host, self.credentials)

    @contextlib.contextmanager
    def compiled(self) -> Iterator[Package]:
        """Yields the package for as long as it is needed: a file, or compiled now.

        Nothing is compiled for a server that is not there.

        Raises:
            ConfigError: The configuration cannot be used.
            BadPackage: The file is not a compiled pipeline.
            BadCredentials: The login cannot be used.
            KubeflowError: The server cannot be reached, or refuses.
        """
        from elmo_kubeflow.server.submit import read_package

        if self.package is not None:
            yield read_package(self.package)
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "pipeline.yaml"
            config = config_for(self.config, self.overrides, vertex=self.vertex)
            if not self.vertex:
                _ = self.client
            compile_to(path, config, vertex=self.vertex)
            yield read_package(path)

    def upload(self, package: Package) -> tuple[Any, Uploaded]:
        """Uploads a package, and says on stderr whether that was needed.

        Returns:
            A connected `kfp.Client`, and what lies on its server.

        Raises:
            BadCredentials: The login cannot be used.
            KubeflowError: The server cannot be reached, or refuses.
        """
        from elmo_kubeflow.server.submit import upload

        namespace = self.namespace or self.cluster.namespace
        uploaded = upload(self.client, package, namespace=namespace)
        outcome = "uploaded" if uploaded.is_new else "already there"
        click.echo(f"version {package.version}: {outcome}", err=True)
        return self.client, uploaded


def config_for(
    config: Path | None, overrides: tuple[str, ...], *, vertex: bool
) -> Config:
    """Loads a configuration of which a package can be made.

    Raises:
        ConfigError: It cannot be used, or lacks what a cluster needs.
        NotInstalled: kfp is absent.
    """
    from elmo_kubeflow.platforms import checked_for
    from pipeline.config import load_config

    loaded = load_config(config, overrides)
    checked_for(_platform(vertex), loaded)
    require("kfp")
    return loaded


def compile_to(path: Path, config: Config, *, vertex: bool) -> None:
    """Compiles the pipeline into a file.

    Args:
        path: The file.
        config: As `config_for` returns it.
        vertex: Whether Vertex AI runs it.

    Raises:
        ConfigError: It names a step that does not exist.
        UserError: The file cannot be written.
    """
    from elmo_kubeflow.package import compile_package

    try:
        compile_package(config, path, platform=_platform(vertex))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UserError(f"package cannot be written: {path}: {reason}") from error


def _platform(vertex: bool) -> Literal["kubeflow", "vertex"]:
    return "vertex" if vertex else "kubeflow"
