"""Tests of what steps tell KFP: messages, pages and addresses."""

from __future__ import annotations

import json

import pytest
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from elmo_kubeflow.pages import evaluation_page, page, paragraph, statistics_page, table
from elmo_kubeflow.platforms import options_of
from elmo_kubeflow.step import ExecutorInput
from elmo_kubeflow.step_outputs import address_of
from pipeline.config import load_config

_MEASURES = {"accuracy": 0.5, "auc": None, "macro_f1": 0.25, "calibration_error": 0.1}


def _config(**more):
    return load_config(
        options={"output": "/data/o", "data.pattern": "/data/*.csv", **more}
    )


def test_outputs_are_written_where_kfp_wants_them_in_its_own_form(tmp_path):
    artifact = {"name": "metrics", "uri": "minio://b/k", "metadata": {"a": 1}}
    given = {
        "inputs": {"parameterValues": {"run_id": "r", "n": 3, "yes": True}},
        "outputs": {
            "parameters": {"span": {"outputFile": str(tmp_path / "p" / "span")}},
            "artifacts": {"metrics": {"artifacts": [artifact]}},
            "outputFile": str(tmp_path / "q" / "output.json"),
        },
    }
    executor = ExecutorInput(json.dumps(given))
    assert dict(executor.parameters) == {"run_id": "r", "n": 3, "yes": True}
    executor.write_parameter("span", "7")
    assert (tmp_path / "p" / "span").read_text() == "7"
    executor.describe_artifacts({"metrics": {"auc": 0.5}}, {"metrics": "pvc://c/x"})
    told = json_format.Parse(
        (tmp_path / "q" / "output.json").read_text(), pipeline_spec_pb2.ExecutorOutput()
    )
    (described,) = told.artifacts["metrics"].artifacts
    assert (described.name, described.uri) == ("metrics", "pvc://c/x")
    assert dict(described.metadata) == {"a": 1, "auc": 0.5}


def test_an_executor_input_that_is_no_json_is_refused():
    with pytest.raises(ValueError, match="Expecting value"):
        ExecutorInput("{{$}}".replace("{", "("))


def test_what_comes_from_data_cannot_be_html():
    content = page("a & b", paragraph("<script>"), table(("<th>",), [("<td>",)]))
    assert "<script>" not in content
    assert "&lt;script&gt;" in content
    assert "&lt;td&gt;" in content
    assert "<title>a &amp; b</title>" in content


def test_the_page_of_an_evaluation_has_both_models_and_the_reasons():
    content = evaluation_page(
        {
            "blessed": False,
            "rows": 1200,
            "failures": ["accuracy 0.5 is too low"],
            "metrics": _MEASURES,
            "baseline": {**_MEASURES, "accuracy": 0.75},
            "classes": [
                {"name": "a", "precision": 1.0, "recall": 0.5, "f1": 0.6, "support": 9}
            ],
            "by_length": {"short": {**_MEASURES, "rows": 3}},
            "notes": ["few rows"],
        }
    )
    assert "The model is refused, on 1,200 test rows." in content
    assert "accuracy 0.5 is too low" in content
    assert "<td>accuracy</td><td>0.500</td><td>0.750</td>" in content
    assert "<td>auc</td><td>-</td><td>-</td>" in content


def test_the_page_of_statistics_has_a_table_a_split(tmp_path):
    import pandas as pd
    import tensorflow_data_validation as tfdv

    frame = pd.DataFrame({"text": ["a film", "a <b>", "c"], "label": ["x", "x", "y"]})
    for split in ("train", "eval"):
        folder = tmp_path / f"Split-{split}"
        folder.mkdir()
        statistics = tfdv.generate_statistics_from_dataframe(frame)
        (folder / "FeatureStats.pb").write_bytes(statistics.SerializeToString())
    content = statistics_page(str(tmp_path))
    assert "<h2>train: 3 examples</h2>" in content
    assert "<h2>eval: 3 examples</h2>" in content
    assert "<td>label</td><td>x</td><td>2</td>" in content
    assert "a &lt;b&gt;" in content


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("/data/o/serving/7", "pvc://elmo-tfx/o/serving/7"),
        ("/gcs/bucket/o/serving/7", "gs://bucket/o/serving/7"),
    ],
)
def test_a_models_address_is_one_that_servers_take(path, address):
    assert address_of(path, _config()) == address


def test_a_steps_own_options_win_over_ours_and_these_over_default():
    given = {"default": {"memory": "2Gi", "retries": 5}, "Trainer": {"cpu": "4"}}
    config = _config(**{"kubeflow.steps": given})
    trainer, other = options_of(config, "Trainer"), options_of(config, "Transform")
    assert (trainer.cpu, trainer.memory, trainer.retries) == ("4", "8Gi", 5)
    assert (other.cpu, other.memory, other.retries) == ("1", "2Gi", 5)
