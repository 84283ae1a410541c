"""The pipeline itself, compiled by the command that sends it."""

from __future__ import annotations

import pytest

from elmo_kubeflow.server import vertex
from tests.kubeflow.kfp_command import kubeflow

_CONFIG = """
output: {output}
data: {{pattern: "/data/reviews/*.csv"}}
kubeflow: {{image: "elmo-tfx:1", service_account: trainer}}
vertex: {{metadata_host: 10.0.0.3}}
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(_CONFIG.format(output="/data/out"))
    return path


def test_a_configuration_is_compiled_uploaded_once_and_run(server, config):
    args = ("--config", config, "--host", server.address)
    given = ("--span", "7", "--data", "/d/*", "--training-steps", "5", "--force-run")
    first = kubeflow("submit", *args, *given)
    assert first.exit_code == 0, first.output
    # Equal configurations make equal files, so this one is known by its content.
    again = kubeflow("schedule", "create", "nightly", "--cron", "0 0 3 * * *", *args)
    assert again.stdout == "schedule nightly: created\n"
    assert "there already" in again.stderr
    (version,) = server.state.versions.values()
    assert "start" in version["pipeline_spec"]["root"]["dag"]["tasks"]
    (run,) = server.state.runs.values()
    assert run["service_account"] == "trainer"


def test_what_is_compiled_for_vertex_ai_is_a_job_there(config, tmp_path, monkeypatch):
    from google.auth.credentials import AnonymousCredentials

    monkeypatch.chdir(tmp_path)
    config.write_text(_CONFIG.format(output="gs://my-bucket/out"))
    result = kubeflow("compile", "--config", config, "--vertex")
    assert result.exit_code == 0, result.output
    name, version = result.stdout.split()
    assert version.startswith("elmo-tfx-")
    job = vertex.job(
        tmp_path / name,
        vertex.Place("my-project", "europe-west4", "gs://my-bucket/elmo"),
        name="a run",
        parameters={"span": "latest", "training_steps": 5, "force": True},
        credentials=AnonymousCredentials(),
    )
    assert "start" in job.to_dict()["pipelineSpec"]["root"]["dag"]["tasks"]
