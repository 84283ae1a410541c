from __future__ import annotations

import json
from pathlib import Path

import pytest
import tensorflow as tf
from tfx.components.pusher.executor import Executor as PusherExecutor
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import path_utils, proto_utils

from components.serving_check.executor import Executor


def _artifact(kind, uri: Path):
    artifact = kind()
    artifact.uri = str(uri)
    return artifact


def _push(model, blessing, root: Path) -> list[Path]:
    """Runs TFX's own Pusher and gives the version folders it made."""
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


def _check(module: tf.Module, export_model, root: Path, examples=()):
    model = _artifact(standard_artifacts.Model, root / "model")
    export_model(module, Path(path_utils.serving_model_dir(model.uri)))
    blessing = _artifact(standard_artifacts.InfraBlessing, root / "blessing")
    inputs = {"model": [model]}
    if examples:
        inputs["examples"] = list(examples)
    properties = {"text_feature": "text", "timeout_seconds": 120}
    Executor().Do(inputs, {"blessing": [blessing]}, properties)
    report = json.loads((root / "blessing" / "report.json").read_text("utf-8"))
    return model, blessing, report


@pytest.fixture
def examples(tmp_path, make_example):
    artifact = _artifact(standard_artifacts.Examples, tmp_path / "examples")
    artifact.split_names = artifact_utils.encode_split_names(["train", "eval"])
    for split, count in (("train", 3), ("eval", 40)):
        folder = tmp_path / "examples" / f"Split-{split}"
        folder.mkdir(parents=True)
        path = str(folder / "data_tfrecord-00000-of-00001.gz")
        with tf.io.TFRecordWriter(path, "GZIP") as writer:
            for position in range(count):
                writer.write(make_example(b"good " * position))
    return artifact


def test_a_good_model_is_blessed_and_pushed(
    tiny_model, export_model, examples, tmp_path
):
    model, blessing, report = _check(tiny_model(), export_model, tmp_path, [examples])
    assert report["blessed"] is True and report["reasons"] == []
    assert report["facts"]["examples"] == 32, "of eval, and no more than 32"
    assert blessing.get_int_custom_property("blessed") == 1
    files = {path.name for path in Path(blessing.uri).iterdir()}
    assert files == {"INFRA_BLESSED", "report.json"}
    (version,) = _push(model, blessing, tmp_path)
    assert (version / "saved_model.pb").exists()
    assert (version / "assets.extra" / "tf_serving_warmup_requests").exists()


def test_a_faulty_model_is_not_blessed_and_not_pushed_and_the_run_goes_on(
    tiny_model, export_model, tmp_path, caplog
):
    class SumsToTwo(tiny_model):
        def probabilities(self, text):
            return tf.ones([tf.shape(text)[0], 2])

    model, blessing, report = _check(SumsToTwo(), export_model, tmp_path)
    assert report["blessed"] is False
    names = [check["name"] for check in report["checks"]]
    assert "real_examples" not in names, "none were given"
    assert "away from the sum 1" in report["reasons"][0]
    assert blessing.get_int_custom_property("blessed") == 0
    assert (Path(blessing.uri) / "INFRA_NOT_BLESSED").exists()
    assert not (Path(blessing.uri) / "INFRA_BLESSED").exists()
    assert _push(model, blessing, tmp_path) == []
