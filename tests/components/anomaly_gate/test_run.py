"""The gate in a run of TFX's own local runner, behind the nodes that it belongs to."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
from tfx.components import ExampleValidator, ImportExampleGen, SchemaGen, StatisticsGen
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.common.importer import Importer
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline
from tfx.proto.example_gen_pb2 import Input
from tfx.types import standard_artifacts

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


def _run(root: Path, components: list[BaseNode]) -> None:
    sqlite = sqlite_metadata_connection_config
    LocalDagRunner().run(
        Pipeline(
            pipeline_name="gated",
            pipeline_root=str(root / "pipeline"),
            components=components,
            metadata_connection_config=sqlite(str(root / "metadata.sqlite")),
            # The second keeps TFX from packing its own source for each executor.
            beam_pipeline_args=["--runner=FnApiRunner", "--sdk_container_image=unused"],
        )
    )


def test_a_run_goes_on_with_good_data_and_the_clearance_counts_the_examples(tmp_path):
    rows = [
        (f"text number {row} of some", "no" if row % 3 else "yes") for row in range(60)
    ]
    _write_split(tmp_path / "data" / "train" / "a.tfrecord", rows)
    _write_split(tmp_path / "data" / "eval" / "a.tfrecord", [("other", "yes")])
    split = Input.Split
    source = ImportExampleGen(
        input_base=str(tmp_path / "data"),
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
    _run(tmp_path, [source, statistics, schema, validator, gate])
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
    before, newest = (
        tfdv.generate_statistics_from_dataframe(pd.DataFrame({"label": labels}))
        for labels in (["yes", "no"] * 9, ["maybe"])
    )
    anomalies = tfdv.validate_statistics(newest, tfdv.infer_schema(before))
    file = tmp_path / "anomalies" / "Split-eval" / "SchemaDiff.pb"
    file.parent.mkdir(parents=True)
    file.write_bytes(anomalies.SerializeToString())
    importer = Importer(
        source_uri=str(tmp_path / "anomalies"),
        artifact_type=standard_artifacts.ExampleAnomalies,
        properties={"split_names": json.dumps(["eval"])},
    ).with_id("anomalies")
    gate = AnomalyGate(importer.outputs["result"])
    with pytest.raises(AnomaliesFoundError, match="split `eval`, feature `label`"):
        _run(tmp_path, [importer, gate])
    assert not list((tmp_path / "pipeline" / "AnomalyGate").glob("clearance/*"))
