"""Tests of pipeline.scheduling.schedule: real processes, due every second or never."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pipeline.runs import past_runs
from pipeline.runs.past_runs import read_run, write_run
from pipeline.scheduling.store import (
    OutputGone,
    ScheduleBusy,
)
from tests.pipeline.scheduling.running import (
    EVERY_SECOND,
    NEVER,
    UTC,
    run_until,
    seen_to,
    send_signals,
    texts_of,
)


def test_runs_begin_on_time_and_the_history_says_so(folder):
    lines = run_until(folder, EVERY_SECOND, 'print("hello")', until="run 2: ")
    first, second, *_ = folder.read_history()
    assert (first.run, second.run) == (1, 2)
    assert first.outcome.version == 17
    assert timedelta() <= first.started - first.scheduled < timedelta(seconds=1)
    assert Path(first.outcome.log).read_text() == "hello\n"
    texts = [line[len("2026-11-26 03:00  ") :] for line in lines]
    assert texts[0] == f'schedule "{EVERY_SECOND}" (UTC) into {folder.name}'
    assert texts[1].startswith("next run ")
    assert texts[2:4] == ["run 1 began", "run 1: model pushed as version 17"]
    assert texts[4].startswith("next run ")
    assert texts[-1] == "schedule ended"


def test_a_run_gets_the_configuration_and_no_one_else_may_read_it(folder):
    run_until(folder, EVERY_SECOND, 'print(config["a"])', until="run 1: ")
    assert folder.log_of(1).read_text() == "1\n"
    assert folder.config.stat().st_mode & 0o077 == 0


def test_each_end_is_told_once_and_by_the_schedule_itself(folder):
    """A run that was killed cannot tell."""
    told = []

    def tell(outcome, say):
        told.append(outcome)
        say("told")

    log = str(folder.output / "logs" / "a.log")
    begun = past_runs.PastRun(
        run_id="r", verdict="running", began=datetime.now(UTC), log=log
    )
    on = {"run 1 began": lambda: write_run(folder.output, begun)}
    job = f"""
    if not os.path.exists("{folder.output}/killed"):
        os.mkdir("{folder.output}/killed")
        os.kill(os.getpid(), signal.SIGKILL)
    """
    lines = run_until(folder, EVERY_SECOND, job, until="run 2: ", tell=tell, on=on)
    killed, pushed, *_ = told
    assert (killed.outcome, killed.run_id) == ("failed", "r")
    assert pushed.outcome == "pushed"
    assert sum(line.endswith("  told") for line in lines) == len(told)
    run = read_run(folder.output, "r")
    assert (run.verdict, run.reasons) == ("failed", [killed.reason])


def test_what_comes_due_during_a_run_is_run_once_after_it(folder):
    # Due at 1 to 3 s and begun at 1 s; those at 2 and 3 s make one.
    run_until(folder, EVERY_SECOND, "time.sleep(2.5)", until="run 2 began")
    first, second, *_ = folder.read_history()
    assert second.started >= first.ended
    assert second.started - first.ended < timedelta(seconds=1)
    assert second.scheduled == first.scheduled + timedelta(seconds=1)


@pytest.mark.slow
def test_what_came_due_before_a_run_began_is_met_by_it(folder):
    # More comes due before the second run can begin.
    late = {"run 1: ": lambda: time.sleep(1.5)}
    run_until(folder, EVERY_SECOND, "time.sleep(1.2)", until="run 3 began", on=late)
    for earlier, later in itertools.pairwise(folder.read_history()):
        assert later.scheduled > earlier.started


def test_times_that_were_missed_are_run_once_at_the_start(folder):
    seen_to(folder, "0 0 * * * *", datetime.now(UTC) - timedelta(days=3))
    lines = run_until(folder, "0 0 * * * *", until="next run")
    assert "due since" in "\n".join(lines)
    [past] = folder.read_history()
    assert past.started - past.scheduled > timedelta(days=2)
    # A second start finds nothing missed any more.
    run_until(folder, "0 0 * * * *", until="next run")
    assert len(folder.read_history()) == 1


def test_of_another_expression_nothing_was_missed(folder):
    seen_to(folder, NEVER, datetime.now(UTC) - timedelta(days=3))
    run_until(folder, "0 0 * * * *", until="next run")
    assert folder.read_history() == []


def test_the_first_start_has_missed_nothing(folder):
    run_until(folder, NEVER, until="next run")
    assert folder.read_history() == []


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        (
            'sys.exit("no such data")',
            "its process ended with exit code 1; its last line: no such data",
        ),
        (
            "os.kill(os.getpid(), signal.SIGKILL)",
            "its process was killed by SIGKILL (hint: is the memory enough?)",
        ),
    ],
    ids=["it fails", "it is killed"],
)
def test_a_failed_run_does_not_end_the_schedule(folder, job, reason):
    lines = run_until(folder, EVERY_SECOND, job, until="run 2: failed")
    first, second, *_ = folder.read_history()
    assert first.outcome.outcome == second.outcome.outcome == "failed"
    assert any("run 1: failed: its process" in line for line in lines)
    assert first.outcome.reason == reason


def test_a_process_that_cannot_start_is_a_failed_run(folder):
    run_until(folder, EVERY_SECOND, until="run 1: ", command=["/no/such"])
    past = folder.read_history()[0]
    assert past.exit_code is None
    assert "cannot be started: " in past.outcome.reason
    assert "/no/such" in past.outcome.reason


def test_a_schedule_ends_when_its_output_was_moved(folder):
    moved = folder.output.with_name("moved")
    on = {"next run": lambda: folder.output.rename(moved)}
    with pytest.raises(OutputGone, match=f"{folder.path} is gone .hint: end") as ended:
        run_until(folder, EVERY_SECOND, until="run 1: ", on=on)
    assert ended.value.exit_code == 2, "after which systemd does not start it again"
    assert not folder.output.exists()
    assert moved.is_dir()


def test_a_signal_asks_the_run_to_end_and_the_next_start_takes_it_up(folder):
    job = """
        signal.signal(signal.SIGTERM, lambda *_: (print("asked"), sys.exit(130)))
        time.sleep(60)
    """
    start = time.monotonic()
    lines = run_until(folder, EVERY_SECOND, job, until="run 1 began")
    # The child may not have come to its handler: both ways it has been interrupted.
    assert time.monotonic() - start < 30
    [past] = folder.read_history()
    assert past.outcome.outcome == "interrupted"
    assert past.exit_code in (130, -signal.SIGTERM)
    assert "asked run 1 to end; once more kills it" in lines[-3]
    lines = run_until(folder, EVERY_SECOND, until="run 2: ")
    assert "run 2 began" in lines[1]
    assert folder.read_history()[1].scheduled <= past.started


def test_no_wait_is_long_as_a_signal_may_come_just_before_it(folder, monkeypatch):
    """Python has then looked for signals already, and the wait is not disturbed."""
    waits = []

    class Events(queue.SimpleQueue):
        def get(self, block=True, timeout=None):
            waits.append(timeout)
            return super().get(block, timeout)

    monkeypatch.setattr(queue, "SimpleQueue", Events)
    run_until(folder, EVERY_SECOND, "time.sleep(0.5)", until="run 1: ")
    run_until(folder, NEVER, until="next run")
    assert len(waits) > 3
    assert max(waits) <= 1  # None would be a TypeError


def test_a_signal_that_nohup_has_it_ignore_stays_ignored(folder):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        began = {"next run": lambda: os.kill(os.getpid(), signal.SIGHUP)}
        lines = run_until(folder, EVERY_SECOND, until="run 1: ", on=began)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert "run 1: model pushed as version 17" in texts_of(lines)


def test_a_second_signal_kills_a_run_that_does_not_end(folder):
    job = """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        open(outcome + ".ready", "w").close()
        time.sleep(60)
    """

    def send() -> None:
        while not Path(f"{folder.outcome}.ready").exists():
            time.sleep(0.05)
        send_signals(2)

    start = {"run 1 began": lambda: threading.Thread(target=send).start()}
    run_until(folder, EVERY_SECOND, job, until="no such line", on=start)
    [past] = folder.read_history()
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
            run_until(folder, NEVER, until="schedule")
    finally:
        first.kill()
        first.wait()
    run_until(folder, NEVER, until="next run")  # the kill has let it go


def test_a_history_that_cannot_be_written_does_not_end_the_schedule(folder):
    spoil = {"run 1 began": folder.history.mkdir}  # a folder in its place
    lines = run_until(folder, EVERY_SECOND, until="run 2 is not recorded", on=spoil)
    assert any("run 1 is not recorded; a new start repeats it" in s for s in lines)


def test_half_a_line_of_a_killed_schedule_does_not_stop_the_next_one(folder):
    run_until(folder, EVERY_SECOND, until="run 1: ")
    count = len(folder.read_history())
    with folder.history.open("a") as file:
        file.write('{"run": 2, "sched')
    run_until(folder, EVERY_SECOND, until=f"run {count + 1}: ")
    lines = folder.history.read_text().splitlines()
    assert [json.loads(line)["run"] for line in lines[: count + 1]] == list(
        range(1, count + 2)
    )


def test_a_terminal_that_is_gone_stops_nothing(folder):
    def say(line: str) -> None:
        if "run 2: " in line:
            send_signals(1)
        raise BrokenPipeError

    run_until(folder, EVERY_SECOND, 'print("hello")', until="run 2: ", say=say)
    assert len(folder.read_history()) >= 2


_WAITING = "a run into this output is under way already; waiting for it"


def test_a_run_that_was_begun_by_hand_is_waited_for(folder, short_waits):
    folder.output.mkdir()
    held = (folder.output / ".lock").open("w")
    fcntl.flock(held, fcntl.LOCK_EX)
    ended: list[datetime] = []

    def end() -> None:
        ended.append(datetime.now(UTC))
        held.close()

    on = {_WAITING: lambda: threading.Timer(0.5, end).start()}
    lines = run_until(folder, EVERY_SECOND, until="run 1: ", on=on)
    assert sum(_WAITING in line for line in lines) == 1
    past = folder.read_history()[0]
    assert past.started >= ended[0]
    assert past.outcome.outcome == "pushed"
