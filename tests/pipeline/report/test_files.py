"""Where the pages of an output lie, and `elmo-tfx report`."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.report.files import renew_page, write_page
from pipeline.runs.training_facts import WarmStart
from tests.pipeline.report import summaries

_NO_FILE = "is not a file"


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """An output with three runs, the last of which is also that of the folder."""
    for number in (1, 2, 3):
        run = summaries.of_span(number)
        folder = tmp_path / "runs" / run.run_id.replace(":", "-")
        folder.mkdir(parents=True)
        (folder / "summary.json").write_text(run.to_json())
    (tmp_path / "summary.json").write_text(run.to_json())
    return tmp_path


def _report(*arguments: object):
    return CliRunner().invoke(main, ["report", *map(str, arguments)])


def _folders(output: Path) -> list[Path]:
    return sorted((output / "runs").iterdir())


def test_the_page_of_a_run_lies_in_the_output_and_beside_its_summary(output):
    path = write_page(output, summaries.of_span(3))
    assert path == output / "report.html"
    page = path.read_text("utf-8")
    assert "2026-11-03 03:00" in page
    assert "2026-11-01 03:00" in page, "earlier runs stand beside it"
    first, _, last = _folders(output)
    assert (last / "report.html").read_text("utf-8") == page
    assert not (first / "report.html").exists()


def test_the_page_of_an_output_that_was_moved_names_its_places_of_now(tmp_path):
    run = summaries.summary(
        output="/before/out",
        log="/before/out/logs/a.log",
        push={
            "pushed": True,
            "path": "/before/out/serving/17",
            "now": True,
            "instead": "/before/out/serving/18",
            "before": "/before/out/serving/16",
        },
        score_command='elmo-tfx score --model out/serving/17 "Type a text here."',
    )
    model = "/before/out/pipeline/Trainer/model/7"
    warm_start = WarmStart.model_validate({"from": model, "reason": None})
    training = run.training.model_copy(update={"warm_start": warm_start})
    run = run.model_copy(update={"training": training})
    (tmp_path / "summary.json").write_text(run.to_json())
    page = renew_page(tmp_path).read_text("utf-8")
    assert "/before" not in page and "out/serving/17" not in page
    assert f"{tmp_path}/logs/a.log" in page
    assert f"{tmp_path}/pipeline/Trainer/model/7" in page
    assert f"score --model {tmp_path}/serving/17 " in page
    assert "/before" in (tmp_path / "summary.json").read_text(), "as it was written"


def test_an_output_that_keeps_no_runs_has_a_page_of_the_last(tmp_path):
    (tmp_path / "summary.json").write_text(summaries.summary().to_json())
    done = _report("--output", tmp_path)
    assert done.exit_code == 0, done.output
    assert Path(done.stdout.strip()) == tmp_path / "report.html"
    assert "only run" in (tmp_path / "report.html").read_text("utf-8")


@pytest.mark.parametrize("separator", [":", "-"])
def test_an_earlier_run_is_found_by_its_name_or_that_of_its_folder(output, separator):
    name = f"2026-11-02T03{separator}00{separator}00.100000"
    done = _report("--output", output, "--run", name)
    assert done.exit_code == 0, done.output
    page = Path(done.stdout.strip())
    assert page == _folders(output)[1] / "report.html"
    text = page.read_text("utf-8")
    assert "span 002" in text
    assert "2026-11-03 03:00" not in text, "a later run"
    assert not (output / "report.html").exists()


@pytest.mark.parametrize("name", ["yesterday", "..", "../..", "", "2026-11-02T03:00"])
def test_a_run_that_is_not_kept_takes_one_line(output, name):
    done = _report("--output", output, "--run", name)
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    assert "the newest are 2026-11-03T03-00-00.100000, 2026-11-02" in done.stderr


_NOT_FINITE = summaries.summary(seconds=777.5).to_json()


@pytest.mark.parametrize(
    "content",
    [None, "", "[]", '{"output": 1}', "\x00", "[" * 200_000]
    + [_NOT_FINITE.replace("777.5", text) for text in ("NaN", "1e400", "-Infinity")],
)
def test_an_output_without_a_summary_takes_one_line(tmp_path, content):
    if content is not None:
        (tmp_path / "summary.json").write_text(content)
    done = _report("--output", tmp_path)
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    assert f"{tmp_path}/summary.json is not" in done.stderr


def test_a_pipe_in_the_place_of_a_summary_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "summary.json")
    done = _report("--output", tmp_path)
    assert done.exit_code == 2
    assert done.stderr == f"error: {tmp_path}/summary.json cannot be read: {_NO_FILE}\n"


def test_a_page_that_cannot_be_written_takes_one_line(output):
    (output / "report.html").mkdir()
    done = _report("--output", output)
    assert done.exit_code == 1
    assert done.stderr == f"error: {output}/report.html: Is a directory\n"


def test_a_run_that_cannot_be_read_is_passed_over(output, caplog):
    (_folders(output)[0] / "summary.json").write_text("{")
    assert _report("--output", output).exit_code == 0
    assert "is not the summary of a run" in caplog.text
    assert "2026-11-02 03:00" in (output / "report.html").read_text("utf-8")


@pytest.mark.parametrize("content", ["", "row,text\n", "row,text\n1,A gem\n2\n"])
def test_a_review_is_shown_if_there_is_one(output, content):
    (output / "review.csv").write_text(content)
    assert _report("--output", output).exit_code == 0
    page = (output / "report.html").read_text("utf-8")
    assert ("A gem" in page) == ("A gem" in content)


@pytest.fixture
def usual_limit():
    """Has Python's own bound of a field, which readers of data raise."""
    before = csv.field_size_limit(131_072)
    yield
    csv.field_size_limit(before)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"row;text;label\n7;a film;good\n", "a film"),
        ("row\ttext\tlabel\n7\ta film\tgood\n".encode("utf-16"), "a film"),
        (b'row,text\n7,"' + b"x" * 200_000, "review.csv cannot be read: field larger"),
        (b"PK\x03\x04\0\0", "review.csv"),
    ],
)
def test_a_review_that_a_spreadsheet_wrote_does_not_stop_the_page(
    output, usual_limit, content, said
):
    (output / "review.csv").write_bytes(content)
    assert said in renew_page(output).read_text("utf-8")
