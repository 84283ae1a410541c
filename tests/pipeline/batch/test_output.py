"""The output appears whole, and nothing of others is lost."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from pipeline.batch import output as module
from pipeline.batch import storage
from pipeline.batch.output import BatchOutput, OutputBusy, OutputExists


@pytest.fixture
def output(tmp_path):
    return BatchOutput(str(tmp_path / "scored"))


def _finish(output, text="rows"):
    with output.locked():
        staging = output.staging({"job": text})
        chunks = Path(staging, "chunks")
        if chunks.exists():  # what a job finds it relies on
            assert len(list(chunks.iterdir())) == 3
        for number in range(3):
            storage.write_json(f"{chunks}/{number}", text)
        storage.write_json(f"{staging}/finished/part", text)
        storage.write_json(f"{staging}/counts.json", {})
        output.commit(staging, {"rows_in": 1})


def test_the_output_is_there_when_all_is_done(output, tmp_path):
    _finish(output)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["scored"]
    assert (tmp_path / "scored" / "part").read_text() == '"rows"'
    summary = json.loads((tmp_path / "scored" / "summary.json").read_text())
    assert summary == {"rows_in": 1}


def test_an_existing_output_is_refused(output):
    output.check(overwrite=False)
    _finish(output)
    with pytest.raises(OutputExists, match="--overwrite"):
        output.check(overwrite=False)


def test_an_earlier_output_is_replaced_as_a_whole(output, tmp_path):
    _finish(output, "first")
    (tmp_path / "scored" / "old").write_text("old")
    output.check(overwrite=True)
    _finish(output, "second")
    assert (tmp_path / "scored" / "part").read_text() == '"second"'
    assert not (tmp_path / "scored" / "old").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["scored"]


def test_a_folder_that_no_job_has_made_is_never_overwritten(output, tmp_path):
    (tmp_path / "scored").mkdir()
    (tmp_path / "scored" / "thesis.txt").write_text("dear")
    with pytest.raises(OutputExists, match="not an earlier output"):
        output.check(overwrite=True)


def test_two_jobs_do_not_write_one_output(output, tmp_path):
    with (
        output.locked(),
        pytest.raises(OutputBusy),
        BatchOutput(str(tmp_path / "scored")).locked(),
    ):
        pass


def test_a_job_that_has_begun_nothing_leaves_nothing(output, tmp_path):
    with output.locked():
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_same_job_finds_its_staging_and_another_removes_it(output, tmp_path):
    with output.locked():
        first = output.staging({"job": 1})
        path = tmp_path / "scored.unfinished" / first.rpartition("/")[2]
        path.mkdir()
        assert output.staging({"job": 1}) == first and path.exists()
        assert output.staging({"job": 2}) != first and not path.exists()


class _Killed(BaseException):
    pass


@pytest.fixture
def kill_at(monkeypatch):
    """Ends a job as SIGKILL would, at the n-th step that changes names or removes."""

    def arm(step):
        steps = iter(range(step))

        def last_one_fails(real):
            def call(*arguments, **options):
                if next(steps, None) is None:
                    if real is rmtree and Path(arguments[0]).is_dir():
                        _remove_half(arguments[0])
                    raise _Killed
                return real(*arguments, **options)

            return call

        rmtree = shutil.rmtree
        for owner, name in ((module.os, "replace"), (storage.shutil, "rmtree")):
            monkeypatch.setattr(owner, name, last_one_fails(getattr(owner, name)))
        # Its own renames are not of the end.
        monkeypatch.setattr(storage, "write_json", _plainly)

    return arm


def _remove_half(folder):
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    for path in files[: len(files) // 2 + 1]:
        path.unlink()


@pytest.mark.parametrize("step", range(6))
def test_a_job_killed_anywhere_in_its_end_can_be_repeated_and_leaves_nothing(
    output, tmp_path, kill_at, monkeypatch, step
):
    _finish(output, "first")
    kill_at(step)
    with pytest.raises(_Killed):
        _finish(output, "second")
    monkeypatch.undo()
    again = BatchOutput(output.path)
    again.check(overwrite=True)
    _finish(again, "second")
    assert (tmp_path / "scored" / "part").read_text() == '"second"'
    assert [path.name for path in tmp_path.iterdir()] == ["scored"]


@pytest.mark.parametrize("step", range(3, 6))  # the output is in its place
def test_what_a_kill_in_the_clean_up_left_goes_without_overwrite(
    output, tmp_path, kill_at, monkeypatch, step
):
    _finish(output, "first")
    kill_at(step)
    with pytest.raises(_Killed):
        _finish(output, "second")
    monkeypatch.undo()
    assert (tmp_path / "scored.unfinished").exists()
    with pytest.raises(OutputExists):
        output.check(overwrite=False)
    assert (tmp_path / "scored" / "part").read_text() == '"second"'
    assert [path.name for path in tmp_path.iterdir()] == ["scored"]


def _plainly(path, value):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    Path(path).write_text(json.dumps(value))
