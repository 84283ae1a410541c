"""What differs between Kubeflow Pipelines and Vertex AI: volume, secrets, limits."""

from __future__ import annotations

import abc
import math
import posixpath
from collections.abc import Mapping
from typing import Any

from elmo_kubeflow.tries import PAUSE_SECONDS
from pipeline.config import Config, ConfigError
from pipeline.config.kubeflow import EVERY_STEP, StepConfig
from pipeline.metadata.store import PREFIX
from pipeline.runs.webhook import FILE_VARIABLE, VARIABLE

_SECRET_KEYS = ("host", "port", "database", "user", "password")
_GS = "gs://"
_BUCKETS = "/gcs/"  # where Vertex AI shows buckets as folders
_LONGEST_TRY_MINUTES = 24 * 60  # of a step without a time limit
_DEFAULTS = StepConfig(cpu="1", memory="4Gi", retries=1)
# Beside data and weights both hold up to `train.cache_gib` of vectors.
_TRAINS = StepConfig(cpu="2", memory="8Gi")
_DEFAULTS_BY_STEP = {"Tuner": _TRAINS, "Trainer": _TRAINS}


def step_options(config: Config, step: str) -> StepConfig:
    """Returns the options of a step.

    Each is taken from the first of these that sets it: `kubeflow.steps.<step>`,
    `kubeflow.steps.default`, our default for the step, our default for all steps.
    """
    of_config = config.kubeflow.steps
    merged: dict[str, object] = {}
    for options in (
        _DEFAULTS,
        _DEFAULTS_BY_STEP.get(step),
        of_config.get(EVERY_STEP),
        of_config.get(step),
    ):
        if options is not None:
            merged |= options.model_dump(exclude_none=True)
    return StepConfig.model_validate(merged)


class Platform(abc.ABC):
    """What runs a package."""

    @abc.abstractmethod
    def checked(self, config: Config) -> Config:
        """Returns the configuration as the steps read it.

        Raises:
            ConfigError: The platform cannot run it.
        """

    def equip(self, task: Any, config: Config, step: str) -> None:
        """Sets on a task of kfp what its step needs."""
        options = step_options(config, step)
        task.set_display_name(step)
        # KFP would skip a step whose arguments it has seen before. TFX's own cache also
        # looks at the data, and knows resolvers.
        task.set_caching_options(False)
        task.set_cpu_limit(options.cpu)
        task.set_memory_limit(options.memory)
        if options.retries:
            # For pods that die; a program that fails is started again by the step
            # itself (`tries`). kfp 2.5 makes an hour of any longer limit.
            minutes = options.timeout_minutes or _LONGEST_TRY_MINUTES
            seconds = math.ceil((options.retries + 1) * minutes * 60)
            task.set_retry(
                num_retries=options.retries,
                backoff_duration=f"{PAUSE_SECONDS:g}s",
                backoff_factor=2,
                backoff_max_duration=f"{seconds}s",
            )
        if options.accelerator is not None:
            task.set_accelerator_type(options.accelerator)
            task.set_accelerator_limit(options.accelerators or 1)


class Kubeflow(Platform):
    """The open-source Kubeflow Pipelines: a volume and a Secret."""

    def checked(self, config: Config) -> Config:
        mount = config.kubeflow.mount_path.rstrip("/") + "/"
        output = posixpath.normpath(config.output)
        if not output.startswith(mount):
            raise ConfigError(
                f"option output must be a folder on the volume, below {mount}. "
                f"Received: {config.output}"
            )
        patterns = {"pattern": config.data.pattern}
        for split, files in config.data.held_out.items():
            patterns[f"{split}_pattern"] = files
        for option, pattern in patterns.items():
            if not pattern.startswith(mount) and "://" not in pattern:
                raise ConfigError(
                    f"option data.{option} must be on the volume, below {mount}. "
                    f"Received: {pattern}"
                )
        return config.model_copy(update={"output": output})

    def equip(self, task: Any, config: Config, step: str) -> None:
        from kfp import kubernetes

        super().equip(task, config, step)
        cluster, options = config.kubeflow, step_options(config, step)
        task.set_cpu_request(options.cpu)
        task.set_memory_request(options.memory)
        kubernetes.mount_pvc(
            task, pvc_name=cluster.volume_claim, mount_path=cluster.mount_path
        )
        kubernetes.use_secret_as_env(
            task,
            secret_name=cluster.metadata_secret,
            secret_key_to_env={key: PREFIX + key.upper() for key in _SECRET_KEYS},
        )
        if config.push.webhook:
            kubernetes.use_secret_as_env(
                task,
                secret_name=cluster.webhook_secret,
                secret_key_to_env={"address": VARIABLE},
            )


class Vertex(Platform):
    """Vertex AI Pipelines: buckets that are mounted as folders, no Kubernetes."""

    def checked(self, config: Config) -> Config:
        if not config.output.startswith(_GS):
            raise ConfigError(
                "option output must be a folder in a bucket, gs://bucket/folder. "
                f"Received: {config.output}"
            )
        if config.vertex.metadata_host is None:
            raise ConfigError("option vertex.metadata_host is required and is not set")
        return config.model_copy(update={"output": _mounted(config.output)})

    def equip(self, task: Any, config: Config, step: str) -> None:
        super().equip(task, config, step)
        vertex = config.vertex
        values = {
            "HOST": vertex.metadata_host,
            "PORT": str(vertex.metadata_port),
            "DATABASE": vertex.metadata_database,
            "USER": vertex.metadata_user,
            # Never the password itself: everyone who sees the pipeline sees this.
            "PASSWORD_FILE": _mounted(vertex.metadata_password_file),
        }
        for name, value in values.items():
            task.set_env_variable(PREFIX + name, value)
        if config.push.webhook:
            task.set_env_variable(FILE_VARIABLE, _mounted(vertex.webhook_file))


PLATFORMS: Mapping[str, Platform] = {"kubeflow": Kubeflow(), "vertex": Vertex()}


def _mounted(path: str) -> str:
    return _BUCKETS + path.removeprefix(_GS) if path.startswith(_GS) else path


def address_of(path: str, config: Config) -> str:
    """Returns the address of a folder that steps see, as KServe takes it.

    It is `pvc://claim/path` on Kubeflow Pipelines, and `gs://bucket/path` on Vertex AI.
    """
    if path.startswith(_BUCKETS):
        return _GS + path.removeprefix(_BUCKETS)
    cluster = config.kubeflow
    inside = posixpath.relpath(path, cluster.mount_path)
    return f"pvc://{cluster.volume_claim}/{inside}"


def checked_for(platform: str, config: Config) -> Config:
    """Returns the configuration as the steps read it; loads nothing large.

    Args:
        platform: A key of `PLATFORMS`.
        config: As it was loaded.

    Raises:
        ConfigError: The platform cannot run it, or no image is named.
    """
    config = PLATFORMS[platform].checked(config)
    if config.kubeflow.image is None:
        raise ConfigError("option kubeflow.image is required and is not set")
    return config
