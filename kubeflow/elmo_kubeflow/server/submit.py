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

_DIGITS = 12  # of a version's name: enough to tell the packages of one pipeline apart


@dataclass(frozen=True)
class Package:
    """A compiled pipeline.

    Args:
        path: The YAML file.
        name: Name of the pipeline.
        version: Name of its version, made of the file's content: equal packages have
            equal ones.
        parameters: Names of what a run can be given.
    """

    path: Path
    name: str
    version: str
    parameters: tuple[str, ...]

    def check_parameters(self, given: Iterable[str]) -> None:
        """Refuses a parameter that the pipeline lacks.

        Raises:
            BadPackage: There is one.
        """
        unknown = sorted(set(given) - set(self.parameters))
        if unknown:
            raise BadPackage(
                f"pipeline {self.name} has no parameter {unknown[0]}; "
                f"it has: {', '.join(self.parameters) or 'none'}"
            )


def read_package(path: Path) -> Package:
    """Reads what kfp has compiled.

    Raises:
        BadPackage: It cannot be read, or is no compiled pipeline.
    """
    try:
        content = path.read_bytes()
        # The first document is the pipeline; a second one is for Kubernetes.
        spec = next(iter(yaml.safe_load_all(content)), None)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise BadPackage(f"package cannot be read: {path}: {reason}") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadPackage(f"package is no YAML: {path}") from error
    name = _at(spec, "pipelineInfo", "name")
    if not isinstance(name, str):
        raise BadPackage(
            f"package is no compiled pipeline: {path} "
            "(hint: make one with elmo-tfx kubeflow compile)"
        )
    parameters = _at(spec, "root", "inputDefinitions", "parameters") or {}
    digest = hashlib.sha256(content).hexdigest()[:_DIGITS]
    return Package(path, name, f"{name}-{digest}", tuple(sorted(parameters)))


def _at(value: Any, *names: str) -> Any:
    for name in names:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


@dataclass(frozen=True)
class Uploaded:
    """A version of a pipeline on the server.

    Args:
        pipeline_id: Id of the pipeline.
        version_id: Id of the version.
        name: Name of the version.
        is_new: Whether it was uploaded now; else it was there already.
    """

    pipeline_id: str
    version_id: str
    name: str
    is_new: bool


def upload(client: Any, package: Package, *, namespace: str | None) -> Uploaded:
    """Makes a package a version of its pipeline, unless it is one already.

    Args:
        client: A connected `kfp.Client`.
        package: What is to be uploaded.
        namespace: Where the pipeline belongs; None: to all.

    Raises:
        KubeflowError: The server refuses.
    """
    pipeline_id = _pipeline_id(client, package.name, namespace)
    found = _version_id(client, pipeline_id, package.version)
    if found:
        return Uploaded(pipeline_id, found, package.version, is_new=False)
    with _quiet():
        version = client.upload_pipeline_version(
            str(package.path), package.version, pipeline_id=pipeline_id
        )
    return Uploaded(
        pipeline_id, version.pipeline_version_id, package.version, is_new=True
    )


def experiment_id(
    client: Any, name: str, *, namespace: str | None, create: bool = False
) -> str:
    """Finds an experiment, in which the runs of a pipeline are kept together.

    Args:
        client: A connected `kfp.Client`.
        name: Name of the experiment: that of its pipeline.
        namespace: Where it belongs; None: what kfp's context file says.
        create: Whether to make it where it is absent.

    Raises:
        NotFound: It is absent, and not to be made.
        KubeflowError: The server refuses.
    """
    found = client.list_experiments(filter=by_name(name), namespace=namespace)
    if found.experiments:
        return found.experiments[0].experiment_id
    if not create:
        where = f" in namespace {namespace}" if namespace else ""
        raise NotFound(
            f"there is no experiment {name}{where} (hint: elmo-tfx kubeflow submit "
            "makes it; --namespace and --pipeline say where to look)"
        )
    with _quiet():
        return client.create_experiment(name, namespace=namespace).experiment_id


def start_run(
    client: Any,
    uploaded: Uploaded,
    *,
    experiment: str,
    name: str,
    parameters: Mapping[str, Any],
    service_account: str | None,
) -> str:
    """Runs a version of a pipeline once; returns the run's id.

    Args:
        client: A connected `kfp.Client`.
        uploaded: What is to run.
        experiment: Id of the experiment that it belongs to.
        name: Name of the run.
        parameters: What differs from the pipeline's defaults.
        service_account: Who the steps are; None: the cluster's own.

    Raises:
        KubeflowError: The server refuses.
    """
    with _quiet():
        run = client.run_pipeline(
            experiment,
            name,
            params=dict(parameters),
            pipeline_id=uploaded.pipeline_id,
            version_id=uploaded.version_id,
            service_account=service_account,
        )
    return run.run_id


def run_name(pipeline: str, now: datetime.datetime) -> str:
    """Name of a run: its pipeline's and the time in UTC, to the second."""
    return f"{pipeline} {now.astimezone(datetime.timezone.utc):%Y-%m-%d %H:%M:%S}"


def _pipeline_id(client: Any, name: str, namespace: str | None) -> str:
    found = client.list_pipelines(filter=by_name(name), namespace=namespace)
    if found.pipelines:
        return found.pipelines[0].pipeline_id
    return client.create_pipeline(name, namespace).pipeline_id


def _version_id(client: Any, pipeline_id: str, name: str) -> str | None:
    found = client.list_pipeline_versions(pipeline_id, filter=by_name(name))
    versions = found.pipeline_versions
    return versions[0].pipeline_version_id if versions else None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps what kfp prints off stdout, which is for data."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield
