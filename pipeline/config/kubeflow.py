"""The section of the configuration for Kubeflow Pipelines and Vertex AI."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator

from pipeline.config.sections import MOST, Section

EVERY_STEP = "default"
"""The entry of `kubeflow.steps` for steps without one, or without an option."""


def _matching(pattern: str, example: str) -> AfterValidator:
    """Refuses what does not match, with an example of what does."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"should be like {example}")
        return value

    return AfterValidator(check)


# As kfp takes them: above zero, and memory with a unit.
_Cores = Annotated[str, _matching(r"(?=.*[1-9])[0-9]+(\.[0-9]+)?m?", "2 or 500m")]
_Memory = Annotated[str, _matching(r"[1-9][0-9]*[EPTGMK]i?", "8Gi or 512Mi")]
# A year, and more starts than anybody waits for: packages of kfp have bounds of both.
_MOST_MINUTES, _MOST_RETRIES = 366 * 24 * 60, 1000
_Image = Annotated[str, _matching(r"\S+", "registry.example.org/elmo-tfx:1")]
_Name = Annotated[
    str, _matching(r"[a-z][-a-z0-9]{0,126}[a-z0-9]", "elmo-tfx, in lower case")
]


class StepConfig(Section):
    """What one step asks of a cluster; an option that is None is that of `default`.

    What that leaves open, too, is 1 core, 4Gi and 1 retry, but of `Trainer` and `Tuner`
    2 cores and 8Gi: they hold up to `train.cache_gib` of vectors.
    """

    cpu: _Cores | None = Field(
        None, description="Cores it asks for, and its limit: `2`."
    )
    memory: _Memory | None = Field(
        None, description="Memory it asks for, and its limit: `8Gi`."
    )
    retries: int | None = Field(
        None,
        ge=0,
        le=_MOST_RETRIES,
        description="How often it is started again if it fails.",
    )
    timeout_minutes: float | None = Field(
        None, gt=0, le=_MOST_MINUTES, description="How long one attempt may take."
    )
    accelerator: str | None = Field(
        None,
        min_length=1,
        description="Kind of accelerator: `nvidia.com/gpu`, or on Vertex AI a name "
        "such as `NVIDIA_TESLA_T4`.",
    )
    accelerators: int | None = Field(
        None, ge=1, le=MOST, description="How many accelerators, if a kind is named."
    )


class KubeflowConfig(Section):
    """How the pipeline runs on a cluster."""

    image: _Image | None = Field(None, description="The container image of all steps.")
    pipeline_name: _Name = Field(
        "elmo-tfx",
        description="Name of the pipeline and of its experiment.",
    )
    namespace: str | None = Field(
        None, min_length=1, description="Namespace of the runs, if there are profiles."
    )
    service_account: str | None = Field(
        None,
        min_length=1,
        description="Service account of the steps; none: the cluster's default.",
    )
    volume_claim: str = Field(
        "elmo-tfx",
        min_length=1,
        description="Claim of the volume with data and outputs that all steps share.",
    )
    mount_path: str = Field(
        "/data", pattern="^/", description="Where the steps see that volume."
    )
    metadata_secret: str = Field(
        "elmo-tfx-metadata",
        min_length=1,
        description="Secret with host, port, database, user and password of ML "
        "Metadata's MySQL.",
    )
    webhook_secret: str = Field(
        "elmo-tfx-webhook",
        min_length=1,
        description="Secret with the `address` of the receiver, with `push.webhook`.",
    )
    steps: dict[str, StepConfig] = Field(
        default_factory=dict,
        description="What single steps ask for, by node such as `Trainer`; `default` "
        "is for the others, and for what these leave open.",
    )

    @field_validator("steps")
    @classmethod
    def _name_the_kind(cls, steps: dict[str, StepConfig]) -> dict[str, StepConfig]:
        for name, step in steps.items():
            # The number may stand in one entry and the kind in the other.
            others = [steps.get(EVERY_STEP)] if name != EVERY_STEP else steps.values()
            kinds = [each.accelerator for each in (step, *others) if each is not None]
            if step.accelerators is not None and not any(kinds):
                raise ValueError(
                    f"entry {name} has accelerators, but no accelerator, such as "
                    "nvidia.com/gpu"
                )
        return steps


class VertexConfig(Section):
    """What Vertex AI needs too: how its steps reach the MySQL of ML Metadata."""

    metadata_host: str | None = Field(
        None, min_length=1, description="Address of the server."
    )
    metadata_port: int = Field(3306, ge=1, le=65535, description="Its port.")
    metadata_database: str = Field(
        "elmo_tfx", min_length=1, description="Name of the database."
    )
    metadata_user: str = Field(
        "elmo_tfx", min_length=1, description="User of the steps there."
    )
    metadata_password_file: str = Field(
        "/gcs/secrets/elmo-tfx-metadata-password",
        pattern="^(/|gs://)",
        description="File with the password: a path as the steps see it, or gs://.",
    )
    webhook_file: str = Field(
        "/gcs/secrets/elmo-tfx-webhook",
        pattern="^(/|gs://)",
        description="File with the address of the receiver, with `push.webhook`: a "
        "path as the steps see it, or gs://.",
    )
