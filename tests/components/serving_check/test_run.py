"""The check in a run of TFX's own local runner, between a model and the Pusher."""

from __future__ import annotations

from pathlib import Path

from tfx.components import Pusher
from tfx.dsl.components.common.importer import Importer
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline
from tfx.proto.pusher_pb2 import PushDestination
from tfx.types import standard_artifacts
from tfx.utils import path_utils

from components.serving_check.component import ServingCheck


def test_a_good_model_is_blessed_and_pushed_in_a_run(
    tiny_model, export_model, tmp_path
):
    uri = str(tmp_path / "model")
    export_model(tiny_model(), Path(path_utils.serving_model_dir(uri)))
    model = Importer(source_uri=uri, artifact_type=standard_artifacts.Model).with_id(
        "model"
    )
    check = ServingCheck(model.outputs["result"])
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
            components=[model, check, pusher],
            metadata_connection_config=sqlite(str(tmp_path / "metadata.sqlite")),
        )
    )
    assert len(list((tmp_path / "serving").glob("*/saved_model.pb"))) == 1
