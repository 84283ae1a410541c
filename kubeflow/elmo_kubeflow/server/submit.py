"""Uploads a compiled pipeline and runs it once."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from elmo_kubeflow.errors import BadPackage, NotFound
from elmo_kubeflow.server.client import by_name
from pipeline.files import FileTooLarge, read_bounded

_MOST_BYTES = 2**26  # of a package
_DIGITS = 12  # of a version's name: enough to tell the packages of one pipeline apart


@dataclass(frozen=True)
class Package:
    """A compiled pipeline.

    Args:
        path: The YAML file.
        name: Name of the pipeline.
        version: Name of its version, made of the file's content: equal packages have
            equal names.
        parameters: Names of the parameters of its runs.
    """

    path: Path
    name: str
    version: str
    parameters: tuple[str, ...]

    def check_parameters(self, names: Iterable[str]) -> None:
        """Refuses a parameter that the pipeline does not have.

        Raises:
            BadPackage: One of the names is not among its parameters.
        """
        unknown = sorted(set(names) - set(self.parameters))
        if unknown:
            raise BadPackage(
                f"pipeline {self.name} has no parameter {unknown[0]}; "
                f"it has: {', '.join(self.parameters) or 'none'}"
            )


def read_package(path: Path) -> Package:
    """Reads what kfp has compiled.

    Raises:
        BadPackage: It cannot be read, or is not a compiled pipeline.
    """
    try:
        content = read_bounded(path, _MOST_BYTES)
        # The first document is the pipeline; a second one is for Kubernetes.
        spec = next(iter(yaml.safe_load_all(content)), None)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise BadPackage(f"package cannot be read: {path}: {reason}") from error
    except FileTooLarge as error:
        raise BadPackage(f"package cannot be read: {error}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise BadPackage(f"package is not YAML: {path}") from error
    name = _at(spec, "pipelineInfo", "name")
    if not isinstance(name, str):
        raise BadPackage(
            f"package is not a compiled pipeline: {path} "
            "(hint: make one with elmo-tfx kubeflow compile)"
        )
    parameters = _at(spec, "root", "inputDefinitions", "parameters") or {}
    digest = hashlib.sha256(content.encode()).hexdigest()[:_DIGITS]
    return Package(path, name, f"{name}-{digest}", tuple(sorted(parameters)))


def _at(value: Any, *names: str) -> Any:
    for name in names:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


@dataclass(frozen=True)
class Uploaded:
    """A version of a pipeline on the server, and the experiment for its runs.

    Args:
        pipeline_id: Id of the pipeline.
        version_id: Id of the version.
        experiment_id: Id of the experiment, which is named as the pipeline.
        is_new: Whether the version was uploaded now; else it was already there.
    """

    pipeline_id: str
    version_id: str
    experiment_id: str
    is_new: bool


def upload(client: Any, package: Package, *, namespace: str | None) -> Uploaded:
    """Makes a package a version of its pipeline, unless it is one already.

    The pipeline and its experiment are created if they are absent.

    Args:
        client: A connected `kfp.Client`.
        package: What is to be uploaded.
        namespace: Where the pipeline belongs; None: to all.

    Raises:
        KubeflowError: The server refuses.
    """
    name = package.name
    pipelines = client.list_pipelines(filter=by_name(name), namespace=namespace)
    if pipelines.pipelines:
        pipeline_id = pipelines.pipelines[0].pipeline_id
    else:
        pipeline_id = client.create_pipeline(name, namespace).pipeline_id

    known = client.list_pipeline_versions(pipeline_id, filter=by_name(package.version))
    is_new = not known.pipeline_versions
    if is_new:
        with _quiet():
            version = client.upload_pipeline_version(
                str(package.path), package.version, pipeline_id=pipeline_id
            )
    else:
        version = known.pipeline_versions[0]

    experiment = _find_experiment(client, name, namespace)
    if experiment is None:
        with _quiet():
            created = client.create_experiment(name, namespace=namespace)
        experiment = created.experiment_id
    return Uploaded(pipeline_id, version.pipeline_version_id, experiment, is_new)


def experiment_id(client: Any, name: str, *, namespace: str | None) -> str:
    """Finds the experiment in which the runs of a pipeline are kept together.

    Args:
        client: A connected `kfp.Client`.
        name: Name of the experiment, which is that of its pipeline.
        namespace: Where it belongs; None: what kfp's context file says.

    Raises:
        NotFound: It is absent.
        KubeflowError: The server refuses.
    """
    experiment = _find_experiment(client, name, namespace)
    if experiment is None:
        where = f" in namespace {namespace}" if namespace else ""
        raise NotFound(
            f"there is no experiment {name}{where} (hint: elmo-tfx kubeflow submit "
            "makes it; --namespace and --pipeline say where to look)"
        )
    return experiment


def _find_experiment(client: Any, name: str, namespace: str | None) -> str | None:
    listed = client.list_experiments(filter=by_name(name), namespace=namespace)
    return listed.experiments[0].experiment_id if listed.experiments else None


def start_run(
    client: Any,
    uploaded: Uploaded,
    *,
    name: str,
    parameters: Mapping[str, Any],
    service_account: str | None,
) -> str:
    """Runs a version of a pipeline once; returns the run's id.

    Args:
        client: A connected `kfp.Client`.
        uploaded: What is to run, and in which experiment.
        name: Name of the run.
        parameters: What differs from the pipeline's defaults.
        service_account: The account of the steps; None: the cluster's own.

    Raises:
        KubeflowError: The server refuses.
    """
    with _quiet():
        run = client.run_pipeline(
            uploaded.experiment_id,
            name,
            params=dict(parameters),
            pipeline_id=uploaded.pipeline_id,
            version_id=uploaded.version_id,
            service_account=service_account,
        )
    return run.run_id


def run_name(pipeline: str, now: datetime.datetime) -> str:
    """Returns the name of a run: its pipeline's and the time in UTC, to the second."""
    return f"{pipeline} {now.astimezone(datetime.timezone.utc):%Y-%m-%d %H:%M:%S}"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps what kfp prints off stdout, which is for data."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield
