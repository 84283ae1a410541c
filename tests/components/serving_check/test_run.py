"""The check in a run of TFX's own local runner, between a model and the Pusher."""

from __future__ import annotations

from pathlib import Path

from tfx import v1 as tfx
from tfx.utils import path_utils

from components.serving_check.component import ServingCheck


def test_a_good_model_is_blessed_and_pushed_in_a_run(
    tiny_model, export_model, tmp_path
):
    uri = str(tmp_path / "model")
    export_model(tiny_model(), Path(path_utils.serving_model_dir(uri)))
    model = tfx.dsl.Importer(
        source_uri=uri, artifact_type=tfx.types.standard_artifacts.Model
    ).with_id("model")
    check = ServingCheck(model.outputs["result"])
    pusher = tfx.components.Pusher(
        model=model.outputs["result"],
        infra_blessing=check.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(
                base_directory=str(tmp_path / "serving")
            )
        ),
    )
    sqlite = tfx.orchestration.metadata.sqlite_metadata_connection_config
    tfx.orchestration.LocalDagRunner().run(
        tfx.dsl.Pipeline(
            pipeline_name="checked",
            pipeline_root=str(tmp_path / "pipeline"),
            components=[model, check, pusher],
            metadata_connection_config=sqlite(str(tmp_path / "metadata.sqlite")),
        )
    )
    assert len(list((tmp_path / "serving").glob("*/saved_model.pb"))) == 1
