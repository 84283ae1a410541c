"""Schedules that run in a test: due every second or never, on a clock of its own."""

from __future__ import annotations

import os
import signal
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone

from pipeline.scheduling.schedule import Schedule
from pipeline.scheduling.store import ScheduleFolder, SeenTo

EVERY_SECOND = "* * * * * *"
NEVER = "0 0 0 29 2 *"  # not while a test runs
UTC = timezone.utc

# What a run is here: it does a job, and says that a model was pushed.
_CHILD = """
import json, os, signal, sys, time
config, outcome = json.load(open(sys.argv[1])), sys.argv[2]
{job}
json.dump({{"outcome": "pushed", "run_id": "r", "version": 17}}, open(outcome, "w"))
"""


def _command(job: str) -> list[str]:
    return [sys.executable, "-c", _CHILD.format(job=textwrap.dedent(job))]


class Clock:
    """A clock that a test can set."""

    def __init__(self, now: str) -> None:
        self.set(now)

    def set(self, now: str) -> None:
        self._offset = datetime.fromisoformat(now) - datetime.now(UTC)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._offset


def run_until(
    folder: ScheduleFolder,
    cron: str,
    job: str = "",
    *,
    until: str,
    on: dict[str, Callable[[], None]] | None = None,
    **options,
) -> list[str]:
    """Runs a schedule until it has said a line with `until`, and returns its lines.

    Args:
        folder: Its folder.
        cron: Its expression.
        job: What a run does.
        until: Part of a line at which the schedule is asked to end.
        on: Part of a line -> what is called when it is said.
        options: Further arguments of `Schedule`.
    """
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        for part, action in {until: lambda: send_signals(1), **(on or {})}.items():
            if part in line:
                action()

    arguments = {"zone": UTC, "command": _command(job), "say": say, **options}
    schedule = Schedule(folder, cron=cron, fields=6, **arguments)
    assert schedule.run('{"a": 1}') == signal.SIGTERM
    return lines


def send_signals(times: int) -> None:
    """Sends SIGTERM to this process so often, from a thread."""

    def send() -> None:
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.3)

    threading.Thread(target=send).start()


def seen_to(folder: ScheduleFolder, cron: str, until: datetime) -> None:
    """Writes that an earlier schedule has seen to all that was due until then."""
    folder.logs.mkdir(parents=True)
    folder.write_seen_to(SeenTo(cron, "UTC", until))


def texts_of(lines: list[str]) -> list[str]:
    """Returns the lines without their times."""
    return [line[len("2026-11-26 03:00  ") :] for line in lines]
