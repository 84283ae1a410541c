"""What a step reads of KFP's message, and what it writes for KFP."""

from __future__ import annotations

import json

import pytest
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from elmo_kubeflow.step import ExecutorInput


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
