"""How far an output's schedule has come, from one start to the next."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from pipeline.scheduling.store import PastRun, ScheduleFolder, SeenTo

# A clock is put back by some seconds every now and then; what was run then is not run
# again.
_SLACK = timedelta(minutes=1)


def numbers_of(history: Iterable[PastRun]) -> dict[str, int]:
    """Returns TFX's name of a run -> its number, of those that made a model."""
    return {
        past.outcome.run_id: past.run
        for past in history
        if past.outcome.run_id and past.outcome.outcome in ("pushed", "refused")
    }


class Record:
    """The history of an output's schedule, and how far it has come.

    Args:
        folder: Where both are kept.
        cron: The expression that comes due.
        zone: Name of the zone in which it is read.
        now: The time of this start.

    Attributes:
        until: Each time up to this one has been run, or lies before the first start.
        orphan: The run that a schedule had begun when it was killed, or None.

    Raises:
        ConfigError: The state cannot be read.
        HistoryUnreadable: A line of the history is not what was written.
        OSError: The state cannot be written.
    """

    def __init__(
        self, folder: ScheduleFolder, *, cron: str, zone: str, now: datetime
    ) -> None:
        self._folder, self._cron, self._zone = folder, cron, zone
        history = folder.read_history()
        begun = folder.read_begun()
        self._last_number = history[-1].run if history else 0
        self.orphan = begun if begun and begun.run > self._last_number else None
        if self.orphan is not None:
            self._last_number = self.orphan.run
        self._numbers = numbers_of(history)
        seen_to = folder.read_seen_to()
        if seen_to is None or (seen_to.cron, seen_to.timezone) != (cron, zone):
            # Of an expression that is new, no time can have been missed.
            seen_to = SeenTo(cron, zone, now)
            folder.write_seen_to(seen_to)
        self.until = seen_to.until

    def correct(self, now: datetime) -> datetime | None:
        """Takes a time that is still to come for now, and returns it; else None.

        It was written when the clock was ahead. Until it had come again, nothing would
        be due.
        """
        if self.until - now <= _SLACK:
            return None
        ahead, self.until = self.until, now
        with contextlib.suppress(OSError):  # the next start finds it and corrects it
            self._folder.write_seen_to(SeenTo(self._cron, self._zone, now))
        return ahead

    @property
    def numbers(self) -> Mapping[str, int]:
        """TFX's name of a run that made a model -> its number."""
        return MappingProxyType(self._numbers)

    def begin(self, now: datetime) -> int:
        """Returns the number of a run that begins now."""
        self._last_number += 1
        self.until = now
        return self._last_number

    def end(self, past: PastRun, now: datetime) -> None:
        """Writes down a run that has ended; an interrupted one is still to be run.

        Args:
            past: The run. If it began when the clock was ahead, its begin is now.
            now: The time.

        Raises:
            OSError: It cannot be written.
        """
        self._numbers.update(numbers_of([past]))
        self._folder.append_to_history(past)
        if past.outcome.outcome != "interrupted":
            self.until = max(self.until, min(past.started, now))
            self._folder.write_seen_to(SeenTo(self._cron, self._zone, self.until))
