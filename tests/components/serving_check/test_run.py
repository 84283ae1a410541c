"""The check in a run of TFX's own local runner, between a model and the Pusher."""

from __future__ import annotations

import json
from pathlib import Path

import tensorflow as tf
from tfx.components import Pusher
from tfx.dsl.components.common.importer import Importer
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline
from tfx.proto.pusher_pb2 import PushDestination
from tfx.types import standard_artifacts
from tfx.utils import path_utils

from components.serving_check.component import ServingCheck


def _write_examples(folder: Path, make_example) -> None:
    for split, count in (("train", 3), ("eval", 40)):
        path = folder / f"Split-{split}" / "data_tfrecord-00000-of-00001.gz"
        path.parent.mkdir(parents=True)
        with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
            for position in range(count):
                writer.write(make_example(b"good " * position))


def test_a_good_model_is_blessed_and_pushed_in_a_run(
    tiny_model, export_model, make_example, tmp_path
):
    uri = str(tmp_path / "model")
    export_model(tiny_model(), Path(path_utils.serving_model_dir(uri)))
    _write_examples(tmp_path / "examples", make_example)
    artifacts = standard_artifacts
    model = Importer(source_uri=uri, artifact_type=artifacts.Model)
    model = model.with_id("model")
    examples = Importer(
        source_uri=str(tmp_path / "examples"),
        artifact_type=artifacts.Examples,
        properties={"split_names": json.dumps(["train", "eval"])},
    ).with_id("examples")
    check = ServingCheck(model.outputs["result"], examples=examples.outputs["result"])
    # The Pusher pushes only if the property `blessed` of the blessing is 1.
    pusher = Pusher(
        model=model.outputs["result"],
        infra_blessing=check.outputs["blessing"],
        push_destination=PushDestination(
            filesystem=PushDestination.Filesystem(
                base_directory=str(tmp_path / "serving")
            )
        ),
    )
    sqlite = sqlite_metadata_connection_config
    LocalDagRunner().run(
        Pipeline(
            pipeline_name="checked",
            pipeline_root=str(tmp_path / "pipeline"),
            components=[model, examples, check, pusher],
            metadata_connection_config=sqlite(str(tmp_path / "metadata.sqlite")),
        )
    )
    (blessing,) = (tmp_path / "pipeline" / "ServingCheck" / "blessing").iterdir()
    assert {path.name for path in blessing.iterdir()} == {
        "INFRA_BLESSED",
        "report.json",
    }
    report = json.loads((blessing / "report.json").read_text("utf-8"))
    assert report["blessed"] is True and report["reasons"] == []
    assert report["facts"]["examples"] == 32, "of eval, and no more than 32"
    (version,) = (tmp_path / "serving").iterdir()
    assert (version / "saved_model.pb").exists()
    assert (version / "assets.extra" / "tf_serving_warmup_requests").exists()
