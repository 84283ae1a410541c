"""What is pushed is written down."""

from __future__ import annotations

from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from pipeline.serving.manifest import digests, read_manifest
from pipeline.serving.pusher import Executor


def _push(tmp_path, blessed):
    model = standard_artifacts.Model()
    model.uri = str(tmp_path / "model")
    serving = tmp_path / "model" / "Format-Serving"
    (serving / "variables").mkdir(parents=True)
    (serving / "saved_model.pb").write_bytes(b"graph")
    (serving / "variables" / "variables.index").write_bytes(b"index")
    blessing = standard_artifacts.ModelBlessing()
    blessing.uri = str(tmp_path / "blessing")
    blessing.set_int_custom_property("blessed", int(blessed))
    pushed = standard_artifacts.PushedModel()
    pushed.uri = str(tmp_path / "pushed")
    folder = pusher_pb2.PushDestination.Filesystem(
        base_directory=str(tmp_path / "out" / "serving")
    )
    destination = pusher_pb2.PushDestination(filesystem=folder)
    Executor().Do(
        {"model": [model], "model_blessing": [blessing]},
        {"pushed_model": [pushed]},
        {"push_destination": proto_utils.proto_to_json(destination)},
    )


def test_a_pushed_version_has_a_manifest_of_its_files(tmp_path):
    _push(tmp_path, blessed=True)
    [version] = (tmp_path / "out" / "serving").iterdir()
    [manifest] = (tmp_path / "out" / "manifests").iterdir()
    assert manifest.name == f"{version.name}.sha256"
    assert read_manifest(str(manifest)) == digests(str(version))
    assert len(digests(str(version))) == 2


def test_what_is_not_pushed_has_none(tmp_path):
    _push(tmp_path, blessed=False)
    assert not (tmp_path / "out").exists()
