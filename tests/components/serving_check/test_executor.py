from __future__ import annotations

import json
from pathlib import Path

import tensorflow as tf
from tfx.components.pusher.executor import Executor as PusherExecutor
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts
from tfx.utils import path_utils, proto_utils

from components.serving_check.executor import Executor


def _artifact(kind, uri: Path):
    artifact = kind()
    artifact.uri = str(uri)
    return artifact


def _push(model, blessing, root: Path) -> list[Path]:
    """Runs TFX's own Pusher; returns the version folders that it made."""
    serving = root / "serving"
    destination = pusher_pb2.PushDestination(
        filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=str(serving))
    )
    pushed = _artifact(standard_artifacts.PushedModel, root / "pushed")
    PusherExecutor().Do(
        {"model": [model], "infra_blessing": [blessing]},
        {"pushed_model": [pushed]},
        {"push_destination": proto_utils.proto_to_json(destination)},
    )
    return list(serving.iterdir()) if serving.exists() else []


def test_a_faulty_model_is_not_blessed_and_not_pushed_and_the_run_goes_on(
    tiny_model, export_model, tmp_path
):
    class SumsToTwo(tiny_model):
        def probabilities(self, text):
            return tf.ones([tf.shape(text)[0], 2])

    model = _artifact(standard_artifacts.Model, tmp_path / "model")
    export_model(SumsToTwo(), Path(path_utils.serving_model_dir(model.uri)))
    blessing = _artifact(standard_artifacts.InfraBlessing, tmp_path / "blessing")
    properties = {"text_feature": "text", "timeout_seconds": 120}
    Executor().Do({"model": [model]}, {"blessing": [blessing]}, properties)

    report = json.loads((tmp_path / "blessing" / "report.json").read_text("utf-8"))
    assert report["blessed"] is False
    names = [check["name"] for check in report["checks"]]
    assert "real_examples" not in names, "there are none"
    assert "away from the sum 1" in report["reasons"][0]
    assert blessing.get_int_custom_property("blessed") == 0
    assert (Path(blessing.uri) / "INFRA_NOT_BLESSED").exists()
    assert not (Path(blessing.uri) / "INFRA_BLESSED").exists()
    assert _push(model, blessing, tmp_path) == []
