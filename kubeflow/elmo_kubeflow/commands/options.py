"""Options that several commands share, and what they lead to: a server, its things."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    from pipeline.config.kubeflow import KubeflowConfig

SERVER_HELP = """\b
How to log in is read from a --credentials file or from the environment, so that no
secret stands in the shell's history. The file is YAML, with any of:
  token_file: /path/token        a file with a bearer token (KF_PIPELINES_SA_TOKEN_PATH)
  token: ...                     the token itself (KFP_TOKEN)
  cookies: authservice_session=  the session behind Dex (KFP_COOKIES)
  client_id: ...                 Google's IAP (KF_PIPELINES_IAP_OAUTH2_CLIENT_ID)
  other_client_id: ...           the same (KF_PIPELINES_APP_OAUTH2_CLIENT_ID)
  other_client_secret: ...       the same (KF_PIPELINES_APP_OAUTH2_CLIENT_SECRET)
  ssl_ca_cert: /path/ca.pem      a certificate to trust, such as a CA's (KFP_CA_CERT)
"""

CONFIG = click.option("--config", type=click.Path(path_type=Path), help="A YAML file.")
OVERRIDES = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="OPTION=VALUE",
    help="Any option of the configuration, such as kubeflow.image=elmo-tfx:1; "
    "repeatable.",
)
PIPELINE = click.option(
    "--pipeline",
    help="Name of the pipeline; default: kubeflow.pipeline_name of the "
    "configuration, elmo-tfx without one.",
)
HOST = click.option(
    "--host",
    help="Address of Kubeflow Pipelines; default: KF_PIPELINES_ENDPOINT, or the "
    "cluster that this runs in or kubectl talks to.",
)
CREDENTIALS = click.option(
    "--credentials",
    type=click.Path(path_type=Path),
    help="A YAML file with your login; see elmo-tfx kubeflow --help.",
)
NAMESPACE = click.option(
    "--namespace",
    help="Namespace, where there are profiles; default: kubeflow.namespace of the "
    "configuration, or what kfp's own context says.",
)


def adds(*options: Callable) -> Callable[[Callable], Callable]:
    """Returns a decorator that adds options to a command, in the order of its help."""

    def decorate(command: Callable) -> Callable:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


experiment_options = adds(CONFIG, PIPELINE, HOST, CREDENTIALS, NAMESPACE)
"""Adds what `find_experiment` takes."""


class Experiment(NamedTuple):
    """Where the runs and schedules of a pipeline are kept.

    Args:
        client: A connected `kfp.Client`.
        id: Its id on the server.
        namespace: Where it belongs; None: what kfp's context file says.
    """

    client: Any
    id: str
    namespace: str | None


def find_experiment(
    *,
    config: Path | None,
    pipeline: str | None,
    host: str | None,
    credentials: Path | None,
    namespace: str | None,
) -> Experiment:
    """Connects, and finds the experiment of a pipeline.

    Raises:
        ConfigError: The configuration cannot be used.
        BadCredentials: The login cannot be used.
        KubeflowError: The server cannot be reached or refuses, or has no such
            experiment.
    """
    from elmo_kubeflow.server.submit import experiment_id

    options = cluster_options(config)
    namespace = namespace or options.namespace
    client = connect_with(host, credentials)
    name = pipeline or options.pipeline_name
    return Experiment(
        client, experiment_id(client, name, namespace=namespace), namespace
    )


def connect_with(host: str | None, credentials: Path | None) -> Any:
    """Returns a connected `kfp.Client`.

    Raises:
        BadCredentials: The login cannot be used.
        KubeflowError: The server cannot be reached, or refuses.
    """
    from elmo_kubeflow.server.client import connect
    from elmo_kubeflow.server.credentials import read_credentials

    return connect(host, read_credentials(credentials, os.environ))


def cluster_options(
    config: Path | None, overrides: tuple[str, ...] = ()
) -> KubeflowConfig:
    """Returns the options for a cluster; without a configuration their defaults.

    Raises:
        ConfigError: The configuration cannot be used.
    """
    from pipeline.config import load_config
    from pipeline.config.kubeflow import KubeflowConfig

    if config is None and not overrides:
        return KubeflowConfig()
    return load_config(config, overrides).kubeflow


def as_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a table of text, a line for each row."""
    from tabulate import tabulate

    return tabulate(rows, headers, tablefmt="plain", disable_numparse=True)
