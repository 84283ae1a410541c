"""The output appears whole, and nothing of others is lost."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from apache_beam.io.filesystem import FileMetadata, MatchResult
from apache_beam.io.filesystems import FileSystems
from apache_beam.io.localfilesystem import LocalFileSystem
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline.batch import leftovers, storage
from pipeline.batch import output as module
from pipeline.batch.destination import OutputExists
from pipeline.batch.output import BatchOutput, OutputBusy
from pipeline.errors import UserError

SUMMARY = {
    "input_files": 1,
    "rows_in": 1,
    "rows_out": 1,
    "rows_rejected": 0,
    "output_files": ["part", "rejected/rejected.jsonl"],
}


@pytest.fixture
def output(tmp_path):
    return BatchOutput(str(tmp_path / "scored"))


def _finish(output, text="rows"):
    with output.locked():
        staging = output.staging({"job": text})
        chunks = f"{staging}/chunks"
        if os.path.exists(chunks):  # what a job finds it relies on
            assert len(os.listdir(chunks)) == 3
        for number in range(3):
            storage.write_json(f"{chunks}/{number}", text)
        storage.write_json(f"{staging}/finished/part", text)
        storage.write_json(f"{staging}/counts.json", {})
        output.commit(staging, SUMMARY, overwrite=True)


def test_the_output_is_there_when_all_is_done(output, tmp_path):
    _finish(output)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["scored"]
    assert (tmp_path / "scored" / "part").read_text() == '"rows"'
    summary = json.loads((tmp_path / "scored" / "summary.json").read_text())
    assert summary == SUMMARY


def test_an_existing_output_is_refused(output):
    output.check(overwrite=False)
    _finish(output)
    with pytest.raises(OutputExists, match="--overwrite"):
        output.check(overwrite=False)


def test_an_earlier_output_is_replaced_as_a_whole(output, tmp_path):
    _finish(output, "first")
    (tmp_path / "scored" / "rejected").mkdir()
    (tmp_path / "scored" / "rejected" / "rejected.jsonl").write_text("old")
    shutil.copy(tmp_path / "scored" / "summary.json", tmp_path / "scored" / "s.json")
    output.check(overwrite=True)
    _finish(output, "second")
    assert (tmp_path / "scored" / "part").read_text() == '"second"'
    assert len(list((tmp_path / "scored").iterdir())) == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["scored"]


@pytest.mark.parametrize(
    ("entry", "content"),
    [
        ("thesis.txt", "dear"),
        ("summary.json", '{"run": 3}'),
        ("summary.json", '[["rows_in"'),
        (".hidden", ""),
        ("serving/3/saved_model.pb", "model"),
        ("serving/", None),
    ],
)
@pytest.mark.parametrize("name", ["scored", "my[1]", "a*b"])
def test_a_folder_that_no_job_has_made_is_never_overwritten(
    tmp_path, name, entry, content
):
    path = tmp_path / name / entry
    path.parent.mkdir(parents=True)
    if content is None:
        path.mkdir()
    else:
        path.write_text(content)
    with pytest.raises(OutputExists, match=f"holds {entry}, which no earlier job"):
        BatchOutput(str(tmp_path / name)).check(overwrite=True)
    with pytest.raises(OutputExists, match="--overwrite"):
        BatchOutput(str(tmp_path / name)).check(overwrite=False)
    assert path.exists()


@pytest.mark.parametrize("entry", ["rejected/mine.csv", "part/", "model/3/a.pb"])
def test_what_was_added_to_an_earlier_output_is_never_removed(output, tmp_path, entry):
    _finish(output)
    added = tmp_path / "scored" / entry
    if entry == "part/":
        added.unlink()
    added.parent.mkdir(parents=True, exist_ok=True)
    added.mkdir()
    with pytest.raises(OutputExists, match=f"holds {entry}"):
        output.check(overwrite=True)


def test_what_appears_in_the_output_during_a_job_is_kept(output, tmp_path):
    with output.locked():
        staging = output.staging({})
        storage.write_json(f"{staging}/finished/part", "new")
        storage.write_json(str(tmp_path / "scored" / "part"), "dear")
        with pytest.raises(OutputExists, match="exists"):
            output.commit(staging, SUMMARY, overwrite=False)
    assert (tmp_path / "scored" / "part").read_text() == '"dear"'


def test_a_work_folder_that_no_job_has_made_stays(output, tmp_path):
    dear = tmp_path / "scored.unfinished" / "thesis" / "1.txt"
    dear.parent.mkdir(parents=True)
    dear.touch()
    with pytest.raises(OutputExists, match="holds thesis, which no job"):
        output.check(overwrite=True)
    assert dear.exists()


@pytest.fixture
def store(tmp_path, monkeypatch):
    """The folder behind `toy://`, which Beam knows and no local call can reach."""

    def local(path):
        return path.replace("toy://", f"{tmp_path}/")

    class Toy(LocalFileSystem):
        @classmethod
        def scheme(cls):
            return "toy"

        def match(self, patterns, limits=None):
            return [
                MatchResult(
                    result.pattern,
                    [
                        FileMetadata(file.path.replace(f"{tmp_path}/", "toy://"), 1)
                        for file in result.metadata_list
                    ],
                )
                for result in super().match(list(map(local, patterns)), limits)
            ]

        def create(self, path, *arguments, **options):
            Path(local(path)).parent.mkdir(parents=True, exist_ok=True)
            return super().create(local(path), *arguments, **options)

        def open(self, path, *arguments, **options):
            return super().open(local(path), *arguments, **options)

        def exists(self, path):
            return super().exists(local(path))

        def delete(self, paths):
            for path in map(local, paths):
                shutil.rmtree(path) if path.endswith("/") else os.unlink(path)

        def rename(self, sources, targets):
            for source, target in zip(sources, targets, strict=True):
                Path(local(target)).parent.mkdir(parents=True, exist_ok=True)
                os.rename(local(source), local(target))

    monkeypatch.setattr(
        FileSystems, "get_filesystem", lambda path: Toy(PipelineOptions([]))
    )
    return tmp_path / "bucket"


def test_on_another_file_system_only_a_jobs_own_output_is_replaced(store):
    output = BatchOutput("toy://bucket/scored")
    for text in ("first", "second"):
        output.check(overwrite=True)
        _finish(output, text)
        with pytest.raises(OutputExists, match="--overwrite"):
            output.check(overwrite=False)
    assert sorted(path.name for path in store.glob("*/*")) == ["part", "summary.json"]
    model = store / "scored" / "serving" / "3" / "saved_model.pb"
    model.parent.mkdir(parents=True)
    model.touch()
    with pytest.raises(OutputExists, match="holds serving/3/saved_model.pb, which no"):
        output.check(overwrite=True)
    dear = store / "other.unfinished" / "thesis" / "1.txt"
    dear.parent.mkdir(parents=True)
    dear.touch()
    with pytest.raises(OutputExists, match="holds thesis, which no job has"):
        BatchOutput("toy://bucket/other").check(overwrite=True)


def test_a_name_with_wildcards_is_nothing_but_a_name(tmp_path):
    output = BatchOutput(str(tmp_path / "my[1]*"))
    for text in ("first", "second"):
        output.check(overwrite=True)
        _finish(output, text)
    assert [path.name for path in tmp_path.iterdir()] == ["my[1]*"]
    with pytest.raises(UserError, match="would stand for others"):
        BatchOutput("gs://bucket/my[1]").check(overwrite=True)


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


def test_what_a_killed_writer_hid_is_in_no_output_and_keeps_no_one_from_replacing_it(
    output, tmp_path
):
    hidden = f".summary.json.{'a' * 32}.part"
    _finish(output, "first")
    (tmp_path / "scored" / hidden).touch()
    output.check(overwrite=True)
    with output.locked():
        staging = output.staging({"job": "second"})
        for name in (f"{staging}/finished", f"{staging}/finished/rejected"):
            os.makedirs(name)
            Path(name, f".part.{'b' * 32}.part").touch()
        output.commit(staging, SUMMARY, overwrite=True)
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["summary.json"]


def _plainly(path, value):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    Path(path).write_text(json.dumps(value))


def test_what_cannot_be_removed_does_not_cost_a_finished_job(output, monkeypatch):
    """As on a network's disk, where an open file stays under another name."""

    def refuse(path):
        raise OSError(errno.ENOTEMPTY, "Directory not empty", str(path))

    monkeypatch.setattr(leftovers, "remove", refuse)
    _finish(output, "first")
    assert Path(output.path, "part").read_text() == '"first"'


