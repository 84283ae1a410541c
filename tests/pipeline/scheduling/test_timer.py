"""Tests of pipeline.scheduling.timer: on APScheduler, with its own clock."""

from __future__ import annotations

import queue
import time
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from pipeline.scheduling.cron import next_time
from pipeline.scheduling.timer import Ticks, Trigger


def _every_second(time: datetime) -> datetime:
    return time.replace(microsecond=0) + timedelta(seconds=1)


def test_each_time_is_told_once_and_none_before_it_has_come():
    told: queue.SimpleQueue[tuple[datetime, datetime]] = queue.SimpleQueue()

    def tell(due: datetime) -> None:
        told.put((due, datetime.now(timezone.utc)))

    with Ticks(_every_second, tell, after=datetime.now(timezone.utc)):
        first, second = (told.get(timeout=5) for _ in range(2))
    assert second[0] > first[0]
    for due, when in (first, second):
        assert due.microsecond == 0
        assert timedelta() <= when - due < timedelta(seconds=1)


def test_times_that_have_passed_come_as_one():
    told: queue.SimpleQueue[datetime] = queue.SimpleQueue()
    # Not within the test a second time.
    now = datetime.now(timezone.utc)
    times = [now - timedelta(days=days) for days in (3, 2, 1, -1)]
    with Ticks(
        lambda after: next(each for each in times if each > after),
        told.put,
        after=now - timedelta(days=4),
    ):
        assert told.get(timeout=5) == times[2]
        time.sleep(0.2)
    assert told.empty()


def test_in_the_night_clocks_are_changed_the_wait_is_as_long_as_it_really_is():
    berlin = ZoneInfo("Europe/Berlin")
    trigger = Trigger(lambda after: next_time("0 3 * * *", after.astimezone(berlin)))
    noon = datetime(2026, 10, 23, 12, tzinfo=timezone.utc)
    before = trigger.get_next_fire_time(None, noon)
    due = trigger.get_next_fire_time(before, before)
    assert due - before == timedelta(hours=25)
