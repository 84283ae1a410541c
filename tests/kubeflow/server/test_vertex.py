"""Vertex AI, as far as it goes without its server."""

from __future__ import annotations

import sys

import pytest

from elmo_kubeflow.errors import BadPackage, NotInstalled
from elmo_kubeflow.server import vertex
from pipeline.errors import UserError
from pipeline.scheduling.cron import CronError
from tests.kubeflow.kfp_command import error_of, kubeflow

pytestmark = pytest.mark.slow  # Google's client takes ten seconds to import

_PLACE = ("--project", "my-project", "--region", "europe-west4")
_ROOT = ("--root", "gs://my-bucket/elmo")


@pytest.fixture
def make(package):
    from google.auth.credentials import AnonymousCredentials

    def make(package=package, **parameters):
        place = vertex.Place("my-project", "europe-west4", "gs://my-bucket/elmo")
        return vertex.job(
            package,
            place,
            name="a run",
            parameters=parameters,
            credentials=AnonymousCredentials(),
        )

    return make


def test_a_compiled_pipeline_becomes_a_job_with_its_parameters(make):
    job = make(span="7", training_steps=5, force=True)
    request = job.to_dict()
    assert request["displayName"] == "a run"
    config = request["runtimeConfig"]
    assert config["gcsOutputDirectory"] == "gs://my-bucket/elmo"
    assert config["parameterValues"] == {
        "span": "7",
        "training_steps": 5.0,
        "force": True,
    }
    tasks = request["pipelineSpec"]["root"]["dag"]["tasks"]
    assert set(tasks) == {"ingest", "train"}
    assert not any(task["cachingOptions"].get("enableCache") for task in tasks.values())


def test_a_parameter_that_the_pipeline_does_not_have_is_refused(make):
    with pytest.raises(BadPackage, match="no_such"):
        make(no_such=1)


def test_a_root_that_is_not_in_a_bucket_is_refused():
    with pytest.raises(UserError, match=r"gs://.*Received: /data"):
        vertex.Place("p", "r", "/data")


@pytest.mark.parametrize("cron", ["0 0 3 * * *", "60 3 * * *"])
def test_a_schedule_has_five_fields(make, cron):
    with pytest.raises(CronError):
        vertex.create_schedule(make(), name="n", cron=cron, service_account=None)


def test_the_command_checks_five_fields_before_anything_else(package):
    result = kubeflow(
        *("schedule", "create", "n", "--cron", "0 0 3 * * *"),
        *("--package", package, "--vertex", *_PLACE, *_ROOT),
    )
    assert "must have 5 fields" in error_of(result, code=2)


def test_without_credentials_the_error_says_what_to_do(package, monkeypatch, tmp_path):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    result = kubeflow("submit", "--package", package, "--vertex", *_PLACE, *_ROOT)
    assert "gcloud auth application-default login" in error_of(result, code=2)


def test_without_its_library_the_error_says_what_to_install(make, monkeypatch):
    monkeypatch.setitem(sys.modules, "google.cloud.aiplatform", None)
    with pytest.raises(NotInstalled, match="pip install 'google-cloud-aiplatform'"):
        make()
