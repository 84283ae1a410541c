"""Tells when times come due, by APScheduler."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone

from apscheduler.events import (
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_SUBMITTED,
    JobSubmissionEvent,
)
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger


class Trigger(BaseTrigger):
    """Comes due as a function says.

    APScheduler's own `CronTrigger.from_crontab` counts weekdays from Monday, and cron
    counts them from Sunday.

    Args:
        next_after: Time with a zone -> the first due time after it.
    """

    def __init__(self, next_after: Callable[[datetime], datetime]) -> None:
        self._next_after = next_after

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime:
        """Returns the first due time after the last one, in UTC."""
        due = self._next_after(previous_fire_time or now)
        # Within one zone, Python subtracts what the clocks show: the night in which
        # they are changed would be an hour too long or too short.
        return due.astimezone(timezone.utc)


class Ticks:
    """Calls a function with each time that comes due, from a thread of its own.

    Times that have passed while the machine slept come as one.

    Args:
        next_after: As in `Trigger`.
        tell: Called with the due time, in UTC.
        after: Times after this one are told, even if they have passed meanwhile.
    """

    def __init__(
        self,
        next_after: Callable[[datetime], datetime],
        tell: Callable[[datetime], None],
        *,
        after: datetime,
    ) -> None:
        self._tell = tell
        # In memory: what APScheduler keeps in databases is pickled.
        self._scheduler = BackgroundScheduler(
            timezone=timezone.utc,
            job_defaults={
                "coalesce": True,
                "max_instances": 1,
                "misfire_grace_time": None,  # late is better than never
            },
        )
        # A job is not told for which time it is started; this event is.
        self._scheduler.add_listener(
            self._on_due, EVENT_JOB_SUBMITTED | EVENT_JOB_MAX_INSTANCES
        )
        trigger = Trigger(next_after)
        first = trigger.get_next_fire_time(None, after)
        self._scheduler.add_job(_nothing, trigger, next_run_time=first)

    def __enter__(self) -> Ticks:
        self._scheduler.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._scheduler.shutdown(wait=False)

    def look(self) -> None:
        """Looks at the clock anew.

        APScheduler waits by a clock that stands still while the machine sleeps.
        """
        self._scheduler.wakeup()

    def _on_due(self, event: JobSubmissionEvent) -> None:
        self._tell(event.scheduled_run_times[-1])


def _nothing() -> None:
    """Is the job of `Ticks`, which needs no more than its event."""
