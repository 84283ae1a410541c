"""A compiled pipeline: its name, its parameters, its steps and its version."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from elmo_kubeflow.errors import BadPackage

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
