"""The same pipeline on Vertex AI, which runs what kfp has compiled for it.

The login is Application Default Credentials, as all of Google's libraries take it.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elmo_kubeflow.errors import BadCredentials, BadPackage, KubeflowError, require
from pipeline.errors import UserError
from pipeline.scheduling.cron import check_cron

FIELDS = 5  # of a cron expression: Vertex AI has minutes first


@dataclass(frozen=True)
class Place:
    """Where on Vertex AI a pipeline runs.

    Args:
        project: Id of the project.
        region: Such as `europe-west4`.
        root: Folder for what the pipeline makes: `gs://bucket/folder`.

    Raises:
        UserError: The root is not in a bucket.
    """

    project: str
    region: str
    root: str

    def __post_init__(self) -> None:
        if not self.root.startswith("gs://"):
            raise UserError(
                f"option --root must start with gs://. Received: {self.root}"
            )


def job(
    package: Path,
    place: Place,
    *,
    name: str,
    parameters: Mapping[str, Any],
    credentials: Any = None,
) -> Any:
    """Returns an `aiplatform.PipelineJob`; asks no server.

    Args:
        package: What was compiled for Vertex AI, one document of YAML.
        place: Where it runs.
        name: Name that the console shows.
        parameters: What differs from the pipeline's defaults.
        credentials: The login; None: Application Default Credentials.

    Raises:
        NotInstalled: There is no google-cloud-aiplatform.
        BadCredentials: There are no Application Default Credentials.
        BadPackage: The package cannot be used, or lacks one of the parameters.
    """
    require("google.cloud.aiplatform", "google-cloud-aiplatform")
    from google.cloud import aiplatform

    with _translated_errors():
        try:
            return aiplatform.PipelineJob(
                display_name=name,
                template_path=str(package),
                pipeline_root=place.root,
                parameter_values=dict(parameters),
                # TFX decides itself what need not be done again.
                enable_caching=False,
                project=place.project,
                location=place.region,
                credentials=credentials,
            )
        except ValueError as error:
            raise BadPackage(f"package {package}: {_line(error)}") from error


def submit(pipeline_job: Any, *, service_account: str | None, wait: bool) -> str:
    """Starts a job once; returns its name on Vertex AI, `projects/…/pipelineJobs/…`.

    Raises:
        KubeflowError: Vertex AI refuses, or the job fails while it is waited for.
    """
    with _translated_errors():
        pipeline_job.submit(service_account=service_account)
        if wait:
            pipeline_job.wait()
        return str(pipeline_job.resource_name)


def create_schedule(
    pipeline_job: Any, *, name: str, cron: str, service_account: str | None
) -> str:
    """Makes a schedule of a job; returns its name, `projects/…/schedules/…`.

    Args:
        pipeline_job: What `job` returned.
        name: Name of the schedule, which must be new.
        cron: Five fields, minute first.
        service_account: The account of the steps; None: the project's own.

    Raises:
        CronError: The expression cannot be used.
        KubeflowError: There already is such a schedule, or Vertex AI refuses.
    """
    check_cron(cron, fields=FIELDS)
    from google.cloud import aiplatform

    with _translated_errors():
        same_name = aiplatform.PipelineJobSchedule.list(
            filter=f"display_name={json.dumps(name)}",
            project=pipeline_job.project,
            location=pipeline_job.location,
            credentials=pipeline_job.credentials,
        )
        if same_name:
            raise KubeflowError(
                f"there already is a schedule {name} on Vertex AI: "
                f"{same_name[0].resource_name} (hint: delete it, or take another name)"
            )
        schedule = pipeline_job.create_schedule(
            cron=cron,
            display_name=name,
            max_concurrent_run_count=1,  # runs share one output
            service_account=service_account,
        )
        return str(schedule.resource_name)


@contextlib.contextmanager
def _translated_errors() -> Iterator[None]:
    """Turns the errors of Google's libraries into those of this package."""
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    try:
        yield
    except GoogleAuthError as error:
        raise BadCredentials(
            f"Google accepts no credentials: {type(error).__name__} "
            "(hint: gcloud auth application-default login)"
        ) from error
    except GoogleAPIError as error:
        raise KubeflowError(f"Vertex AI answers: {_line(error)}") from error
    except RuntimeError as error:  # a job that was waited for has failed
        raise KubeflowError(f"Vertex AI: {_line(error)}") from error


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())
