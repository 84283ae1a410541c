"""Tests of pipeline.scheduling.schedule: real processes, due every second or never."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from pipeline.scheduling import store as past_runs
from pipeline.scheduling.schedule import Schedule
from pipeline.scheduling.store import ScheduleBusy, ScheduleFolder, SeenTo

_EVERY_SECOND = "* * * * * *"
_NEVER = "0 0 0 29 2 *"  # not while a test runs
_UTC = timezone.utc

# What a run is here: it does a job, and says that a model was pushed.
_CHILD = """
import json, os, signal, sys, time
config, outcome = json.load(open(sys.argv[1])), sys.argv[2]
{job}
json.dump({{"outcome": "pushed", "run_id": "r", "version": 17}}, open(outcome, "w"))
"""


def _command(job: str) -> list[str]:
    return [sys.executable, "-c", _CHILD.format(job=textwrap.dedent(job))]


@pytest.fixture
def folder(tmp_path) -> ScheduleFolder:
    return ScheduleFolder(tmp_path / "out")


def _run(
    folder: ScheduleFolder, cron: str, job: str = "", *, until: str, kills: int = 1
) -> list[str]:
    """Runs a schedule until it has said a line with `until`, and returns its story."""
    story: list[str] = []

    def say(line: str) -> None:
        story.append(line)
        if until in line:
            _signal(kills)

    schedule = Schedule(
        folder, cron=cron, fields=6, zone=_UTC, say=say, command=_command(job)
    )
    assert schedule.run('{"a": 1}') == signal.SIGTERM
    return story


def _signal(times: int) -> None:
    def send() -> None:
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.3)

    threading.Thread(target=send).start()


def _history(folder: ScheduleFolder) -> list[past_runs.PastRun]:
    return list(past_runs.read(folder.history))


def _seen_to(folder: ScheduleFolder, cron: str, until: datetime) -> None:
    folder.logs.mkdir(parents=True)
    folder.write_seen_to(SeenTo(cron, "UTC", until))


def test_runs_begin_on_time_and_the_history_says_so(folder):
    story = _run(folder, _EVERY_SECOND, 'print("hello")', until="run 2: ")
    first, second, *_ = _history(folder)
    assert (first.run, second.run) == (1, 2)
    assert first.outcome.version == 17
    assert timedelta() <= first.started - first.scheduled < timedelta(seconds=1)
    assert Path(first.outcome.log).read_text() == "hello\n"
    texts = [line[len("2026-11-26 03:00  ") :] for line in story]
    assert texts[0] == f'schedule "{_EVERY_SECOND}" (UTC) into {folder.given}'
    assert texts[1].startswith("next run ")
    assert texts[2:4] == ["run 1 began", "run 1: model pushed as version 17"]
    assert texts[4].startswith("next run ")
    assert texts[-1] == "schedule ended"


def test_a_run_gets_the_configuration_and_no_one_else_may_read_it(folder):
    _run(folder, _EVERY_SECOND, 'print(config["a"])', until="run 1: ")
    assert folder.log_of(1).read_text() == "1\n"
    assert folder.config.stat().st_mode & 0o077 == 0


def test_what_comes_due_during_a_run_is_run_once_after_it(folder):
    # Due at 1 to 3 s and begun at 1 s; those at 2 and 3 s make one.
    _run(folder, _EVERY_SECOND, "time.sleep(2.5)", until="run 2: ")
    first, second, *_ = _history(folder)
    assert second.started >= first.ended
    assert second.started - first.ended < timedelta(seconds=1)
    assert second.scheduled == first.scheduled + timedelta(seconds=1)


def test_what_came_due_before_a_run_began_is_met_by_it(folder):
    def say(line: str) -> None:
        if "run 1: " in line:
            time.sleep(1.5)  # more comes due before the next one can begin
        if "run 3: " in line:
            _signal(1)

    Schedule(
        folder,
        cron=_EVERY_SECOND,
        fields=6,
        zone=_UTC,
        say=say,
        command=_command("time.sleep(1.2)"),
    ).run("{}")
    for earlier, later in itertools.pairwise(_history(folder)):
        assert later.scheduled > earlier.started


def test_times_that_were_missed_are_run_once_at_the_start(folder):
    _seen_to(folder, "0 0 * * * *", datetime.now(_UTC) - timedelta(days=3))
    story = _run(folder, "0 0 * * * *", until="next run")
    assert "due since" in "\n".join(story)
    [past] = _history(folder)
    assert past.started - past.scheduled > timedelta(days=2)
    # A second start finds nothing missed any more.
    _run(folder, "0 0 * * * *", until="next run")
    assert len(_history(folder)) == 1


def test_of_another_expression_nothing_was_missed(folder):
    _seen_to(folder, _NEVER, datetime.now(_UTC) - timedelta(days=3))
    _run(folder, "0 0 * * * *", until="next run")
    assert _history(folder) == []


def test_the_first_start_has_missed_nothing(folder):
    _run(folder, _NEVER, until="next run")
    assert _history(folder) == []


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        (
            'sys.exit("no such data")',
            "its process ended with exit code 1; it said last: no such data",
        ),
        (
            "os.kill(os.getpid(), signal.SIGKILL)",
            "its process was killed by SIGKILL (hint: is the memory enough?)",
        ),
    ],
    ids=["it fails", "it is killed"],
)
def test_a_failed_run_does_not_end_the_schedule(folder, job, reason):
    story = _run(folder, _EVERY_SECOND, job, until="run 2: failed")
    first, second, *_ = _history(folder)
    assert first.outcome.outcome == second.outcome.outcome == "failed"
    assert any("run 1: failed: its process" in line for line in story)
    assert first.outcome.reason == reason


def test_a_process_that_cannot_start_is_a_failed_run(folder):
    story: list[str] = []

    def say(line: str) -> None:
        story.append(line)
        if "run 1: " in line:
            _signal(1)

    Schedule(
        folder, cron=_EVERY_SECOND, fields=6, zone=_UTC, say=say, command=["/no/such"]
    ).run("{}")
    past = _history(folder)[0]
    assert past.exit_code is None
    assert "cannot be started: " in past.outcome.reason
    assert "/no/such" in past.outcome.reason


def test_a_signal_asks_the_run_to_end_and_the_next_start_takes_it_up(folder):
    job = """
        signal.signal(signal.SIGTERM, lambda *_: (print("asked"), sys.exit(130)))
        time.sleep(60)
    """
    start = time.monotonic()
    story = _run(folder, _EVERY_SECOND, job, until="run 1 began")
    # The child may not have come to its handler: both ways it has been interrupted.
    assert time.monotonic() - start < 30
    [past] = _history(folder)
    assert past.outcome.outcome == "interrupted"
    assert past.exit_code in (130, -signal.SIGTERM)
    assert "asked run 1 to end; once more kills it" in story[-3]
    story = _run(folder, _EVERY_SECOND, until="run 2: ")
    assert "run 2 began" in story[1]
    assert _history(folder)[1].scheduled <= past.started


def test_a_second_signal_kills_a_run_that_does_not_end(folder):
    job = """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        open(outcome + ".ready", "w").close()
        time.sleep(60)
    """
    story: list[str] = []

    def say(line: str) -> None:
        story.append(line)
        if "began" in line:
            threading.Thread(target=send).start()

    def send() -> None:
        while not Path(f"{folder.outcome}.ready").exists():
            time.sleep(0.05)
        _signal(2)

    Schedule(
        folder, cron=_EVERY_SECOND, fields=6, zone=_UTC, say=say, command=_command(job)
    ).run("{}")
    [past] = _history(folder)
    assert past.exit_code == -signal.SIGKILL
    assert past.outcome.outcome == "interrupted"


def test_a_second_schedule_for_one_output_is_refused(folder):
    program = (
        "import sys; from pipeline.scheduling.store import ScheduleFolder\n"
        "with ScheduleFolder(sys.argv[1]).locked():\n"
        "    print('locked', flush=True); sys.stdin.read()"
    )
    first = subprocess.Popen(
        [sys.executable, "-c", program, str(folder.output)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert first.stdout.readline() == b"locked\n"
        with pytest.raises(ScheduleBusy, match="another schedule runs into this"):
            _run(folder, _NEVER, until="schedule")
    finally:
        first.kill()
        first.wait()
    _run(folder, _NEVER, until="next run")  # the kill has let it go


def test_a_history_that_cannot_be_written_does_not_end_the_schedule(folder):
    story: list[str] = []

    def say(line: str) -> None:
        story.append(line)
        if line.endswith("run 1 began"):
            folder.history.mkdir()  # a folder in its place
        if "run 2 is not recorded" in line:
            _signal(1)

    Schedule(
        folder, cron=_EVERY_SECOND, fields=6, zone=_UTC, say=say, command=_command("")
    ).run("{}")
    assert any("run 1 is not recorded; a new start repeats it" in s for s in story)


def test_half_a_line_of_a_killed_schedule_does_not_stop_the_next_one(folder):
    _run(folder, _EVERY_SECOND, until="run 1: ")
    count = len(_history(folder))
    with folder.history.open("a") as file:
        file.write('{"run": 2, "sched')
    _run(folder, _EVERY_SECOND, until=f"run {count + 1}: ")
    lines = folder.history.read_text().splitlines()
    assert [json.loads(line)["run"] for line in lines[: count + 1]] == list(
        range(1, count + 2)
    )


def test_a_terminal_that_is_gone_stops_nothing(folder):
    def say(line: str) -> None:
        if "run 2: " in line:
            _signal(1)
        raise BrokenPipeError

    Schedule(
        folder,
        cron=_EVERY_SECOND,
        fields=6,
        zone=_UTC,
        say=say,
        command=_command('print("hello")'),
    ).run("{}")
    assert len(_history(folder)) >= 2
