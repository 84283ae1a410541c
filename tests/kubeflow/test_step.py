"""What a step reads of KFP's message, and what it writes for KFP."""

from __future__ import annotations

import json

import pytest
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from elmo_kubeflow import step
from elmo_kubeflow.step import ExecutorInput
from pipeline.config import Config, load_config
from pipeline.runs.all_runs import past_runs
from pipeline.runs.outcomes import RunFailed


def test_outputs_are_written_where_kfp_wants_them_in_its_own_form(tmp_path):
    artifact = {"name": "metrics", "uri": "minio://b/k", "metadata": {"a": 1}}
    message = {
        "inputs": {"parameterValues": {"run_id": "r", "n": 3, "yes": True}},
        "outputs": {
            "parameters": {"span": {"outputFile": str(tmp_path / "p" / "span")}},
            "artifacts": {"metrics": {"artifacts": [artifact]}},
            "outputFile": str(tmp_path / "q" / "output.json"),
        },
    }
    executor = ExecutorInput(json.dumps(message))
    assert dict(executor.parameters) == {"run_id": "r", "n": 3, "yes": True}
    executor.write_parameter("span", "7")
    assert (tmp_path / "p" / "span").read_text() == "7"
    executor.describe_artifacts({"metrics": {"auc": 0.5}}, {"metrics": "pvc://c/x"})
    written = json_format.Parse(
        (tmp_path / "q" / "output.json").read_text(), pipeline_spec_pb2.ExecutorOutput()
    )
    (described,) = written.artifacts["metrics"].artifacts
    assert (described.name, described.uri) == ("metrics", "pvc://c/x")
    assert dict(described.metadata) == {"a": 1, "auc": 0.5}


def test_an_executor_input_that_is_not_json_is_refused():
    with pytest.raises(ValueError, match="Expecting value"):
        ExecutorInput("{{$}}".replace("{", "("))


@pytest.fixture
def config(tmp_path) -> Config:
    options = {"data.pattern": "x.csv", "output": str(tmp_path), "push.webhook": True}
    return load_config(options=options)


@pytest.fixture
def executor(config) -> ExecutorInput:
    values = {"run_id": "run-7", "config": config.model_dump_json()}
    return ExecutorInput(json.dumps({"inputs": {"parameterValues": values}}))


@pytest.fixture
def told(monkeypatch) -> list:
    runs: list = []
    monkeypatch.setattr(step, "tell", lambda output, run, say: runs.append(run))
    return runs


def test_a_run_is_listed_from_its_start_and_a_failure_kept_and_told(
    config, executor, told
):
    executor.begin(config)
    assert [run.verdict for run in past_runs(config.output)] == ["running"]
    error = RunFailed(node="Trainer", reason="out of memory")
    executor.keep_failure(error, "Trainer")
    [failed] = past_runs(config.output)
    assert (failed.verdict, failed.component) == ("failed", "Trainer")
    assert failed.reasons == ["out of memory"]
    executor.tell_of_failure("Trainer", "it ended with exit code 1")
    assert told == [failed]


def test_a_step_that_was_killed_is_told_by_the_process_that_started_it(
    config, executor, told
):
    executor.begin(config)
    executor.tell_of_failure("Trainer", "it ended with exit code 137")
    assert [run.reasons for run in told] == [["it ended with exit code 137"]]
    assert [run.verdict for run in past_runs(config.output)] == ["failed"]


def test_a_run_that_fails_before_it_begins_is_told(executor, told):
    executor.keep_failure(ValueError(), "start")  # there is nothing to keep it with
    executor.tell_of_failure("start", "no data")
    assert [(run.run_id, run.reasons) for run in told] == [("", ["start: no data"])]
