"""Starts one run at each time that comes due, one at a time, until a signal."""

from __future__ import annotations

import contextlib
import dataclasses
import queue
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone, tzinfo
from types import FrameType

from pipeline.scheduling import text as story
from pipeline.scheduling.cron import check_cron, next_time
from pipeline.scheduling.outcome import Outcome, failure
from pipeline.scheduling.process import Child, ending, last_line
from pipeline.scheduling.store import PastRun, Record, ScheduleFolder
from pipeline.scheduling.timer import Ticks

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_INTERRUPTED = (130, -signal.SIGINT, -signal.SIGTERM)
_LOOK_SECS = 30
_RUN = (sys.executable, "-m", "pipeline.scheduling.scheduled_run")


@dataclass(frozen=True)
class _Due:
    time: datetime


@dataclass(frozen=True)
class _Ended:
    exit_code: int


@dataclass(frozen=True)
class _Signalled:
    number: int


@dataclass(frozen=True)
class _Run:
    """The run that is under way."""

    number: int
    due: datetime
    started: datetime
    child: Child


class Schedule:
    """A schedule of runs into one output.

    A time that comes due during a run waits for its end; several that do are one. So
    are times that passed since the schedule last ran.

    Args:
        folder: Where it keeps its state, its history and its logs.
        cron: When runs come due.
        zone: The time zone in which `cron` is read and times are told.
        say: Takes each line of its story.
        span: The span that runs are told to read, None where the data has none.
        fields: Of `cron`, see `check_cron`.
        command: What a run is: a command that gets the path of the configuration and
            the path for its outcome; see `pipeline.scheduling.scheduled_run`.

    Raises:
        CronError: `cron` cannot be used.
    """

    def __init__(
        self,
        folder: ScheduleFolder,
        *,
        cron: str,
        zone: tzinfo,
        say: Callable[[str], None],
        span: str | None = None,
        fields: int = 5,
        command: Sequence[str] = _RUN,
    ) -> None:
        check_cron(cron, fields=fields)
        self._folder, self._cron, self._fields = folder, cron, fields
        self._zone, self._say_line, self._span = zone, say, span
        self._command = [*command, str(folder.config), str(folder.outcome)]
        # From the clock, from the child and from signals; the only thread that acts
        # on them is the one in `run`. Its `put` may be called in a signal's handler.
        self._events: queue.SimpleQueue[_Due | _Ended | _Signalled] = (
            queue.SimpleQueue()
        )
        self._waiting: datetime | None = None
        self._run: _Run | None = None
        self._signal: int | None = None

    def run(self, config: str) -> int:
        """Runs until SIGINT or SIGTERM, and returns which of them it was.

        The first signal asks the run that is under way to end, the second kills it.

        Args:
            config: The configuration of the runs, as JSON.

        Raises:
            ConfigError: The output cannot be written, or the state not be read.
            HistoryUnreadable: A line of the history is not what was written.
            ScheduleBusy: Another schedule holds the output.
        """
        with self._folder.locked(), self._handlers(), self._without_orphan():
            self._folder.write_config(config)
            self._say(
                f'schedule "{self._cron}" ({self._zone}) into {self._folder.given}'
            )
            now = _now()
            record = Record(
                self._folder, cron=self._cron, zone=str(self._zone), now=now
            )
            missed = self._next_after(record.until)
            if missed <= now:
                self._waiting = missed
            else:
                self._say_next()
            ticks = Ticks(
                self._next_after, lambda due: self._events.put(_Due(due)), after=now
            )
            with ticks:
                return self._loop(ticks, record)

    def _loop(self, ticks: Ticks, record: Record) -> int:
        while self._run is not None or self._signal is None:
            if self._run is None and self._waiting is not None:
                self._start(self._waiting, record)
                continue
            try:
                self._take(self._events.get(timeout=_LOOK_SECS), record)
            except queue.Empty:
                ticks.look()
        self._say("schedule ended")
        return self._signal

    @contextlib.contextmanager
    def _without_orphan(self) -> Iterator[None]:
        """Sees to it that no run outlives its schedule, unless that is killed."""
        try:
            yield
        finally:
            if self._run is not None:
                self._run.child.kill()

    @contextlib.contextmanager
    def _handlers(self) -> Iterator[None]:
        def handle(number: int, frame: FrameType | None) -> None:
            self._events.put(_Signalled(number))

        before = {number: signal.signal(number, handle) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _take(self, event: _Due | _Ended | _Signalled, record: Record) -> None:
        if isinstance(event, _Due):
            # What came due before the last start was met by that run.
            if self._waiting is None and event.time > record.until:
                self._waiting = event.time
        elif isinstance(event, _Ended):
            self._finish(event.exit_code, record)
        elif self._run is None:
            self._signal = event.number
        elif self._signal is None:
            self._signal = event.number
            self._say(f"asked run {self._run.number} to end; once more kills it")
            self._run.child.stop()
        else:
            self._run.child.kill()

    def _start(self, due: datetime, record: Record) -> None:
        self._waiting, now = None, _now()
        number = record.begin(now)
        local = due.astimezone(self._zone)
        self._say(story.began(number, self._span, local, now))
        try:
            self._folder.outcome.unlink(missing_ok=True)
            child = Child(
                self._command,
                self._folder.log_of(number),
                lambda code: self._events.put(_Ended(code)),
            )
        except OSError as error:
            outcome = failure(f"its process cannot be started: {error}")
            self._conclude(number, (due, now), None, outcome, record)
        else:
            self._run = _Run(number, due, now, child)

    def _finish(self, exit_code: int, record: Record) -> None:
        assert self._run is not None
        run, self._run = self._run, None
        outcome = self._folder.read_outcome()
        if outcome is None and (self._signal is not None or exit_code in _INTERRUPTED):
            outcome = Outcome("interrupted")
        if outcome is None:
            said = last_line(self._folder.log_of(run.number))
            last = f"; it said last: {said}" if said else ""
            outcome = failure(f"its process {ending(exit_code)}{last}")
        self._conclude(run.number, (run.due, run.started), exit_code, outcome, record)

    def _conclude(
        self,
        number: int,
        times: tuple[datetime, datetime],
        exit_code: int | None,
        outcome: Outcome,
        record: Record,
    ) -> None:
        if outcome.log is None:
            log = str(self._folder.log_of(number))
            outcome = dataclasses.replace(outcome, log=log)
        due, started, ended = (time.astimezone(self._zone) for time in (*times, _now()))
        told = [story.ended(number, outcome, record.numbers)]
        # Before it is told: who hears of it finds it in the history.
        try:
            record.end(PastRun(number, due, started, ended, exit_code, outcome))
        except OSError as error:
            told.append(
                f"run {number} is not recorded; a new start repeats it: {error}"
            )
        for line in told:
            self._say(line)
        if self._signal is None and self._waiting is None:
            self._say_next()

    def _next_after(self, time: datetime) -> datetime:
        local = time.astimezone(self._zone)
        return next_time(self._cron, local, fields=self._fields)

    def _say_next(self) -> None:
        due = self._next_after(_now())
        self._say(f"next run {story.moment(due)}")

    def _say(self, text: str) -> None:
        now = _now().astimezone(self._zone)
        # A full disk or a terminal that is gone is no reason to stop.
        with contextlib.suppress(OSError):
            self._say_line(f"{story.moment(now)}  {text}")


def _now() -> datetime:
    return datetime.now(timezone.utc)
