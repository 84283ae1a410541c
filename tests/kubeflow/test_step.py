"""What a step reads of KFP's message, and what it writes for KFP."""

from __future__ import annotations

import json
import os
import threading
from typing import NamedTuple

import pytest
from click.testing import CliRunner
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from elmo_kubeflow import step
from elmo_kubeflow.step import ExecutorInput
from pipeline.config import Config, load_config
from pipeline.metadata import lease as metadata_lease
from pipeline.metadata.lease import Lease, OutputBusy, OutputLost
from pipeline.metadata.store import open_store
from pipeline.output_folder import OutputFolder
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


@pytest.fixture
def run(config, monkeypatch):
    """The commands of steps of a run, each without its process."""

    def call(run_id: str, *args: str, work=lambda: None):
        monkeypatch.setattr(step, "run_node", lambda *_: work() or _Record())
        values = {"run_id": run_id, "config": config.model_dump_json()}
        message = json.dumps({"inputs": {"parameterValues": values}})
        args = ("node", *args, "--executor-input", message)
        return CliRunner().invoke(step.main, args)

    return call


class _Record(NamedTuple):
    """What is left of a node that has made nothing."""

    node: str = "SchemaGen"
    state: str = "done"
    seconds: float = 0.0
    outputs: dict = {}


@pytest.fixture
def lease(config):
    def of(run_id: str) -> Lease:
        output = OutputFolder(config.output)
        return Lease(open_store(output.metadata), output.pipeline_name, run_id)

    return of


def test_a_step_holds_the_output_for_its_run_and_leaves_it_to_the_next(run, lease):
    lease("run-1").take()
    assert run("run-1", "SchemaGen").exit_code == 0
    with pytest.raises(OutputBusy, match="run-1"):
        lease("run-2").take()


def test_a_step_of_a_run_that_lost_its_output_is_refused_and_not_tried_again(
    run, lease
):
    lease("run-1").take()
    lease("run-1").release()
    lease("run-2").take()
    result = run("run-1", "SchemaGen", work=pytest.fail)
    assert result.exit_code == OutputLost.exit_code == 2
    assert "this run no longer holds its output, which was taken by run-2" in (
        result.output
    )
    lease("run-2").keep()


def test_a_run_whose_step_fails_lets_go_of_its_output(run, lease):
    def fail():
        raise RunFailed(node="SchemaGen", reason="out of memory")

    lease("run-1").take()
    assert run("run-1", "SchemaGen", work=fail).exit_code == 1
    lease("run-2").take()


def test_a_step_ends_once_another_run_takes_its_output(run, lease, monkeypatch):
    ended = threading.Event()
    codes = []
    monkeypatch.setattr(metadata_lease, "RENEWED_AFTER_SECONDS", 0.01)
    monkeypatch.setattr(os, "_exit", lambda code: (codes.append(code), ended.set()))

    def lose():
        lease("run-1").release()
        lease("run-2").take()
        assert ended.wait(10)

    lease("run-1").take()
    run("run-1", "SchemaGen", work=lose)
    assert codes == [2]
