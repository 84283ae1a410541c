"""Schedules on clocks that jump: the machine slept, or the clock was put back."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from pipeline.scheduling.store import BegunRun
from tests.pipeline.scheduling.running import (
    NEVER,
    UTC,
    Clock,
    run_until,
    seen_to,
    send_signals,
    texts_of,
)


def test_times_that_passed_while_the_machine_slept_are_run_once(folder, short_waits):
    clock = Clock("2026-11-26T00:30+00:00")
    on = {
        "next run 2026-11-26 01:00": lambda: clock.set("2026-11-26T05:30+00:00"),
        "next run 2026-11-26 06:00": lambda: send_signals(1),
    }
    run_until(folder, "0 0 * * * *", until="no such line", on=on, clock=clock)
    [past] = folder.read_history()
    assert past.scheduled == datetime(2026, 11, 26, 1, tzinfo=UTC)
    assert past.started.hour == 5


def test_a_clock_that_is_put_back_repeats_no_run(folder, short_waits):
    clock = Clock("2026-11-26T02:59:59.900+00:00")

    def put_back() -> None:
        clock.set("2026-11-26T02:59:59.900+00:00")
        threading.Timer(0.5, send_signals, [1]).start()

    lines = run_until(
        folder,
        "0 0 * * * *",
        until="no such line",
        on={"next run 2026-11-26 04:00": put_back},
        clock=clock,
    )
    assert len(folder.read_history()) == 1
    assert lines[-2].endswith("next run 2026-11-26 04:00")


def test_in_the_night_clocks_are_changed_the_wait_is_as_long_as_it_really_is(
    folder, short_waits
):
    # 3 o'clock in Berlin: it would be 01:00 UTC if the clocks were not put back.
    clock = Clock("2026-10-25T00:59:59.900+00:00")

    def go_on() -> None:
        time.sleep(0.3)
        threading.Timer(0.3, clock.set, ["2026-10-25T01:59:59.900+00:00"]).start()

    on = {"next run 2026-10-25 03:00": go_on}
    zone = ZoneInfo("Europe/Berlin")
    run_until(folder, "0 0 3 * * *", until="run 1: ", on=on, clock=clock, zone=zone)
    [past] = folder.read_history()
    assert past.scheduled.isoformat() == "2026-10-25T03:00:00+01:00"
    assert timedelta() <= past.started - past.scheduled < timedelta(seconds=1)


def test_a_state_from_the_future_counts_as_now_and_is_said_once(folder):
    seen_to(folder, "0 0 * * * *", datetime(2036, 1, 1, tzinfo=UTC))
    lines = run_until(folder, "0 0 * * * *", until="next run")
    assert texts_of(lines)[1] == (
        "the clock was ahead, at 2036-01-01 00:00: runs are due from now on"
    )
    soon = datetime.now(UTC) + timedelta(hours=1)
    assert f"next run {soon:%Y-%m-%d %H}:00" in lines[2]
    assert folder.read_history() == []
    assert folder.read_seen_to().until <= datetime.now(UTC)
    assert "ahead" not in "".join(run_until(folder, "0 0 * * * *", until="next run"))


def test_a_clock_that_is_put_back_by_years_does_not_stop_the_runs(folder, short_waits):
    clock = Clock("2036-11-26T02:59:59.900+00:00")

    def put_back() -> None:
        clock.set("2026-11-26T03:59:59.900+00:00")

    on = {"next run 2036-11-26 04:00": put_back}
    lines = run_until(folder, "0 0 * * * *", until="run 2: ", on=on, clock=clock)
    assert any("the clock was ahead" in line for line in lines)
    first, second = folder.read_history()
    assert (first.scheduled.year, second.scheduled.year) == (2036, 2026)


def test_no_run_is_announced_for_a_time_that_a_clock_was_put_back_from(
    folder, short_waits
):
    clock = Clock("2036-11-26T02:59:59.900+00:00")
    on = {"run 1 began": lambda: clock.set("2026-11-26T03:30+00:00")}
    lines = run_until(folder, "0 0 * * * *", until="next run 2026", on=on, clock=clock)
    said = [line for line in texts_of(lines) if "clock" in line or "next" in line]
    assert said == [
        "next run 2036-11-26 03:00",
        "the clock was ahead, at 2036-11-26 03:00: runs are due from now on",
        "next run 2026-11-26 04:00",
    ]


def test_a_run_of_a_killed_schedule_that_began_in_the_future_is_told_of_once(folder):
    ahead = datetime(2036, 11, 26, 3, tzinfo=UTC)
    seen_to(folder, NEVER, ahead)
    folder.note_begun(BegunRun(7, ahead, ahead))
    folder.outcome.write_text('{"outcome": "pushed"}')
    lines = run_until(folder, NEVER, until="run 7: ")
    assert sum("the clock was ahead" in line for line in lines) == 1
    assert folder.read_seen_to().until <= datetime.now(UTC)
