"""Tests of the wiring: which nodes there are, and what waits for what."""

from __future__ import annotations

import json

import pytest
from tfx.dsl.compiler import compiler

from components.text_example_gen.executor import Settings
from pipeline.config import load_config
from pipeline.node_order import upstream_nodes
from pipeline.pipeline import create_pipeline


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wiring")
    (folder / "texts.csv").write_text("text,label\ngood,1\nbad,0\n")
    (folder / "schema.pbtxt").write_text("")
    return folder


def _nodes(folder, *overrides: str):
    config = load_config(
        None, [f"output={folder}/out", f"data.pattern={folder}/texts.csv", *overrides]
    )
    return {node.id: node for node in create_pipeline(config).components}


def _upstream(node) -> set[str]:
    """Ids of all nodes that must end before this one starts."""
    upstream: set[str] = set()
    waiting = [node]
    while waiting:
        for other in waiting.pop().upstream_nodes:
            if other.id not in upstream:
                upstream.add(other.id)
                waiting.append(other)
    return upstream


def test_the_nodes_come_in_the_order_of_the_drawing(folder):
    order = list(_nodes(folder))
    drawn = [
        "TextExampleGen",
        "StatisticsGen",
        "SchemaGen",
        "ExampleValidator",
        "AnomalyGate",
        "Transform",
        "Trainer",
        "Evaluator",
        "Pusher",
    ]
    assert [node for node in order if node in drawn] == drawn
    assert set(order) - set(drawn) == {"PreviousModel", "ServingCheck"}


@pytest.mark.parametrize("window_spans", [1, 2])
@pytest.mark.parametrize("start", ["fresh", "warm", "tuned"])
@pytest.mark.parametrize("has_schema", [False, True])
def test_the_order_that_is_known_without_tfx_is_that_of_the_pipeline(
    folder, window_spans, start, has_schema
):
    options = {
        "output": f"{folder}/out",
        "data.pattern": f"{folder}/{{SPAN}}/*.csv",
        "data.window_spans": window_spans,
        "data.schema_path": f"{folder}/schema.pbtxt" if has_schema else None,
        "train.warm_start": start == "warm",
        "train.tune": "5m" if start == "tuned" else None,
    }
    config = load_config(options=options)
    compiled = compiler.Compiler().compile(create_pipeline(config))
    order = upstream_nodes(config)
    assert order == {
        node.pipeline_node.node_info.id: sorted(node.pipeline_node.upstream_nodes)
        for node in compiled.nodes
    }
    before: set[str] = set()
    for node, others in order.items():
        assert before.issuperset(others), node
        before.add(node)


def test_nothing_is_transformed_or_trained_before_the_gate_has_passed(folder):
    nodes = _nodes(folder)
    for node in ("Transform", "Trainer", "Evaluator", "Pusher"):
        assert "AnomalyGate" in _upstream(nodes[node]), node


def test_without_a_window_of_spans_nothing_is_compared(folder):
    assert not {"SpanWindow", "DriftCheck"} & set(_nodes(folder))


def test_the_newest_span_is_compared_with_its_window_before_the_gate(folder):
    spans = (f"data.pattern={folder}/{{SPAN}}/*.csv", "data.window_spans=2")
    nodes = _nodes(folder, *spans, "drift.label=0.2", "drift.length=0.3")
    order = list(nodes)
    assert order.index("DriftCheck") < order.index("AnomalyGate")
    assert {"SpanWindow", "TextExampleGen"} <= _upstream(nodes["DriftCheck"])
    assert "DriftCheck" in _upstream(nodes["AnomalyGate"])
    assert nodes["DriftCheck"].exec_properties | {"code": None} == {
        "code": None,
        "label": 0.2,
        "length": 0.3,
        "unknown_words": 0.1,
        "tokenizer": "elmo",
        "text_feature": "text",
        "label_feature": "label",
    }


def test_the_pusher_waits_for_both_blessings(folder):
    assert {"Evaluator", "ServingCheck"} <= _upstream(_nodes(folder)["Pusher"])


def test_a_curated_schema_takes_the_place_of_the_inferred_one(folder):
    nodes = _nodes(folder, f"data.schema_path={folder}/schema.pbtxt")
    assert "ImportSchemaGen" in nodes
    assert "SchemaGen" not in nodes
    assert "ImportSchemaGen" in _upstream(nodes["Transform"])


