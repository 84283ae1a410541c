"""The output appears whole, and nothing of others is lost."""

from __future__ import annotations

import json

import pytest

from pipeline.batch import storage
from pipeline.batch.output import BatchOutput, OutputBusy, OutputExists


@pytest.fixture
def output(tmp_path):
    return BatchOutput(str(tmp_path / "scored"))


def _finish(output, text="rows"):
    with output.locked():
        staging = output.staging({"job": text})
        finished = f"{staging}/finished/part"
        storage.write_json(finished, text)
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
