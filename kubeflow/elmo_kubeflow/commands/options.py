"""What the commands for a cluster share: their options, and how their errors end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from elmo_kubeflow.errors import BadCredentials, BadPackage, KubeflowError
from elmo_kubeflow.server.credentials import read_credentials
from pipeline.config import ConfigError, load_config
from pipeline.config.kubeflow import KubeflowConfig
from pipeline.errors import UserError
from pipeline.scheduling.cron import CronError

_Function = TypeVar("_Function", bound=Callable[..., Any])

SERVER_HELP = """\b
Who one is to the server comes from a --credentials file or the environment, so that
no history of commands holds it. The file is YAML, with any of:
  token_file: /path/token        a file with a bearer token (KF_PIPELINES_SA_TOKEN_PATH)
  token: ...                     the token itself (KFP_TOKEN)
  cookies: authservice_session=  the session behind Dex (KFP_COOKIES)
  client_id: ...                 Google's IAP (KF_PIPELINES_IAP_OAUTH2_CLIENT_ID)
  other_client_id: ...           the same (KF_PIPELINES_APP_OAUTH2_CLIENT_ID)
  other_client_secret: ...       the same (KF_PIPELINES_APP_OAUTH2_CLIENT_SECRET)
  ssl_ca_cert: /path/ca.pem      a certificate that signs itself (KFP_CA_CERT)
"""


class ClusterCommand(click.Command):
    """A command whose errors take one line: exit code 2 misused, 1 failed."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command."""
        try:
            return super().invoke(ctx)
        except (ConfigError, CronError, BadCredentials, BadPackage) as error:
            raise UserError(str(error)) from error
        except KubeflowError as error:
            raise click.ClickException(str(error)) from error


def server_options(function: _Function) -> _Function:
    """Adds `--host` and `--credentials`."""
    for option in (
        click.option(
            "--credentials",
            type=click.Path(path_type=Path),
            help="A YAML file that says who one is; elmo-tfx kubeflow --help.",
        ),
        click.option(
            "--host",
            help="Address of Kubeflow Pipelines; default: KF_PIPELINES_ENDPOINT, or "
            "the cluster that this runs in or kubectl talks to.",
        ),
    ):
        function = option(function)
    return function


def namespace_option(function: _Function) -> _Function:
    """Adds `--namespace`."""
    return click.option(
        "--namespace",
        help="Namespace, where there are profiles; default: kubeflow.namespace of the "
        "configuration, or what kfp's own context says.",
    )(function)


def config_options(function: _Function) -> _Function:
    """Adds `--config` and `--set`."""
    for option in (
        click.option(
            "--set",
            "overrides",
            multiple=True,
            metavar="OPTION=VALUE",
            help="Any option of the configuration, such as kubeflow.image=elmo-tfx:1; "
            "repeatable.",
        ),
        click.option("--config", type=click.Path(path_type=Path), help="A YAML file."),
    ):
        function = option(function)
    return function


def where_options(function: _Function) -> _Function:
    """Adds what says which pipeline, for commands that send none."""
    for option in (
        namespace_option,
        click.option(
            "--pipeline",
            help="Name of the pipeline; default: kubeflow.pipeline_name of the "
            "configuration, elmo-tfx without one.",
        ),
        click.option("--config", type=click.Path(path_type=Path), help="A YAML file."),
    ):
        function = option(function)
    return function


def connect_with(host: str | None, credentials: Path | None) -> Any:
    """Gives a connected `kfp.Client`.

    Raises:
        KubeflowError: There is none.
    """
    from elmo_kubeflow.server.client import connect

    return connect(host, read_credentials(credentials, os.environ))


def section(config: Path | None, overrides: tuple[str, ...] = ()) -> KubeflowConfig:
    """The options for a cluster; without a configuration their defaults.

    Raises:
        ConfigError: The configuration cannot be used.
    """
    if config is None and not overrides:
        return KubeflowConfig()
    return load_config(config, overrides).kubeflow


def as_table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns lines whose columns are two blanks apart; the last one may be long."""
    lines = [heading, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
