"""What differs between Kubeflow Pipelines and Vertex AI: volume, secrets, limits."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any, Protocol

from pipeline.config import Config, ConfigError
from pipeline.config.kubeflow import EVERY_STEP, StepConfig
from pipeline.metadata.store import PREFIX

_OURS = StepConfig(cpu="1", memory="4Gi", retries=1)
_OURS_BY_STEP = {"Trainer": StepConfig(cpu="2", memory="8Gi")}
"""Beside data and weights the Trainer holds up to `train.cache_gib` of vectors."""


def options_of(config: Config, step: str) -> StepConfig:
    """Returns the options of a step: the first of these that has one decides.

    `kubeflow.steps.<step>`, what we set for this step, `kubeflow.steps.default`, what
    we set for all.
    """
    given = config.kubeflow.steps
    chosen: dict[str, object] = {}
    for options in (
        _OURS,
        given.get(EVERY_STEP),
        _OURS_BY_STEP.get(step),
        given.get(step),
    ):
        if options is not None:
            chosen |= options.model_dump(exclude_none=True)
    return StepConfig.model_validate(chosen)


_KEYS = ("host", "port", "database", "user", "password")
_BUCKETS = "/gcs/"  # where Vertex AI shows buckets as folders


class Platform(Protocol):
    """Who runs a package."""

    def checked(self, config: Config) -> Config:
        """Returns the configuration as the steps read it.

        Raises:
            ConfigError: The platform cannot run it.
        """

    def equip(self, task: Any, config: Config, step: str) -> None:
        """Gives a task of kfp what its step needs."""


class Kubeflow:
    """The open-source Kubeflow Pipelines: a volume and a Secret."""

    def checked(self, config: Config) -> Config:
        """See `Platform`."""
        mount = config.kubeflow.mount_path.rstrip("/") + "/"
        output = posixpath.normpath(config.output)
        if not output.startswith(mount):
            raise ConfigError(
                f"option output must be a folder on the volume, below {mount}. "
                f"Received: {config.output}"
            )
        pattern = config.data.pattern
        if not pattern.startswith(mount) and "://" not in pattern:
            raise ConfigError(
                f"option data.pattern must lie on the volume, below {mount}. "
                f"Received: {pattern}"
            )
        return config.model_copy(update={"output": output})

    def equip(self, task: Any, config: Config, step: str) -> None:
        """See `Platform`."""
        from kfp import kubernetes

        cluster, options = config.kubeflow, options_of(config, step)
        _equip(task, config, step)
        task.set_cpu_request(options.cpu)
        task.set_memory_request(options.memory)
        kubernetes.mount_pvc(
            task, pvc_name=cluster.volume_claim, mount_path=cluster.mount_path
        )
        kubernetes.use_secret_as_env(
            task,
            secret_name=cluster.metadata_secret,
            secret_key_to_env={key: PREFIX + key.upper() for key in _KEYS},
        )


class Vertex:
    """Vertex AI Pipelines: buckets that are mounted as folders, no Kubernetes."""

    def checked(self, config: Config) -> Config:
        """See `Platform`."""
        if not config.output.startswith("gs://"):
            raise ConfigError(
                "option output must be a folder in a bucket, gs://bucket/folder. "
                f"Received: {config.output}"
            )
        if config.vertex.metadata_host is None:
            raise ConfigError("option vertex.metadata_host is required and is not set")
        return config.model_copy(update={"output": _mounted(config.output)})

    def equip(self, task: Any, config: Config, step: str) -> None:
        """See `Platform`."""
        _equip(task, config, step)
        for name, value in _metadata_environment(config).items():
            task.set_env_variable(name, value)


PLATFORMS: Mapping[str, Platform] = {"kubeflow": Kubeflow(), "vertex": Vertex()}


def _equip(task: Any, config: Config, step: str) -> None:
    options = options_of(config, step)
    task.set_display_name(step)
    # KFP would leave out a step whose arguments it has seen. TFX's own cache looks at
    # the data, and knows resolvers.
    task.set_caching_options(False)
    task.set_cpu_limit(options.cpu)
    task.set_memory_limit(options.memory)
    if options.retries:
        # What a step needs, such as the database, may be away for a moment.
        task.set_retry(
            num_retries=options.retries, backoff_duration="30s", backoff_factor=2
        )
    if options.accelerator is not None:
        task.set_accelerator_type(options.accelerator)
        task.set_accelerator_limit(options.accelerators or 1)


def _metadata_environment(config: Config) -> dict[str, str]:
    vertex = config.vertex
    values = {
        "HOST": vertex.metadata_host,
        "PORT": str(vertex.metadata_port),
        "DATABASE": vertex.metadata_database,
        "USER": vertex.metadata_user,
        # Never the password itself: whoever sees the pipeline sees its environment.
        "PASSWORD_FILE": _mounted(vertex.metadata_password_file),
    }
    return {PREFIX + name: value for name, value in values.items() if value}


def _mounted(path: str) -> str:
    return path.replace("gs://", _BUCKETS, 1) if path.startswith("gs://") else path
