"""What is pushed appears whole, above all others, and is written down."""

from __future__ import annotations

import errno
import os
import sys

import pytest
import tensorflow as tf
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from pipeline.runs.outcomes import reason_of
from pipeline.serving import publish, pusher
from pipeline.serving.manifest import digests, manifest_path, read_manifest
from pipeline.serving.publish import noted_pushes
from pipeline.serving.pusher import Executor

watch = []
sys.addaudithook(lambda event, args: [each(event, args) for each in watch or ()])


def _push(tmp_path, blessed=True, to=None, execution=11):
    model = standard_artifacts.Model()
    model.uri = str(tmp_path / "model")
    serving = tmp_path / "model" / "Format-Serving"
    (serving / "variables").mkdir(parents=True, exist_ok=True)
    (serving / "saved_model.pb").write_bytes(b"graph")
    (serving / "variables" / "variables.index").write_bytes(b"index")
    blessing = standard_artifacts.ModelBlessing()
    blessing.uri = str(tmp_path / "blessing")
    blessing.set_int_custom_property("blessed", int(blessed))
    pushed = standard_artifacts.PushedModel()
    pushed.uri = str(tmp_path / "pushed" / str(execution))
    folder = pusher_pb2.PushDestination.Filesystem(
        base_directory=to or str(tmp_path / "out" / "serving")
    )
    destination = pusher_pb2.PushDestination(filesystem=folder)
    Executor().Do(
        {"model": [model], "model_blessing": [blessing]},
        {"pushed_model": [pushed]},
        {"push_destination": proto_utils.proto_to_json(destination)},
    )
    return pushed


def test_a_pushed_version_has_a_manifest_of_its_files(tmp_path):
    pushed = _push(tmp_path)
    [version] = (tmp_path / "out" / "serving").iterdir()
    assert pushed.get_string_custom_property("pushed_destination") == str(version)
    assert pushed.get_string_custom_property("pushed_version") == version.name
    assert read_manifest(manifest_path(str(version))) == digests(str(version))
    assert digests(pushed.uri) == digests(str(version))
    assert len(digests(str(version))) == 2
    assert noted_pushes(version.parent) == {version: "11"}


def test_what_is_not_pushed_has_none(tmp_path):
    assert _push(tmp_path, blessed=False).get_int_custom_property("pushed") == 0
    assert not (tmp_path / "out").exists()


def test_versions_rise_whatever_the_clock_says(tmp_path, monkeypatch):
    for now in (200, 200, 100):
        monkeypatch.setattr(pusher, "clock", lambda now=now: now)
        _push(tmp_path)
    names = sorted(each.name for each in (tmp_path / "out" / "serving").iterdir())
    assert names == ["200", "201", "202"]


def test_one_that_is_killed_while_another_pushes_costs_it_nothing(
    tmp_path, monkeypatch
):
    publish_it = pusher.publish

    def killed_meanwhile(*_):
        monkeypatch.setattr(pusher, "publish", publish_it)
        _push(tmp_path, execution=12)
        raise KeyboardInterrupt

    monkeypatch.setattr(pusher, "clock", lambda: 100)  # in the same second
    monkeypatch.setattr(pusher, "publish", killed_meanwhile)
    with pytest.raises(KeyboardInterrupt):
        _push(tmp_path, execution=11)
    serving = tmp_path / "out" / "serving"
    assert [each.name for each in serving.iterdir()] == ["101"]
    assert noted_pushes(serving) == {serving / "100": "11", serving / "101": "12"}


def test_nobody_sees_a_version_before_it_is_whole(tmp_path, monkeypatch):
    serving = tmp_path / "out" / "serving"
    seen = []

    def look(event, args):
        if event == "open" and str(args[0]).startswith(str(serving)):
            seen.append([each.name for each in serving.iterdir()])

    watch.append(look)
    try:
        _push(tmp_path)
    finally:
        watch.clear()
    assert len(seen) > 4
    assert all(name.endswith(".part") for names in seen for name in names)
    assert len(list(serving.iterdir())) == 1


def test_a_push_that_fails_leaves_no_version(tmp_path, monkeypatch):
    def full(folder):
        raise OSError("No space left on device")

    monkeypatch.setattr(publish, "_flush", full)
    with pytest.raises(OSError, match="No space left"):
        _push(tmp_path)
    assert list((tmp_path / "out" / "serving").iterdir()) == []


def test_a_push_onto_a_full_disk_says_so_of_one_file(tmp_path, monkeypatch):
    def full(source, target, **_):
        why = os.strerror(errno.ENOSPC)
        raise OSError(errno.ENOSPC, why, os.fspath(source), None, target)

    monkeypatch.setattr("shutil.copystat", full)  # of folders and files
    with pytest.raises(OSError) as failed:
        _push(tmp_path)
    reason = reason_of(failed.value)
    assert reason.startswith("OSError: [Errno 28] No space left on device: '")
    assert reason.count("Errno") == 1 and len(reason.split(" -> ")) == 2
    assert list((tmp_path / "out" / "serving").iterdir()) == []


def test_other_file_systems_get_the_graph_last(tmp_path):
    for _ in range(2):
        place = _push(tmp_path, to="ram://out/serving").get_string_custom_property(
            "pushed_destination"
        )
        assert digests(place) == digests(str(tmp_path / "pushed" / "11"))
    assert read_manifest(manifest_path(place)) == digests(place)
    assert len(tf.io.gfile.listdir("ram://out/serving")) == 2
