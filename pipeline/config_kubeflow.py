"""The section of the configuration for Kubeflow Pipelines and Vertex AI."""

from __future__ import annotations

from pydantic import Field

from pipeline.config_sections import Section

EVERY_STEP = "default"
"""The entry of `kubeflow.steps` for all steps that have none, or lack an option."""

# As kfp takes them.
_CORES = r"^[0-9]+(\.[0-9]+)?m?$"
_BYTES = r"^[0-9]+([EPTGMK]i?)?$"


class StepConfig(Section):
    """What one step asks of a cluster; what is none is taken from `default`."""

    cpu: str | None = Field(
        None, pattern=_CORES, description="Cores it asks for, and its limit: `2`."
    )
    memory: str | None = Field(
        None, pattern=_BYTES, description="Memory it asks for, and its limit: `8Gi`."
    )
    retries: int | None = Field(
        None, ge=0, description="How often it is started again where it failed."
    )
    timeout_minutes: float | None = Field(
        None, gt=0, description="How long one try may take."
    )
    accelerator: str | None = Field(
        None,
        min_length=1,
        description="Kind of accelerator: `nvidia.com/gpu`, or on Vertex AI a name "
        "such as `NVIDIA_TESLA_T4`.",
    )
    accelerators: int | None = Field(
        None, ge=1, description="How many accelerators, if a kind is named."
    )


class KubeflowConfig(Section):
    """How the pipeline runs on a cluster."""

    image: str | None = Field(
        None, min_length=1, description="The container image of all steps."
    )
    pipeline_name: str = Field(
        "elmo-tfx",
        pattern=r"^[a-z][-a-z0-9]{0,126}[a-z0-9]$",
        description="Name of the pipeline and of its experiment.",
    )
    namespace: str | None = Field(
        None, min_length=1, description="Namespace of runs, where there are profiles."
    )
    service_account: str | None = Field(
        None, min_length=1, description="Who the steps are; none: the cluster's own."
    )
    volume_claim: str = Field(
        "elmo-tfx",
        min_length=1,
        description="Claim of the volume with data and outputs, which all steps share.",
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
    steps: dict[str, StepConfig] = Field(
        default_factory=dict,
        description="What single steps ask for, by node such as `Trainer`; "
        "`default` holds for the others.",
    )


class VertexConfig(Section):
    """What Vertex AI needs beside that: how its steps reach ML Metadata's MySQL."""

    metadata_host: str | None = Field(
        None, min_length=1, description="Address of the server."
    )
    metadata_port: int = Field(3306, ge=1, le=65535, description="Its port.")
    metadata_database: str = Field(
        "elmo_tfx", min_length=1, description="Name of the database."
    )
    metadata_user: str = Field(
        "elmo_tfx", min_length=1, description="Who the steps are there."
    )
    metadata_password_file: str = Field(
        "/gcs/secrets/elmo-tfx-metadata-password",
        pattern="^(/|gs://)",
        description="File with the password: a path as the steps see it, or gs://.",
    )
