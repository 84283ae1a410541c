"""What a schedule remembers from one start to the next."""

from __future__ import annotations

from datetime import datetime
from types import MappingProxyType

from pipeline.scheduling import history as past_runs
from pipeline.scheduling.folder import ScheduleFolder, SeenTo
from pipeline.scheduling.history import PastRun, numbers_of


class Record:
    """The history of an output's schedule, and how far it has come.

    Args:
        folder: Where both are kept.
        cron: The expression that comes due.
        zone: Name of the zone in which it is read.
        now: The time of this start.

    Attributes:
        until: Each time up to this one has been run, or lies before the first start.

    Raises:
        ConfigError: The state cannot be read.
        HistoryUnreadable: A line of the history is not what was written.
        OSError: The state cannot be written.
    """

    def __init__(
        self, folder: ScheduleFolder, *, cron: str, zone: str, now: datetime
    ) -> None:
        self._folder, self._cron, self._zone = folder, cron, zone
        history = past_runs.read(folder.history)
        self._last_number = history[-1].run if history else 0
        self._numbers = numbers_of(history)
        seen_to = folder.seen_to()
        if seen_to is None or (seen_to.cron, seen_to.timezone) != (cron, zone):
            # Of an expression that is new, no time can have been missed.
            seen_to = SeenTo(cron, zone, now)
            folder.write_seen_to(seen_to)
        self.until = seen_to.until

    @property
    def numbers(self) -> MappingProxyType[str, int]:
        """TFX's name of a run that made a model -> its number."""
        return MappingProxyType(self._numbers)

    def begin(self, now: datetime) -> int:
        """Returns the number of a run that begins now."""
        self._last_number += 1
        self.until = now
        return self._last_number

    def end(self, past: PastRun) -> None:
        """Writes down a run that has ended; an interrupted one is still to be run.

        Raises:
            OSError: It cannot be written.
        """
        self._numbers.update(numbers_of([past]))
        past_runs.append(self._folder.history, past)
        if past.outcome.outcome != "interrupted":
            self._folder.write_seen_to(SeenTo(self._cron, self._zone, past.started))
