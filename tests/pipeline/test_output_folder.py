"""Tests of pipeline.output_folder: the lock, the disk, and what a kill leaves."""

from __future__ import annotations

import collections
import shutil
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest

from pipeline import output_folder
from pipeline.config import ConfigError
from pipeline.metadata.runs import UnfinishedExecution
from pipeline.output_folder import OutputFolder, OutputUnusable

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


def test_a_half_copied_version_is_removed_and_whole_ones_stay(folder):
    half, whole = _version(folder, 100, whole=False), _version(folder, 99)
    notes = folder.serving / "notes"
    notes.mkdir()
    assert folder.clean_after_kill() == [half]
    assert not half.exists()
    assert whole.exists()
    assert notes.exists()


class _Records:
    """What RunRecords would say after a push was killed at `began`."""

    def __init__(self, began: float | None, pushed: set[str]) -> None:
        self._began, self._pushed = began, pushed

    def __call__(self, path) -> _Records:
        return self

    def close_interrupted(self, node_types) -> float | None:
        assert "pipeline.pusher.Pusher" in node_types
        return self._began

    def unfinished(self, run_id: str, node: str) -> UnfinishedExecution:
        return UnfinishedExecution(1, self._began)

    def pushed_paths(self) -> set[str]:
        return self._pushed


def test_a_whole_version_of_a_push_that_was_never_recorded_is_removed(
    folder, monkeypatch
):
    now = int(time.time())
    recorded, unrecorded = _version(folder, now), _version(folder, now + 1)
    by_hand = _version(folder, now - 100)
    records = _Records(now - 0.5, {str(recorded)})
    monkeypatch.setattr(output_folder, "RunRecords", records)
    assert folder.clean_after_kill() == [unrecorded]
    assert recorded.exists()
    assert by_hand.exists()


def test_without_an_interrupted_push_nothing_whole_is_removed(folder, monkeypatch):
    version = _version(folder, int(time.time()))
    monkeypatch.setattr(output_folder, "RunRecords", _Records(None, set()))
    assert folder.clean_after_kill() == []
    assert version.exists()


def test_a_killed_step_takes_nothing_from_a_run_beside_it(folder, monkeypatch):
    now = time.time()
    beside = _version(folder, int(now) - 60, whole=False)
    own = _version(folder, int(now), whole=False)
    monkeypatch.setattr(output_folder, "RunRecords", _Records(now - 0.5, set()))
    folder.clean_after_killed_node("r", "Trainer")
    assert own.exists()
    folder.clean_after_killed_node("r", "Pusher")
    assert not own.exists()
    assert beside.exists()


def test_the_pusher_is_known_to_tfx_under_the_name_that_is_looked_for():
    from tfx.utils import name_utils

    from pipeline.serving.pusher import Pusher

    assert name_utils.get_full_name(Pusher) == output_folder._PUSHERS[0]