def test_the_sections_of_the_configuration_reach_their_nodes(folder):
    nodes = _nodes(
        folder,
        "transform.max_tokens=7",
        "train.epochs=3",
        "elmo.trainable=true",
        "evaluation.precision=0.9",
        "transform.tokenizer=characters",
    )
    transform = json.loads(nodes["Transform"].exec_properties["custom_config"])
    trainer = json.loads(nodes["Trainer"].exec_properties["custom_config"])
    assert transform["transform"]["max_tokens"] == 7
    assert transform["transform"]["tokenizer"] == trainer["tokenizer"] == "characters"
    assert trainer["train"]["epochs"] == 3
    assert trainer["precision"] == 0.9
    assert trainer["elmo"] == {
        "source": "default",
        "trainable": True,
        "learning_rate": 1e-4,
        "precision": "auto",
    }
    assert set(trainer) >= {"model", "code", "elmo_version", "resume_dir"}


def test_the_trainer_gets_a_model_to_start_from_only_where_it_is_wanted(folder):
    assert "WarmStart" not in _nodes(folder)
    nodes = _nodes(folder, "train.warm_start=true")
    base = nodes["Trainer"].inputs["base_model"]
    assert base.producer_component_id == "WarmStart"
    assert "Transform" in _upstream(nodes["WarmStart"])
    assert "WarmStart" in _upstream(nodes["Trainer"])


def test_options_are_searched_before_the_training_only_where_it_is_wanted(folder):
    assert "Tuner" not in _nodes(folder)
    nodes = _nodes(folder, "train.tune=5m")
    found = nodes["Trainer"].inputs["hyperparameters"]
    assert found.producer_component_id == "Tuner"
    assert {"Transform", "AnomalyGate"} <= _upstream(nodes["Tuner"])
    told, tuner_told = (
        json.loads(nodes[name].exec_properties["custom_config"])
        for name in ("Trainer", "Tuner")
    )
    assert told.pop("code") != tuner_told.pop("code")
    assert told == tuner_told and told["train"]["tune"] == "5m"


@pytest.mark.parametrize("source", ["default", "my_elmo"])
def test_the_pretrained_branch_is_there_with_the_included_elmo_alone(folder, source):
    (folder / "my_elmo").mkdir(exist_ok=True)
    source = source if source == "default" else str(folder / source)
    trainer = _nodes(folder, f"elmo.source={source}")["Trainer"]
    told = json.loads(trainer.exec_properties["custom_config"])["model"]
    assert told["pretrained_branch"] == (source == "default")


@pytest.mark.parametrize(
    ("arguments", "runner"),
    [
        ("[]", "--runner=FnApiRunner"),
        ("[--save_main_session]", "--runner=FnApiRunner"),
        ("[--runner=FlinkRunner]", "--runner=FlinkRunner"),
    ],
)
def test_beam_runs_in_memory_unless_another_runner_is_named(folder, arguments, runner):
    config = load_config(
        None,
        [
            f"output={folder}/out",
            f"data.pattern={folder}/texts.csv",
            f"beam.args={arguments}",
        ],
    )
    args = create_pipeline(config).beam_pipeline_args
    assert [arg for arg in args if arg.startswith("--runner")] == [runner]


def test_beam_knows_the_runner_by_this_name():
    from apache_beam.runners.runner import create_runner

    assert type(create_runner("FnApiRunner")).__name__ == "FnApiRunner"


def test_the_local_options_keep_tfx_from_packing_itself_for_every_node(folder):
    from tfx.utils import dependency_utils

    nodes = create_pipeline(
        load_config(None, [f"output={folder}/out", f"data.pattern={folder}/texts.csv"])
    )
    args = nodes.beam_pipeline_args
    assert dependency_utils.make_beam_dependency_flags(args) == args


def test_what_is_kept_for_the_evaluation_is_in_no_schema(folder):
    nodes = _nodes(folder, "data.keep_columns=[language]")
    options = json.loads(nodes["StatisticsGen"].exec_properties["stats_options_json"])
    assert "label" in str(options["_feature_allowlist"])
    assert "language" not in str(options)
    assert "slices" in nodes["Evaluator"].exec_properties["eval_config"]
    assert "row_source" not in str(options)
    settings = _nodes(folder)["TextExampleGen"].exec_properties
    assert Settings.from_exec_properties(dict(settings)).keep_position


def test_a_training_that_goes_on_from_another_divides_by_hash_alone(folder):
    def stratify(*overrides: str) -> bool:
        nodes = _nodes(folder, *overrides)
        properties = nodes["TextExampleGen"].exec_properties
        divided = Settings.from_exec_properties(dict(properties)).stratify
        told = json.loads(nodes["Trainer"].exec_properties["custom_config"])
        assert told["exact_shares"] == divided
        return divided

    assert stratify()
    assert not stratify("train.warm_start=true")
    assert not stratify(f"data.pattern={folder}/{{SPAN}}/*.csv")
