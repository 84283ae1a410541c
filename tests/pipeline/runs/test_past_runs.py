"""Tests of past_runs: what is kept of runs, and what is made of it later."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.files import locked_folder
from pipeline.runs.all_runs import as_json, past_runs
from pipeline.runs.past_runs import (
    REPORT,
    SUMMARY,
    PastRun,
    begun_runs,
    claim_telling,
    close_interrupted,
    keep_crash,
    read_run,
    run_folder,
    write_run,
)

_BEGAN = datetime(2026, 11, 26, 3, tzinfo=timezone.utc)


def _run(run_id: str = "2026-11-26T03:00:00.5", **facts) -> PastRun:
    return PastRun(**{"run_id": run_id, "verdict": "pushed", "began": _BEGAN, **facts})


@pytest.fixture
def output(tmp_path) -> Path:
    (tmp_path / "out" / "logs").mkdir(parents=True)
    return tmp_path / "out"


def _log(output: Path) -> str:
    return str(output / "logs" / "a.log")


def test_what_is_kept_of_a_run_is_read_again(output):
    run = _run(rows=3, measures={"accuracy": 0.5, "auc": None}, version=17)
    write_run(output, run)
    assert read_run(output, run.run_id) == run
    assert past_runs(output) == [run]
    assert json.loads(as_json(past_runs(output)))[0]["measures"]["accuracy"] == 0.5


def test_the_files_of_a_run_follow_an_output_that_is_moved(output):
    run = _run(log=_log(output))
    write_run(output, run)
    folder = run_folder(output, run.run_id)
    (folder / SUMMARY).write_text("{}")
    moved = output.rename(output.with_name("moved"))
    [found] = past_runs(moved)
    assert found.log == _log(moved)
    assert found.summary == str(run_folder(moved, run.run_id) / SUMMARY)
    assert found.report is None
    (run_folder(moved, run.run_id) / REPORT).write_text("")
    assert past_runs(moved)[0].report.endswith(REPORT)


@pytest.mark.parametrize(
    "run_id",
    ["2026-11-26T03:00:00", "nightly-7", "a:b", "a-b", "..", "../x", "é ü", "x" * 300],
)
def test_every_run_has_a_folder_with_a_name_for_every_file_system(output, run_id):
    folder = run_folder(output, run_id)
    assert folder.parent == output / "runs"
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,99}", folder.name)
    write_run(output, _run(run_id))
    assert read_run(output, run_id).run_id == run_id


def test_two_runs_never_share_a_folder(output):
    names = [
        "a:b",
        "a-b",
        "a b",
        "..",
        ".",
        "2026-11-26T03:00:00",
        "x" * 300,
        "x" * 301,
    ]
    assert len({run_folder(output, name) for name in names}) == len(names)


def test_folders_of_times_are_in_their_order(output):
    times = [_BEGAN + timedelta(hours=7 * n, microseconds=n) for n in range(9)]
    names = [run_folder(output, t.replace(tzinfo=None).isoformat()).name for t in times]
    assert names == sorted(names)


def test_runs_come_in_the_order_in_which_they_began(output):
    later = _run("a", began=_BEGAN + timedelta(hours=1))
    write_run(output, later)
    write_run(output, _run("b"))
    assert [run.run_id for run in past_runs(output)] == ["b", "a"]


def test_a_run_that_holds_the_output_is_under_way_and_else_was_interrupted(output):
    write_run(output, _run(verdict="running", log=_log(output)))
    with locked_folder(output):
        assert past_runs(output)[0].verdict == "running"
        with pytest.raises(TimeoutError), locked_folder(output):
            pytest.fail("looking at the lock has let it go")
    assert past_runs(output)[0].verdict == "interrupted"


def test_a_run_whose_steps_have_logs_of_their_own_holds_no_output(output):
    write_run(output, _run(verdict="running"))
    assert past_runs(output)[0].verdict == "running"
    close_interrupted(output)
    assert past_runs(output)[0].verdict == "running"


def test_a_new_run_notes_that_the_one_before_it_was_killed(output):
    write_run(output, _run("killed", verdict="running", log=_log(output)))
    write_run(output, _run("done", log=_log(output)))
    with locked_folder(output):
        close_interrupted(output)
        verdicts = {run.run_id: run.verdict for run in past_runs(output)}
    assert verdicts == {"killed": "interrupted", "done": "pushed"}


@pytest.mark.parametrize("content", ["", "{", '{"run_id": "a"}', "[]"])
def test_a_file_that_is_damaged_hides_no_other_run(output, content, caplog):
    write_run(output, _run("good"))
    write_run(output, _run("bad"))
    path = run_folder(output, "bad") / "run.json"
    path.write_text(content)
    assert [run.run_id for run in past_runs(output)] == ["good"]
    assert str(path) in caplog.text


def test_facts_of_a_later_version_are_passed_over(output):
    write_run(output, _run())
    path = run_folder(output, _run().run_id) / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "new": 1}))
    assert past_runs(output) == [_run()]


def test_a_process_that_died_has_failed_with_what_is_known_of_it(output):
    """Also where the clock was ahead when an earlier one began."""
    earlier = {"verdict": "running", "log": _log(output)}
    ahead = _BEGAN.replace(year=2999)
    write_run(output, _run("2999-01-01T00:00:00", began=ahead, **earlier))
    known = begun_runs(output)
    assert keep_crash(output, known, "killed") is None
    write_run(output, _run("2026-01-01T00:00:00", **earlier))
    assert keep_crash(output, known, "killed").run_id == "2026-01-01T00:00:00"
    runs = {run.began: run for run in past_runs(output)}
    assert runs[ahead].verdict == "interrupted"
    assert runs[_BEGAN].verdict == "failed"
    assert runs[_BEGAN].reasons == ["killed"]
    assert runs[_BEGAN].seconds > 0


def test_an_end_is_told_once_and_each_end_by_itself(output):
    run = _run()
    assert [claim_telling(output, run) for _ in range(2)] == [True, False]
    assert claim_telling(output, _run(verdict="failed"))
    unnamed = _run("")
    assert [claim_telling(output, unnamed) for _ in range(2)] == [True, True]


def test_a_folder_without_runs_is_told_from_one_that_is_no_output(tmp_path):
    with pytest.raises(UserError, match="there is no such folder"):
        past_runs(tmp_path / "typo")
    with pytest.raises(UserError, match="no run has written into this folder"):
        past_runs(tmp_path)
    (tmp_path / "pipeline").mkdir()
    assert past_runs(tmp_path) == []


@pytest.mark.parametrize("days", [-400, 400])
def test_a_clock_that_is_set_changes_no_duration_of_a_run(output, days):
    """Of a run that began in another process only its times are known."""
    began = datetime.now(timezone.utc) + timedelta(days=days)
    run = PastRun.begins("a", began, _log(output))
    assert 0 <= run.ended_now(verdict="failed").seconds < 60
    write_run(output, run)
    other = read_run(output, "a").ended_now(verdict="failed").seconds
    assert other == 0 if days > 0 else other > 399 * 24 * 3600
