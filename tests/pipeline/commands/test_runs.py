"""Tests of the command `elmo-tfx runs`, and of what `run` tells a receiver."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline import local_runner, pipeline
from pipeline.cli import main
from pipeline.config import load_config
from pipeline.config.checked import CheckedConfig
from pipeline.errors import UserError
from pipeline.metadata.runs import RunRecord
from pipeline.output_folder import OutputFolder
from pipeline.runs import lifecycle, webhook
from pipeline.runs.outcomes import NothingNew, RunFailed, RunResult
from pipeline.runs.past_runs import PastRun, is_held, read_run, write_run

_BEGAN = datetime(2026, 11, 26, 3, tzinfo=timezone.utc)


def _invoke(*args: str):
    return CliRunner().invoke(main, ["runs", *map(str, args)])


@pytest.fixture
def output(tmp_path) -> Path:
    """An output with a run that pushed, and one that failed."""
    pushed = PastRun(
        run_id="a",
        verdict="pushed",
        began=_BEGAN,
        seconds=125.2,
        span="2026-11-25",
        rows=12345,
        measures={"accuracy": 0.876, "auc": 0.9123},
        version=1_795_857_292,
    )
    failed = PastRun(
        run_id="b",
        verdict="failed",
        began=_BEGAN + timedelta(days=1),
        component="TextExampleGen",
        reasons=[
            "The data has one class \x1b[2J\n  `spam`\nhint: give two" + "x" * 200
        ],
    )
    for run in (failed, pushed):
        write_run(tmp_path, run)
    return tmp_path


def test_the_runs_are_a_table_with_the_newest_last(output):
    result = _invoke("--output", output)
    assert result.exit_code == 0
    heading, first, second = result.output.splitlines()
    titles = "began span rows accuracy AUC verdict version took why"
    assert heading.split() == titles.split()
    assert f"{_BEGAN.astimezone():%Y-%m-%d %H:%M}  2026-11-25  12,345" in first
    assert first.split()[4:] == ["87.6%", "0.912", "pushed", "1795857292", "0:02:05"]
    assert "TextExampleGen: The data has one class \\u001b" in second
    assert len(second) < 200
    assert second.endswith("…")


def test_spans_are_a_column_only_where_there_are_spans(tmp_path):
    write_run(tmp_path, PastRun(run_id="a", verdict="refused", began=_BEGAN))
    heading, row = _invoke("--output", tmp_path).output.splitlines()
    assert "span" not in heading
    assert row.split()[2:] == ["-", "-", "-", "refused", "-", "-"]


def test_the_runs_are_one_list_of_json(output):
    runs = json.loads(_invoke("--output", output, "--json").stdout)
    assert [run["verdict"] for run in runs] == ["pushed", "failed"]
    assert runs[0]["began"] == "2026-11-26T03:00:00Z"
    assert runs[0]["measures"]["auc"] == 0.9123


@pytest.mark.parametrize("content", [b"SQLite format 3\0 damaged", b"x" * 5000])
def test_damaged_records_hide_no_run_of_which_more_is_kept(output, content):
    (output / "metadata.sqlite").write_bytes(content)
    result = _invoke("--output", output)
    assert result.exit_code == 1
    _, first, second = result.stdout.splitlines()
    assert "1795857292" in first and "failed" in second
    message = f"error: {output / 'metadata.sqlite'} cannot be used: file is not a data"
    assert result.stderr.startswith(message)
    assert "(hint: bring back a copy of that file, or remove it and" in result.stderr


@pytest.mark.parametrize(
    "wrong",
    [{"began": "0001-01-01T00:00:00Z"}, {"began": "9999-12-31T23:59:59Z"}]
    + [{"ended": "9999-12-31T23:59:59Z"}]
    + [{"seconds": value} for value in (1e300, -1, float("nan"), float("inf"))]
    + [{"measures": {"auc": value}} for value in (float("nan"), float("inf"))],
    ids=str,
)
def test_what_no_clock_or_json_can_show_hides_no_other_run(output, monkeypatch, wrong):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    record = output / "runs" / "b" / "run.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), **wrong}))
    result = _invoke("--output", output)
    assert result.exit_code == 0, result.output
    assert "1795857292" in result.stdout and "failed" not in result.stdout
    listed = _invoke("--output", output, "--json").stdout
    assert len(json.loads(listed, parse_constant=pytest.fail)) == 1


def test_a_pipe_in_the_place_of_a_record_is_not_waited_for(output):
    for record in (output / "runs" / "b" / "run.json", output / ".lock"):
        record.unlink(missing_ok=True)
        os.mkfifo(record)
    result = _invoke("--output", output)
    assert result.exit_code == 0, result.output
    assert "1795857292" in result.stdout and "failed" not in result.stdout


def test_a_folder_without_runs_gets_one_line(tmp_path):
    for path, code in ((tmp_path, 2), (tmp_path / "typo", 2)):
        result = _invoke("--output", path)
        assert result.exit_code == code
        assert result.output.startswith("error: option --output: ")
        assert result.output.count("\n") == 1
    (tmp_path / "pipeline").mkdir()
    result = _invoke("--output", tmp_path)
    assert (result.exit_code, result.output) == (0, "no run has begun so far\n")
    assert json.loads(_invoke("--output", tmp_path, "--json").stdout) == []


@pytest.fixture
def told(monkeypatch) -> list[PastRun]:
    """The runs of which a receiver is told."""
    runs: list[PastRun] = []
    monkeypatch.setenv(webhook.VARIABLE, "http://127.0.0.1:1/")
    monkeypatch.setattr(webhook, "tell", lambda output, run, say: runs.append(run))
    return runs


def _run(monkeypatch, tmp_path, error=None, result=None, *more: str):
    @contextlib.contextmanager
    def run(config, *, only_if_new):
        if error is not None:
            raise error
        yield result

    monkeypatch.setattr(local_runner, "run", run)
    args = ["run", "--data", "x.csv", "--output", str(tmp_path), *more]
    return CliRunner().invoke(main, args)


_ON = "--set=push.webhook=true"


def test_a_run_that_failed_is_told_with_what_was_kept_of_it(
    monkeypatch, tmp_path, told
):
    kept = PastRun(run_id="a", verdict="drifted", began=_BEGAN)
    write_run(tmp_path, kept)
    error = RunFailed(node="AnomalyGate", reason="drift", run_id="a")
    result = _run(monkeypatch, tmp_path, error, None, _ON)
    assert result.exit_code == 1
    assert told == [kept]


def test_a_run_that_could_not_begin_is_told_too(monkeypatch, tmp_path, told):
    result = _run(monkeypatch, tmp_path, UserError("no column"), None, _ON)
    assert result.exit_code == 2
    assert [(run.verdict, run.reasons) for run in told] == [("failed", ["no column"])]


def test_nothing_is_told_without_the_option_or_of_an_interrupted_or_idle_run(
    monkeypatch, tmp_path, told
):
    _run(monkeypatch, tmp_path, UserError("no column"))
    _run(monkeypatch, tmp_path, KeyboardInterrupt(), None, _ON)
    _run(monkeypatch, tmp_path, None, NothingNew("a", "now", None), _ON)
    assert told == []


def test_an_address_that_cannot_be_used_is_said_before_anything_runs(
    monkeypatch, tmp_path
):
    monkeypatch.setenv(webhook.VARIABLE, "no address")
    error = RuntimeError("it has run")
    result = _run(monkeypatch, tmp_path, error, None, _ON)
    assert result.exit_code == 2
    assert result.output.startswith(f"error: {webhook.VARIABLE} must be an address")


def test_a_run_holds_its_output_until_its_summary_is_written(monkeypatch, tmp_path):
    begun = PastRun(run_id="a", verdict="running", began=_BEGAN, log="logs/a.log")

    def prepare_run(checked, *, alone):
        output = OutputFolder(checked.config.output)
        return lifecycle.PreparedRun(checked.config, output, None, None)

    def run_nodes(prepared, log, now, terminal):
        write_run(prepared.output.path, begun)
        record = RunRecord(begun.run_id, [])
        return RunResult(prepared.config, prepared.output, record, begun, log)

    def summarize(result):
        seen.append((is_held(tmp_path), read_run(tmp_path, begun.run_id).verdict))
        raise RunFailed(node="", reason="seen")

    seen = []
    monkeypatch.setattr(
        local_runner, "_checked", lambda config: (CheckedConfig(config, 1), b"")
    )
    monkeypatch.setattr(lifecycle, "prepare_run", prepare_run)
    monkeypatch.setattr(local_runner, "_run_nodes", run_nodes)
    monkeypatch.setattr(local_runner, "summarize", summarize)
    args = ["run", "--data", "x.csv", "--output", str(tmp_path)]
    assert "seen" in CliRunner().invoke(main, args).output
    assert seen == [(True, "running")]
    assert not is_held(tmp_path)


def test_what_fails_before_or_after_the_nodes_is_kept_with_the_run(
    monkeypatch, tmp_path
):
    def create_pipeline(config):
        raise ValueError("no such span")

    monkeypatch.setattr(pipeline, "create_pipeline", create_pipeline)
    config = load_config(
        options={"data.pattern": "x.csv", "output": str(tmp_path)}, overrides=[]
    )
    output = OutputFolder(tmp_path)
    prepared = lifecycle.PreparedRun(config, output, None, None)
    with pytest.raises(RunFailed) as raised:
        local_runner._run_nodes(prepared, tmp_path / "log", _BEGAN, io.StringIO())
    assert raised.value.node == ""
    kept = read_run(tmp_path, raised.value.run_id)
    assert (kept.verdict, kept.reasons) == ("failed", ["ValueError: no such span"])
    # While it is imported, which takes seconds, too.
    monkeypatch.setitem(sys.modules, "pipeline.pipeline", None)
    later = _BEGAN + timedelta(days=1)
    with pytest.raises(RunFailed) as raised:
        local_runner._run_nodes(prepared, tmp_path / "log", later, io.StringIO())
    assert read_run(tmp_path, raised.value.run_id).verdict == "failed"
