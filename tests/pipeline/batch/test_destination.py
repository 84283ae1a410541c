"""A wrong place to write is refused before anything is done, and nothing changes."""

from __future__ import annotations

import json
import os

import pytest

from pipeline.batch.destination import (
    OF_A_RUN,
    check_inputs,
    check_place,
    check_summary_file,
)
from pipeline.errors import UserError
from pipeline.output_folder import OutputFolder


@pytest.fixture
def folder(tmp_path):
    """A folder with a file, an earlier output and an input."""
    (tmp_path / "file").write_text("dear")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "part").touch()
    (tmp_path / "a.csv").write_text("text")
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing" / "x")
    (tmp_path / "by_link").symlink_to(tmp_path / "out" / "part")
    before = sorted(tmp_path.rglob("*"))
    yield tmp_path
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "file").read_text() == "dear"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("file", "is not a folder"),
        ("nowhere", "is not a folder"),
        ("file/out", "Not a directory"),
        ("file/new/out", "Not a directory"),
        ("nowhere/out", "is not writable"),
        ("caf\udce9", "is not UTF-8"),
        (
            "caf\udcc3\udca9",
            r"locale's encoding .*caf\\xe9' \(hint: set PYTHONUTF8=1,",
        ),
        ("n" * 250, "too long"),
        ("/proc", "a file system is mounted there"),
        ("/", "a file system is mounted there"),
        ("/proc/sys/new/out", "cannot be written"),
    ],
)
def test_an_output_that_could_not_appear_is_refused(folder, name, words):
    if name == "/proc/sys/new/out" and os.access("/proc/sys", os.W_OK):
        pytest.skip("this system lets it be written")
    with pytest.raises(UserError, match=words):
        check_place(os.path.join(folder, name))


@pytest.mark.parametrize("name", ["out", "new", "new/deep/out", "my[1]", "caf\xe9"])
def test_any_other_output_may_be_there(folder, name):
    check_place(os.path.join(folder, name))


@pytest.fixture(params=["metadata.sqlite", "runs"])
def run_output(request, tmp_path):
    """What a run has written, of which one or the other record is left."""
    (tmp_path / request.param).mkdir()
    model = tmp_path / "serving" / "1795857292"
    model.mkdir(parents=True)
    (model / "saved_model.pb").touch()
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [
        "serving",
        "serving/1",
        "serving/new",
        "serving/1795857292/assets",
        *(f"{part}/new/out" for part in sorted(OF_A_RUN)),
    ],
)
def test_no_job_writes_among_what_runs_write(run_output, name):
    with pytest.raises(UserError, match="lies in what `elmo-tfx run` writes: /"):
        check_place(str(run_output / name))


def test_parts_of_an_output_are_known_here_too(tmp_path):
    parts = {path.name for path in vars(OutputFolder(tmp_path)).values()}
    files = {"metadata.sqlite", "summary.json"}
    assert parts - files - {tmp_path.name} == OF_A_RUN


def test_no_job_writes_among_versions_elsewhere_or_by_a_link(run_output, tmp_path):
    (tmp_path / "by_link").symlink_to(run_output / "serving")
    versions = run_output / "serving"
    versions.rename(tmp_path / "live")
    for name in ("live/1", "live/new", "live/1795857292/x", "by_link/1"):
        with pytest.raises(UserError, match="lies in what"):
            check_place(str(tmp_path / name))


@pytest.mark.parametrize("name", ["scored", "scored/serving", "new/1", "2"])
def test_a_job_may_write_beside_what_runs_write(run_output, name):
    check_place(str(run_output / name))


@pytest.mark.parametrize("name", ["out", "out/part", "out/*.csv", "by_link"])
def test_input_in_the_output_is_refused(folder, name):
    with pytest.raises(UserError, match="lies in the output"):
        check_inputs([str(folder / "a.csv"), str(folder / name)], str(folder / "out"))


def test_input_beside_or_around_the_output_is_fine(folder):
    names = ["a.csv", "output.csv", "*.csv", ""]
    check_inputs([os.path.join(folder, name) for name in names], str(folder / "out"))
    check_inputs([str(folder / "new" / "x")], str(folder / "new"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "needs it as a folder"),
        ("new", "needs it as a folder"),
        ("new/out/part-00000", "only .*.json may be"),
        ("new/out.unfinished/a.json", "only .*.json may be"),
        ("missing/s.json", "No such file"),
        ("nowhere", "No such file"),
        ("file/s.json", "Not a directory"),
        ("out", "it is a folder"),
        ("a.csv", "it is an input"),
    ],
)
@pytest.mark.parametrize("data", ["a.csv", "*.csv", ""])
def test_a_summary_that_could_not_be_written_is_refused(folder, name, words, data):
    inputs = [os.path.join(folder, data)]
    with pytest.raises(UserError, match=words):
        check_summary_file(
            os.path.join(folder, name), inputs, str(folder / "new" / "out")
        )


@pytest.mark.parametrize("name", ["s.json", "file", "new/out/s.json", "/dev/null"])
def test_any_other_summary_may_be_written(folder, name):
    inputs = [str(folder / "a.csv")]
    path = os.path.join(folder, name)
    check_summary_file(path, inputs, str(folder / "new" / "out"))


def test_an_earlier_summary_is_replaced_though_it_is_among_the_input(tmp_path):
    facts = dict.fromkeys(("input_files", "rows_in", "rows_out", "rows_rejected"), 1)
    path = tmp_path / "s.json"
    path.write_text(json.dumps({**facts, "output_files": []}))
    check_summary_file(str(path), [str(tmp_path)], str(tmp_path / "out"))