_JOBS = """
import sys
from collections import Counter
from pathlib import Path
from pipeline.batch.output import BatchOutput, OutputBusy
place, name, jobs = sys.argv[1], sys.argv[2], Counter()
holder = Path(place, "holder")
while jobs.total() < 150:
    try:
        output = BatchOutput(place + "/scored")
        output.check(overwrite=True)
        with output.locked():
            holder.touch(exist_ok=False)
            staging = output.staging({"job": name})
            finished = Path(staging, "finished")
            finished.mkdir(parents=True)
            (finished / "part").write_text(name)
            counts = {"input_files": 1, "rows_in": 1, "rows_out": 1}
            rest = {"rows_rejected": 0, "output_files": ["part"]}
            output.commit(staging, counts | rest, overwrite=True)
            holder.unlink()
        jobs["done"] += 1
    except OutputBusy:
        jobs["busy"] += 1
print(jobs["done"])
"""


def test_jobs_that_follow_one_another_at_once_never_share_an_output(tmp_path):
    command = [sys.executable, "-c", _JOBS, str(tmp_path)]
    running = [
        subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True)
        for name in "ab"
    ]
    done = [int(each.communicate()[0] or 0) for each in running]
    assert [each.returncode for each in running] == [0, 0] and sum(done) > 0
    assert [path.name for path in tmp_path.iterdir()] == ["scored"]
