"""`compile` and `submit`: kfp's real client, and a server that checks it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from elmo_kubeflow.server import runs, vertex
from tests.kubeflow.kfp_command import error_of, kubeflow
from tests.kubeflow.kfp_package import NAME, write_package
from tests.kubeflow.kfp_runs import task

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


@pytest.fixture
def submit(server, package):
    def call(*args, package=package):
        return kubeflow("submit", "--package", package, "--host", server.address, *args)

    return call


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr(runs, "POLL_SECONDS", 0)


def test_the_first_submit_makes_pipeline_version_experiment_and_run(
    submit, server, package
):
    result = submit()
    assert result.exit_code == 0, result.output
    (run_id,) = server.state.runs
    address = f"{server.address}/#/runs/details/{run_id}"
    assert result.stdout == f"{run_id} {address}\n"
    (pipeline,) = server.state.pipelines.values()
    (version,) = server.state.versions.values()
    (experiment,) = server.state.experiments.values()
    assert pipeline["display_name"] == experiment["display_name"] == NAME
    assert version["display_name"].startswith(f"{NAME}-")
    run = server.state.runs[run_id]
    assert run["pipeline_version_reference"] == {
        "pipeline_id": pipeline["pipeline_id"],
        "pipeline_version_id": version["pipeline_version_id"],
    }
    assert run["experiment_id"] == experiment["experiment_id"]
    assert server.last("upload_pipeline_version").body == package.read_text()


def test_the_same_package_is_uploaded_once(submit, server):
    submit()
    again = submit()
    assert "already there" in again.stderr
    assert len(server.state.runs) == 2
    assert server.calls("upload") == ["upload_pipeline_version"]
    assert server.calls("create_pipeline") == ["create_pipeline"]
    assert len(server.state.experiments) == 1


def test_another_package_is_another_version_of_the_same_pipeline(
    submit, server, tmp_path
):
    submit()
    other = write_package(tmp_path / "other.yaml", data_pattern="/other/*.csv")
    submit(package=other)
    assert len(server.state.pipelines) == 1
    assert len(server.state.versions) == 2


def test_only_the_parameters_that_are_given_are_sent(submit, server):
    submit()
    assert server.last("create_run").body["runtime_config"] == {"parameters": {}}
    submit("--span", "7", "--data", "/d/*", "--training-steps", "5", "--force-run")
    assert server.last("create_run").body["runtime_config"]["parameters"] == {
        "span": "7",
        "data_pattern": "/d/*",
        "training_steps": 5,
        "force": True,
    }


def test_a_namespace_holds_pipeline_and_experiment(submit, server):
    server.state.multi_user = True
    assert "hint: --namespace" in error_of(submit())
    assert submit("--namespace", "team").exit_code == 0
    made = [*server.state.pipelines.values(), *server.state.experiments.values()]
    assert {thing.get("namespace") for thing in made[-2:]} == {"team"}


def test_the_configuration_names_namespace_and_service_account(
    submit, server, tmp_path
):
    config = tmp_path / "run.yaml"
    config.write_text(
        "output: out\ndata: {pattern: x}\n"
        "kubeflow: {namespace: team, service_account: trainer}\n"
    )
    server.state.multi_user = True
    assert submit("--config", config).exit_code == 0
    assert server.last("create_run").body["service_account"] == "trainer"
    assert server.last("list_experiments").query["namespace"] == "team"


def test_waiting_shows_each_step_once_for_each_of_its_states(submit, server):
    server.state.script = [
        {"state": "RUNNING", "tasks": [task("ingest", "RUNNING")]},
        {"state": "RUNNING", "tasks": [task("ingest", "RUNNING")]},
        {
            "state": "SUCCEEDED",
            "finished_at": "2026-03-01T03:02:00Z",
            "tasks": [task("ingest", "SUCCEEDED", 61), task("train", "SKIPPED")],
        },
    ]
    result = submit("--wait")
    assert result.exit_code == 0, result.output
    shown = result.stderr.splitlines()[1:]
    assert shown[0].startswith("ingest: running (")
    assert shown[1:] == [
        "ingest: succeeded (61 s)",
        "train: skipped",
        "succeeded after 120 s",
    ]


def test_a_failed_run_is_exit_code_1_and_names_the_step_and_why(submit, server):
    server.state.script = [
        {
            "state": "FAILED",
            "finished_at": "2026-03-01T03:00:30Z",
            "tasks": [
                task("ingest", "SUCCEEDED", 5),
                task("train", "FAILED", 9, error="out of\nmemory"),
            ],
        }
    ]
    error = error_of(submit("--wait"))
    assert "has failed after 30 s: train (out of memory)" in error


def test_if_no_step_failed_what_prepares_it_is_named(submit, server):
    server.state.script = [
        {
            "state": "FAILED",
            "finished_at": "2026-03-01T03:00:30Z",
            "tasks": [task("train-driver", "FAILED")],
        }
    ]
    assert error_of(submit("--wait")).endswith("after 30 s: train-driver")


def test_a_stopped_run_is_exit_code_1(submit, server):
    server.state.script = [{"state": "CANCELED", "tasks": []}]
    assert "was canceled" in error_of(submit("--wait"))


def test_a_server_that_restarts_is_asked_again(submit, server):
    original = server.state.get_run

    def restarting(*args):
        server.broken = [502, 503]
        server.state.get_run = original
        return original(*args)

    server.state.get_run = restarting
    server.state.script = [{"state": "RUNNING"}, {"state": "SUCCEEDED"}]
    result = submit("--wait")
    assert result.exit_code == 0, result.output
    assert result.stderr.count("asking again") == 1


def test_a_server_that_stays_away_leaves_the_run_to_itself(submit, server, monkeypatch):
    monkeypatch.setattr(runs, "PATIENCE_SECONDS", -1)
    original = server.state.get_run

    def leaving(*args):
        server.broken = [503] * 9
        return original(*args)

    server.state.get_run = leaving
    server.state.script = [{"state": "RUNNING"}]
    error = error_of(submit("--wait"))
    assert "the run goes on, but cannot be followed" in error
    assert "--wait)" in error


def test_ctrl_c_leaves_the_run_to_itself(submit, server, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "steps_of", interrupt)
    server.state.script = [{"state": "RUNNING"}]
    error = error_of(submit("--wait"), code=130)
    assert "the run goes on" in error
    assert list(server.state.runs)[0] in error


def test_a_parameter_that_the_package_lacks_is_refused_before_any_request(
    server, tmp_path
):
    text = write_package(tmp_path / "p.yaml").read_text()
    (tmp_path / "p.yaml").write_text(text.replace("training_steps", "steps"))
    result = kubeflow(
        *("submit", "--package", tmp_path / "p.yaml", "--host", server.address),
        *("--training-steps", "3"),
    )
    assert "has no parameter training_steps" in error_of(result, code=2)
    assert server.requests == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: [", "is not YAML"),
        ("a: 1", "is not a compiled pipeline"),
        ("[" * 3000, "is not YAML"),
        ("a: \udcff", "is not YAML"),
        (None, "No such"),
    ],
    ids=str,
)
def test_a_file_that_is_no_package_is_refused(tmp_path, content, message):
    path = tmp_path / "p.yaml"
    if content is not None:
        path.write_text(content, encoding="utf-8", errors="surrogateescape")
    result = kubeflow("submit", "--package", path, "--host", "http://localhost:1")
    assert message in error_of(result, code=2)


def test_a_package_without_end_is_refused(no_context):
    result = kubeflow(
        "submit", "--package", "/dev/zero", "--host", "http://localhost:1"
    )
    assert "/dev/zero is larger than" in error_of(result, code=2)


def test_a_package_that_cannot_be_written_is_an_error_in_one_line(config):
    result = kubeflow("compile", "--config", config, "--package", "/proc/p.yaml")
    assert "cannot be written: /proc/p.yaml: " in error_of(result, code=2)


def test_a_configuration_is_compiled_uploaded_once_and_run(server, config):
    args = ("--config", config, "--host", server.address)
    changed = ("--span", "7", "--data", "/d/*", "--training-steps", "5", "--force-run")
    first = kubeflow("submit", *args, *changed)
    assert first.exit_code == 0, first.output
    # Equal configurations make equal files, so this one is known by its content.
    again = kubeflow("schedule", "create", "nightly", "--cron", "0 0 3 * * *", *args)
    assert again.stdout == "schedule nightly: created\n"
    assert "already there" in again.stderr
    (version,) = server.state.versions.values()
    assert "start" in version["pipeline_spec"]["root"]["dag"]["tasks"]
    (run,) = server.state.runs.values()
    assert run["service_account"] == "trainer"


def test_nothing_is_compiled_for_a_server_that_is_not_there(
    no_context, config, monkeypatch
):
    def fail(*args, **options):
        raise AssertionError("it was compiled")

    monkeypatch.setattr("elmo_kubeflow.package.compile_package", fail)
    result = kubeflow("submit", "--config", config, "--host", "http://localhost:1")
    assert "cannot be reached at http://localhost:1" in error_of(result)


_COMPILE = """
import sys
from pipeline.cli import main
main(["kubeflow", "compile", *sys.argv[1:]], standalone_mode=False)
print(*sorted({"apache_beam", "keras", "tensorflow", "tfx"} & sys.modules.keys()))
"""


def test_compiling_imports_neither_tfx_nor_tensorflow_nor_beam(
    config, tmp_path, repository
):
    """Each takes more seconds of CPU than all else."""
    package = tmp_path / "p.yaml"
    done = subprocess.run(
        [sys.executable, "-c", _COMPILE, "--config", config, "--package", package],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": f"{repository}:{repository / 'kubeflow'}"},
    )
    assert done.stdout.splitlines()[1:] == [""]
    assert package.is_file()


@pytest.mark.slow
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
