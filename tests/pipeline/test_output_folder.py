"""Tests of pipeline.output_folder: the lock, the disk, and what a kill leaves."""

from __future__ import annotations

import collections
import os
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2

from pipeline.config import ConfigError
from pipeline.files import remove, write_whole
from pipeline.metadata.store import PREFIX, open_store
from pipeline.output_folder import OutputFolder, OutputUnusable
from pipeline.runs.past_runs import RECORD
from pipeline.serving.manifest import manifest_path, write_manifest
from pipeline.serving.publish import note_push, noted_pushes

_STATES = metadata_store_pb2.Execution
_Usage = collections.namedtuple("_Usage", "total used free")


@pytest.fixture
def folder(tmp_path) -> OutputFolder:
    folder = OutputFolder(tmp_path / "out")
    folder.prepare(0)
    return folder


def _version(folder: OutputFolder, number: int, *, whole: bool = True):
    version = folder.serving / str(number)
    (version / "variables").mkdir(parents=True)
    if whole:
        (version / "saved_model.pb").write_bytes(b"graph")
    return version


def test_a_second_run_into_the_same_output_is_refused(folder):
    program = (
        "import sys; from pipeline.output_folder import OutputFolder\n"
        "with OutputFolder(sys.argv[1]).locked():\n"
        "    print('locked', flush=True); sys.stdin.read()"
    )
    first = subprocess.Popen(
        [sys.executable, "-c", program, str(folder.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert first.stdout.readline() == b"locked\n"
        with (
            pytest.raises(OutputUnusable, match="another run writes into"),
            folder.locked(),
        ):
            pytest.fail("the lock was given twice")
    finally:
        first.kill()
        first.wait()
    with folder.locked():  # the kill has let it go
        pass


@pytest.mark.parametrize("name", ["summary.json", "report.html", "pipeline/main.py"])
def test_files_of_others_are_neither_replaced_nor_written_among(folder, name):
    path = folder.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    (folder.path / "runs").mkdir()  # as TensorBoard has it
    before = sorted(folder.path.rglob("*"))
    with pytest.raises(OutputUnusable, match="hint: choose another --output"):
        folder.locked()
    assert sorted(folder.path.rglob("*")) == before


def test_an_output_that_begins_anew_may_replace_its_summary(folder):
    write_whole(folder.summary, "{}")
    (folder.runs / "1").mkdir(parents=True)
    (folder.runs / "1" / RECORD).touch()
    with folder.locked():
        pass


def test_an_output_that_cannot_be_created_is_a_wrong_option(tmp_path):
    (tmp_path / "file").write_text("")
    folder = OutputFolder(tmp_path / "file" / "out")
    with (
        pytest.raises(ConfigError, match="option output: cannot be written: .*file"),
        folder.locked(),
    ):
        pytest.fail("it has no place")


def test_a_disk_that_is_nearly_full_is_refused_before_anything_runs(
    folder, monkeypatch
):
    usage = _Usage(10 << 30, 9 << 30, 1 << 30)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    folder.prepare(0)
    with pytest.raises(OutputUnusable, match=r"1\.0 GiB free .* about 1\.4 GiB"):
        folder.prepare(100 << 20)


def test_two_runs_in_one_second_get_two_logs(folder):
    now = datetime(2026, 1, 2, 3, 4, 5)
    first = folder.new_log(now)
    first.write_text("")
    second = folder.new_log(now)
    assert first.name == "2026-01-02T03-04-05.log"
    assert second.name == "2026-01-02T03-04-05-2.log"


def test_a_schema_is_kept_under_a_name_that_changes_with_its_content(folder, tmp_path):
    schema = tmp_path / "schema.pbtxt"
    schema.write_text("feature {}")
    first = folder.keep_schema(str(schema))
    assert folder.keep_schema(str(schema)) == first
    schema.write_text("feature { name: 'x' }")
    second = folder.keep_schema(str(schema))
    assert first != second
    assert Path(second).read_text() == "feature { name: 'x' }"


def test_what_is_hidden_of_a_version_is_removed_and_all_else_stays(folder):
    hidden = folder.serving / f".100.{'a' * 32}.part"
    (hidden / "variables").mkdir(parents=True)
    by_hand = [
        _version(folder, 99),
        _version(folder, 101, whole=False),  # somebody copies it at this moment
        folder.serving / "notes",
        folder.serving / ".101.part",
        folder.serving / f".notes.{'a' * 32}.part",
    ]
    for each in by_hand:
        each.mkdir(exist_ok=True)
    assert folder.clean_after_kill() == []
    assert not hidden.exists()
    assert all(each.exists() for each in by_hand)


def test_what_a_kill_left_of_a_summary_is_removed(folder):
    (folder.runs / "1").mkdir(parents=True)
    left = [
        each / f".{name}.{'a' * 32}.part"
        for each in (folder.path, folder.runs / "1")
        for name in ("summary.json", "report.html", "run.json", "review.csv")
    ]
    mine = folder.path / f".notes.{'a' * 32}.part"
    for path in (*left, mine):
        path.touch()
    folder.clean_after_kill()
    assert not any(path.exists() for path in left)
    assert mine.exists()


def test_behind_a_link_stays_what_another_output_may_be_copying(folder, tmp_path):
    large = tmp_path / "large"
    large.mkdir()
    shutil.rmtree(folder.serving, ignore_errors=True)
    folder.serving.parent.mkdir(exist_ok=True)
    folder.serving.symlink_to(large)
    young, old = (large / f".{n}.{'a' * 32}.part" for n in (100, 101))
    for hidden in (young, old):
        hidden.mkdir()
    os.utime(old, (0, 0))
    folder.clean_after_kill()
    assert young.exists()
    assert not old.exists()


def test_a_hidden_link_is_removed_and_not_what_it_points_to(folder, tmp_path):
    golden = tmp_path / "golden"
    golden.mkdir()
    (golden / "saved_model.pb").touch()
    hidden = folder.serving / f".100.{'a' * 32}.part"
    hidden.symlink_to(golden)
    folder.clean_after_kill()
    assert not hidden.is_symlink()
    assert (golden / "saved_model.pb").exists()


def _record(folder: OutputFolder, node_type: str, state: int, run_id: str = "r") -> int:
    """Records an execution of a node, as TFX does; returns its number."""
    store = open_store(folder.metadata)
    kind = metadata_store_pb2.ExecutionType(name=node_type)
    execution = metadata_store_pb2.Execution(
        type_id=store.put_execution_type(kind), last_known_state=state
    )
    contexts = []
    node = node_type.rpartition(".")[2]
    for type_name, name in (("pipeline_run", run_id), ("node", f"elmo_tfx.{node}")):
        kind = metadata_store_pb2.ContextType(name=type_name)
        type_id = store.put_context_type(kind)
        contexts.append(metadata_store_pb2.Context(type_id=type_id, name=name))
    execution_id, *_ = store.put_execution(
        execution, [], contexts, reuse_context_if_already_exist=True
    )
    return execution_id


def _record_push(folder: OutputFolder, version: Path) -> None:
    store = open_store(folder.metadata)
    for name in ("Model", "PushedModel"):
        type_id = store.put_artifact_type(metadata_store_pb2.ArtifactType(name=name))
        if name == "Model":
            artifact = metadata_store_pb2.Artifact(type_id=type_id)
            [model] = store.put_artifacts([artifact])
    pushed = folder.open_metadata().pushed
    pushed.record_rollback(pushed.begin_rollback(), model, str(version))


def _push_unrecorded(folder: OutputFolder, number: int, execution: int) -> Path:
    """What a push leaves that is killed before TFX has recorded it."""
    version = _version(folder, number)
    note_push(version, str(execution), version)
    write_manifest(str(version), manifest_path(str(version)))
    return version


def test_a_whole_version_of_a_push_that_was_never_recorded_is_removed(folder):
    killed = _record(folder, "Pusher", _STATES.RUNNING)
    recorded = _push_unrecorded(folder, 100, killed)
    _record_push(folder, recorded)
    unrecorded = _push_unrecorded(folder, 101, killed)
    by_hand = _version(folder, 102)
    assert folder.clean_after_kill() == [unrecorded]
    assert recorded.exists()
    assert by_hand.exists()
    assert noted_pushes(folder.serving) == {}


@pytest.mark.parametrize("manifest_of", ["none", "the push", "somebody"])
def test_a_version_that_somebody_put_under_a_noted_number_stays(folder, manifest_of):
    version = _push_unrecorded(folder, 101, _record(folder, "Pusher", _STATES.RUNNING))
    manifest = Path(manifest_path(str(version)))
    (version / "saved_model.pb").write_bytes(b"another graph")
    if manifest_of == "none":  # the push was killed before
        manifest.unlink()
    elif manifest_of == "somebody":
        write_manifest(str(version), str(manifest))
    assert folder.clean_after_kill() == []
    assert (version / "saved_model.pb").read_bytes() == b"another graph"
    assert manifest.exists() == (manifest_of == "somebody")
    assert noted_pushes(folder.serving) == {}


def test_a_push_that_an_earlier_release_noted_is_undone(folder):
    """It noted the execution alone."""
    killed = _record(folder, "Pusher", _STATES.RUNNING)
    version = _push_unrecorded(folder, 101, killed)
    (folder.path / "manifests" / ".101.push").write_text(str(killed))
    assert folder.clean_after_kill() == [version]


@pytest.mark.parametrize("state", [None, _STATES.COMPLETE])
def test_a_push_that_did_not_die_is_none_to_undo(folder, state):
    """`None`: somebody has removed metadata.sqlite, and keeps what is served."""
    execution = 7 if state is None else _record(folder, "Pusher", state)
    version = _push_unrecorded(folder, 100, execution)
    assert folder.clean_after_kill() == []
    assert version.exists()
    assert noted_pushes(folder.serving) == {}


def test_a_killed_step_takes_nothing_from_a_run_beside_it(folder):
    other = _record(folder, "Pusher", _STATES.RUNNING, "another run")
    beside = _push_unrecorded(folder, 100, other)
    _record(folder, "Trainer", _STATES.RUNNING, "r")
    number = _record(folder, "Pusher", _STATES.RUNNING, "r")
    own = _push_unrecorded(folder, 101, number)
    outputs = folder.artifacts / "Pusher" / "pushed_model" / str(number)
    outputs.mkdir(parents=True)
    folder.clean_after_killed_node("r", "Trainer")
    folder.clean_after_killed_node("a third run", "Pusher")
    assert own.exists()
    assert outputs.exists()
    folder.clean_after_killed_node("r", "Pusher")
    assert not own.exists()
    assert not outputs.exists()
    assert beside.exists()


def test_a_sqlite_file_has_one_pipeline_wherever_its_folder_is_moved():
    names = {OutputFolder(path).pipeline_name for path in ("/a", "/b")}
    assert names == {"elmo_tfx"}


def test_on_a_server_each_output_has_its_own(monkeypatch):
    monkeypatch.setenv(PREFIX + "HOST", "127.0.0.1")
    first, again, other = (OutputFolder(p).pipeline_name for p in ("/a", "/a", "/b"))
    assert first == again
    assert first != other
    assert "." not in first  # TFX puts one before a node's name


_FOLDERS = ("pipeline", "serving", "manifests", "resume", "logs", "")
_FILES = ("summary.json", "metadata.sqlite", "report.html")


@pytest.mark.parametrize("name", [*_FOLDERS, *_FILES])
def test_a_part_that_is_of_the_wrong_kind_or_leads_nowhere_is_named(tmp_path, name):
    folder = OutputFolder(tmp_path / "out")
    part = folder.path / name
    part.parent.mkdir(exist_ok=True)
    part.symlink_to(tmp_path / "gone")
    for use in (folder.locked, lambda: folder.prepare(0)):
        with pytest.raises(ConfigError, match=f"{part} leads to .*gone, which is not"):
            use()
    part.unlink()
    wanted = "a folder" if name in _FOLDERS else "a file"
    for make in (Path.touch if name in _FOLDERS else Path.mkdir, os.mkfifo):
        make(part)
        for use in (folder.locked, lambda: folder.prepare(0)):
            message = f"{part} must be {wanted} .hint: move"
            with pytest.raises(ConfigError, match=message):
                use()
        remove(part)


def test_what_a_kill_has_left_of_notes_and_manifests_is_removed(folder):
    folder.manifests.mkdir()
    hidden = "a" * 32
    names = [f"..100.push.{hidden}.part", f".100.sha256.{hidden}.part"]
    others = [f".notes.txt.{hidden}.part", "5.sha256", ".part"]
    for name in (*names, *others):
        (folder.manifests / name).touch()
    folder.clean_after_kill()
    assert {each.name for each in folder.manifests.iterdir()} == set(others)


@pytest.mark.parametrize("name", ["Trainer", "Trainer/model"])
def test_a_folder_within_pipeline_that_is_a_link_is_refused(tmp_path, name):
    """A run would write there, and remove what has the number of its execution."""
    path = tmp_path / "out" / "pipeline" / name
    path.parent.mkdir(parents=True)
    (tmp_path / "large").mkdir()
    path.symlink_to(tmp_path / "large")
    (tmp_path / "out" / "metadata.sqlite").write_text("records")
    with pytest.raises(ConfigError, match=f"{path} is a link, and what lies behind it"):
        OutputFolder(tmp_path / "out").locked()
    path.unlink()
    (tmp_path / "out" / "pipeline").rename(tmp_path / "moved")
    (tmp_path / "out" / "pipeline").symlink_to(tmp_path / "moved")
    with OutputFolder(tmp_path / "out").locked():
        pass
