"""The gate in a run of TFX's own local runner, behind the nodes that it belongs to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tensorflow as tf
from tfx.components import ExampleValidator, ImportExampleGen, SchemaGen, StatisticsGen
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline
from tfx.proto.example_gen_pb2 import Input

from components.anomaly_gate.component import AnomalyGate
from components.anomaly_gate.executor import AnomaliesFoundError


def _write_split(path: Path, rows: list[tuple[str, str]]) -> None:
    path.parent.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for row in rows:
            feature = {}
            for name, value in zip(("text", "label"), row, strict=True):
                values = tf.train.BytesList(value=[value.encode()])
                feature[name] = tf.train.Feature(bytes_list=values)
            features = tf.train.Features(feature=feature)
            writer.write(tf.train.Example(features=features).SerializeToString())


def _run(root: Path, eval_label: str) -> None:
    rows = [
        (f"text number {row} of some", "no" if row % 3 else "yes") for row in range(60)
    ]
    _write_split(root / "data" / "train" / "a.tfrecord", rows)
    _write_split(root / "data" / "eval" / "a.tfrecord", [("other", eval_label)])
    split = Input.Split
    source = ImportExampleGen(
        input_base=str(root / "data"),
        input_config=Input(
            splits=[split(name=name, pattern=f"{name}/*") for name in ("train", "eval")]
        ),
    )
    statistics = StatisticsGen(examples=source.outputs["examples"])
    schema = SchemaGen(
        statistics=statistics.outputs["statistics"],
        infer_feature_shape=True,
        exclude_splits=["eval"],
    )
    validator = ExampleValidator(
        statistics=statistics.outputs["statistics"], schema=schema.outputs["schema"]
    )
    gate = AnomalyGate(
        validator.outputs["anomalies"],
        statistics=statistics.outputs["statistics"],
        examples=source.outputs["examples"],
        free_text_features=["text"],
    )
    sqlite = sqlite_metadata_connection_config
    LocalDagRunner().run(
        Pipeline(
            pipeline_name="gated",
            pipeline_root=str(root / "pipeline"),
            components=[source, statistics, schema, validator, gate],
            metadata_connection_config=sqlite(str(root / "metadata.sqlite")),
            beam_pipeline_args=["--runner=FnApiRunner"],
        )
    )


def test_a_run_goes_on_with_good_data_and_the_clearance_counts_the_examples(tmp_path):
    _run(tmp_path, eval_label="yes")
    (report,) = (tmp_path / "pipeline" / "AnomalyGate").glob("clearance/*/*.json")
    splits = json.loads(report.read_text(encoding="utf-8"))["splits"]
    assert {name: split["examples"] for name, split in splits.items()} == {
        "train": 60,
        "eval": 1,
    }
    # 60 distinct texts are few enough for SchemaGen to take them for a category.
    assert splits["eval"]["anomalies"] == []
    assert splits["eval"]["ignored"][0]["feature"] == "text"


def test_a_run_ends_at_the_gate_with_the_gate_s_own_error(tmp_path):
    with pytest.raises(AnomaliesFoundError, match="split `eval`, feature `label`"):
        _run(tmp_path, eval_label="maybe")
    assert not list((tmp_path / "pipeline" / "AnomalyGate").glob("clearance/*"))
