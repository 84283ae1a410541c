"""What the next schedule makes of a run whose own was killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import datetime, timedelta

import pytest

from pipeline.scheduling.outcome import Outcome
from pipeline.scheduling.store import (
    BegunRun,
    PastRun,
    SeenTo,
)
from tests.pipeline.scheduling.running import (
    EVERY_SECOND,
    NEVER,
    UTC,
    run_until,
)

_WAITING = "a run into this output is under way already; waiting for it"
_DAEMON = """
import sys
from datetime import timezone
from pipeline.runs import past_runs
from pipeline.runs.past_runs import read_run, write_run
from pipeline.scheduling.schedule import Schedule
from pipeline.scheduling.store import ScheduleFolder
Schedule(
    ScheduleFolder(sys.argv[1]), cron="* * * * * *", fields=6, zone=timezone.utc,
    say=lambda line: print(line, flush=True),
    command=[sys.executable, "-c", sys.argv[2]],
).run("{}")
"""
_ORPHAN = """
import json, sys, time
print(1, flush=True)
time.sleep(3)
json.dump({"outcome": "pushed", "run_id": "r", "version": 18}, open(sys.argv[2], "w"))
"""


@pytest.mark.slow
def test_a_run_that_has_outlived_its_schedule_is_waited_for_and_told_of(
    folder, short_waits
):
    # It holds nothing of the output yet: it may still be loading.
    command = [sys.executable, "-c", _DAEMON, str(folder.output), _ORPHAN]
    daemon = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    log = folder.log_of(1)
    while not (log.exists() and log.read_text()):
        assert daemon.poll() is None
        time.sleep(0.05)
    orphan_began = datetime.now(UTC)
    daemon.kill()
    daemon.wait()
    daemon.stdout.close()
    told = []
    lines = run_until(
        folder,
        EVERY_SECOND,
        until="run 2: ",
        tell=lambda outcome, _: told.append(outcome),
    )
    assert sum(_WAITING in line for line in lines) == 1
    assert any("run 1: model pushed as version 18" in line for line in lines)
    first, second, *_ = folder.read_history()
    assert (first.run, first.outcome.version, first.exit_code) == (1, 18, None)
    assert (second.run, second.outcome.version) == (2, 17)
    assert second.started >= orphan_began + timedelta(seconds=2)
    assert [outcome.version for outcome in told[:2]] == [18, 17]


@pytest.mark.parametrize("has_ended", [True, False])
def test_what_a_run_of_a_killed_schedule_has_come_to_is_recorded(folder, has_ended):
    """Its next time may be far."""
    folder.path.mkdir(parents=True)
    then = datetime(2026, 11, 26, 3, tzinfo=UTC)
    folder.note_begun(BegunRun(7, then, then))
    if has_ended:
        folder.outcome.write_text('{"outcome": "refused", "reasons": ["low"]}')
    run_until(folder, NEVER, until="run 7: ")
    [past] = folder.read_history()
    assert (past.run, past.scheduled, past.started) == (7, then, then)
    assert past.outcome.outcome == ("refused" if has_ended else "interrupted")
    assert folder.read_begun() is None


def test_an_interrupted_run_took_until_its_last_line(folder):
    folder.logs.mkdir(parents=True)
    then = datetime(2026, 11, 26, 3, tzinfo=UTC)
    folder.note_begun(BegunRun(7, then, then))
    folder.log_of(7).write_text("last line")
    os.utime(folder.log_of(7), (then.timestamp() + 60,) * 2)
    run_until(folder, NEVER, until="run 7: ")
    assert folder.read_history()[0].seconds == 60


def test_the_time_of_a_run_that_was_adopted_is_not_run_again(folder):
    folder.path.mkdir(parents=True)
    now = datetime.now(UTC)
    folder.write_seen_to(SeenTo(NEVER, "UTC", now - timedelta(days=3000)))
    folder.note_begun(BegunRun(7, now, now))
    folder.outcome.write_text('{"outcome": "pushed"}')
    lines = run_until(folder, NEVER, until="next run ")
    assert not any("run 8 began" in line for line in lines)
    assert folder.read_seen_to().until >= now - timedelta(seconds=1)


def test_a_run_that_the_history_has_is_not_recorded_again(folder):
    """A schedule may be killed between the one and the other."""
    folder.path.mkdir(parents=True)
    then = datetime(2026, 11, 26, 3, tzinfo=UTC)
    folder.append_to_history(PastRun(7, then, then, then, 0, Outcome("pushed")))
    folder.note_begun(BegunRun(7, then, then))
    folder.outcome.write_text('{"outcome": "pushed"}')
    told = []
    run_until(
        folder,
        EVERY_SECOND,
        until="run 8: ",
        tell=lambda outcome, _: told.append(outcome.version),
    )
    assert [past.run for past in folder.read_history()][:2] == [7, 8]
    assert told[0] == 17, "the outcome of run 8"


def test_the_outcome_of_an_earlier_run_is_never_that_of_the_next(folder, monkeypatch):
    folder.path.mkdir(parents=True)
    folder.outcome.write_text('{"outcome": "pushed"}')
    noted = []

    def note(begun):
        noted.append((begun and begun.run, folder.outcome.exists()))

    monkeypatch.setattr(folder, "note_begun", note)
    run_until(folder, EVERY_SECOND, until="run 1: ")
    assert noted[0] == (1, False)


def test_a_damaged_note_of_a_run_is_passed_over(folder):
    folder.path.mkdir(parents=True)
    folder.note_begun(BegunRun(7, datetime.now(UTC), datetime.now(UTC)))
    (folder.path / "begun.json").write_text("{")
    run_until(folder, EVERY_SECOND, until="run 1: ")
