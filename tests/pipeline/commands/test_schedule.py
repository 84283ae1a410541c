"""Tests of the command `schedule`, up to the first run."""

from __future__ import annotations

import functools
import signal
import subprocess
import sys
from datetime import datetime, timedelta, timezone

import pytest
from click.testing import CliRunner

from pipeline.commands.schedule import command
from pipeline.scheduling.outcome import Outcome
from pipeline.scheduling.store import PastRun, ScheduleFolder

_NEVER = "0 0 29 2 *"  # not while a test runs


def _invoke(*args: str):
    return CliRunner().invoke(command, args)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--data", "x", "--output", "y"], "option --cron is required"),
        (["--cron", _NEVER, "--output", "y"], "option --data is required"),
        (["--cron", _NEVER, "--data", "x"], "option --output is required"),
        (["--cron", "0 24 * * *"], "cron expression: hour must be 0 to 23"),
        (["--cron", "0", "3", "*"], "cron expression: it must have 5 fields"),
        (
            ["--cron", _NEVER, "--data", "x", "--output", "y", "--timezone", "Berlin"],
            "option --timezone: there is no such time zone. Received: 'Berlin'",
        ),
        (
            ["--cron", _NEVER, "--data", "x", "--output", "y", "--timezone", "Europe"],
            "there is no such time zone",
        ),
        (["--json", "--output", "y"], "--json goes with --history only"),
        (["--history"], "option --output is required"),
        (["--history", "--output", "nowhere"], "no schedule has run into this output"),
    ],
)
def test_a_wrong_option_gets_its_message_and_exit_code_2(args, message, tmp_path):
    result = _invoke(*args)
    assert result.exit_code == 2
    assert message in result.output


def test_a_time_zone_without_a_name_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "EST5EDT,M3.2.0,M11.1.0")
    output = str(tmp_path / "out")
    result = _invoke("--cron", _NEVER, "--data", "x", "--output", output)
    assert result.exit_code == 2
    assert "this machine's time zone has no name that is known" in result.output
    assert "(hint: --timezone Europe/Berlin)" in result.output


@pytest.fixture
def folder(tmp_path) -> ScheduleFolder:
    folder = ScheduleFolder(tmp_path / "out")
    folder.logs.mkdir(parents=True)
    return folder


@pytest.fixture
def past(folder) -> PastRun:
    start = datetime(2026, 11, 26, 3, tzinfo=timezone.utc)
    outcome = Outcome("pushed", "x.log", run_id="r", version=17)
    past = PastRun(1, start, start, start + timedelta(minutes=2), 0, outcome)
    folder.append_to_history(past)
    return past


def test_the_history_is_a_table_for_people(folder, past):
    result = _invoke("--history", "--output", str(folder.output))
    assert result.exit_code == 0
    heading, row = result.output.splitlines()
    assert heading.split() == ["run", "due", "began", "took", "outcome", "details"]
    assert "0:02:00  pushed   model pushed as version 17" in row


def test_the_history_is_json_lines_for_machines(folder, past):
    result = _invoke("--history", "--json", "--output", str(folder.output))
    assert PastRun.from_json(result.output) == past


def test_the_history_of_a_configuration_file_is_that_of_its_output(
    folder, past, tmp_path
):
    config = tmp_path / "run.yaml"
    config.write_text(f"output: {folder.output}\ndata:\n  pattern: x.csv\n")
    result = _invoke("--history", "--config", str(config))
    assert "version 17" in result.output


def test_a_spoilt_history_takes_one_line(folder, past):
    with folder.history.open("a") as file:
        file.write("spoilt\n")
    result = _invoke("--history", "--output", str(folder.output))
    assert result.exit_code == 1
    assert "line 2 of the history" in result.output


def test_a_folder_in_the_place_of_a_file_is_named(folder):
    folder.history.mkdir()
    result = _invoke("--history", "--output", str(folder.output))
    assert result.exit_code == 1
    assert f"cannot be read: {folder.history}: Is a directory" in result.output


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)]
)
def test_a_signal_ends_a_schedule_that_waits(repository, tmp_path, number, code):
    args = ["schedule", "--cron", _NEVER, "--data", "x.csv", "--timezone", "UTC"]
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", *args, "--output", tmp_path / "out"],
        cwd=repository,
        stdout=subprocess.PIPE,
        text=True,
        # A shell that starts these tests in the background has them ignore SIGINT.
        preexec_fn=functools.partial(signal.signal, number, signal.SIG_DFL),
    )
    first, second = process.stdout.readline(), process.stdout.readline()
    assert f'schedule "{_NEVER}" (UTC) into {tmp_path}' in first
    assert "next run 2028-02-29 00:00" in second
    process.send_signal(number)
    rest, _ = process.communicate(timeout=10)
    assert process.returncode == code
    assert rest.endswith("schedule ended\n")
