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

from pipeline.interrupts import signals_handled
from pipeline.runs.past_runs import begun_runs, keep_crash
from pipeline.scheduling import text
from pipeline.scheduling.cron import check_cron, next_time
from pipeline.scheduling.outcome import Outcome, failure
from pipeline.scheduling.process import RunProcess, exit_reason, last_line
from pipeline.scheduling.record import Record
from pipeline.scheduling.store import BegunRun, PastRun, ScheduleFolder
from pipeline.terminal import visible_line

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_INTERRUPTED = (130, -signal.SIGINT, -signal.SIGTERM)
# A signal that comes just as a wait begins does not end it, the clock may be set, and a
# wait does not count the time that the machine sleeps: all is looked at again after so
# long.
_LONGEST_WAIT_SECONDS = 1.0
_RUN = (sys.executable, "-m", "pipeline.scheduling.scheduled_run")


def _now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass(frozen=True)
class _Ended:
    exit_code: int


@dataclass(frozen=True)
class _Signalled:
    number: int


class Schedule:
    """A schedule of runs into one output.

    Times that come due during a run make one more run after it; so do times that
    passed while no schedule was running or the machine slept. A run that somebody else
    has begun is waited for, as is one that has outlived a schedule that was killed.

    Args:
        folder: Where it keeps its state, its history and its logs.
        cron: When runs come due.
        zone: The time zone in which `cron` is read and times are shown.
        say: Takes each line that is shown.
        span: The span that runs are told to read, None if the data has none.
        fields: Of `cron`, see `check_cron`.
        command: What a run is: a command that gets the path of the configuration and
            the path for its outcome; see `pipeline.scheduling.scheduled_run`.
        clock: Returns the time, in UTC; for tests.
        tell: Is given what came of each run, and what takes a line to show.

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
        clock: Callable[[], datetime] = _now,
        tell: Callable[[Outcome, Callable[[str], None]], None] | None = None,
    ) -> None:
        check_cron(cron, fields=fields)
        self._folder, self._cron, self._fields = folder, cron, fields
        self._zone, self._say_line, self._span = zone, say, span
        self._command = [*command, str(folder.config), str(folder.outcome)]
        self._clock, self._tell = clock, tell
        # From the run's process and from signals; only the thread in `run` acts on
        # them. Its `put` may be called in a signal's handler.
        self._events: queue.SimpleQueue[_Ended | _Signalled] = queue.SimpleQueue()
        self._under_way: tuple[BegunRun, RunProcess] | None = None
        self._known: frozenset[str] = frozenset()  # what had begun in the output before
        self._orphan: BegunRun | None = None
        self._signal: int | None = None
        self._said_busy = self._said_next = False

    def run(self, config: str) -> int:
        """Runs until SIGINT, SIGTERM or SIGHUP, and returns which of them it was.

        The first signal asks the run that is under way to end, the second kills it. One
        that this process was started to ignore, as `nohup` does, stays ignored.

        Args:
            config: The configuration of the runs, as JSON.

        Raises:
            ConfigError: The output cannot be written, or the state not be read.
            HistoryUnreadable: A line of the history is not what was written.
            OutputGone: The output was moved or removed meanwhile.
            ScheduleBusy: Another schedule holds the output.
        """
        signals = signals_handled(
            _SIGNALS, lambda number, _: self._events.put(_Signalled(number))
        )
        with self._folder.locked(), signals, self._without_orphan():
            self._folder.write_config(config)
            self._say(
                f'schedule "{self._cron}" ({self._zone}) into {self._folder.name}'
            )
            record = Record(
                self._folder, cron=self._cron, zone=str(self._zone), now=self._clock()
            )
            self._orphan = record.orphan
            return self._loop(record)

    def _loop(self, record: Record) -> int:
        self._correct(record)
        self._say_next(record)
        while self._under_way is not None or self._signal is None:
            timeout = _LONGEST_WAIT_SECONDS
            if self._under_way is None:
                if self._correct(record) and self._said_next:
                    self._say_next(record)
                if self._orphan is not None and not self._must_wait():
                    self._adopt(self._orphan, record)
                due = self._next_after(record.until)
                # Not within one zone: there Python subtracts what the clocks show, and
                # the night in which they are changed would be an hour off.
                seconds = (due.astimezone(timezone.utc) - self._clock()).total_seconds()
                if seconds > 0:
                    timeout = min(seconds, timeout)
                elif not self._must_wait():
                    self._start(due, record)
                    continue
            with contextlib.suppress(queue.Empty):
                self._take(self._events.get(timeout=timeout), record)
        self._say("schedule ended")
        return self._signal

    @contextlib.contextmanager
    def _without_orphan(self) -> Iterator[None]:
        """Sees to it that no run outlives its schedule, unless that is killed."""
        try:
            yield
        finally:
            if self._under_way is not None:
                _, process = self._under_way
                process.kill()

    def _correct(self, record: Record) -> bool:
        """Sees to it that a clock that was ahead does not keep runs from coming due.

        Returns:
            Whether it was; it is said then.
        """
        ahead = record.correct(self._clock())
        if ahead is not None:
            local = text.minute(ahead.astimezone(self._zone))
            self._say(f"the clock was ahead, at {local}: runs are due from now on")
        return ahead is not None

    def _must_wait(self) -> bool:
        """Whether a run of somebody else is under way; says so once."""
        try:
            busy = self._folder.has_run()
        except OSError:
            busy = False  # the run will fail on it, and say why
        if busy and not self._said_busy:
            self._say("a run into this output is under way already; waiting for it")
        self._said_busy = busy
        return busy

    def _take(self, event: _Ended | _Signalled, record: Record) -> None:
        if isinstance(event, _Ended):
            self._finish(event.exit_code, record)
            return
        is_first = self._signal is None
        self._signal = self._signal or event.number
        if self._under_way is not None:
            run, process = self._under_way
            if is_first:
                self._say(f"asked run {run.run} to end; once more kills it")
                process.stop()
            else:
                process.kill()

    def _start(self, due: datetime, record: Record) -> None:
        now = self._clock()
        known = begun_runs(self._folder.output)
        run, self._known = BegunRun(record.begin(now), due, now), known
        self._say(text.beginning(run.run, self._span, due, now))
        try:
            # In this order: what is there is never taken for the outcome of this run.
            self._folder.outcome.unlink(missing_ok=True)
            self._note_begun(run)
            with self._folder.run_held() as held:
                process = RunProcess(
                    self._command,
                    self._folder.log_of(run.run),
                    held=held,
                    on_end=lambda code: self._events.put(_Ended(code)),
                )
        except OSError as error:
            outcome = failure(f"its process cannot be started: {error}")
            self._conclude(run, None, outcome, record)
        else:
            self._under_way = run, process

    def _finish(self, exit_code: int, record: Record) -> None:
        assert self._under_way is not None
        (run, _), self._under_way = self._under_way, None
        outcome = self._folder.read_outcome()
        if outcome is None and (self._signal is not None or exit_code in _INTERRUPTED):
            outcome = Outcome("interrupted")
        if outcome is None:
            line = last_line(self._folder.log_of(run.run))
            last = f"; its last line: {line}" if line else ""
            outcome = self._crash(f"its process {exit_reason(exit_code)}{last}")
        self._conclude(run, exit_code, outcome, record)

    def _note_begun(self, run: BegunRun | None) -> None:
        with contextlib.suppress(OSError):  # only a schedule that is killed needs it
            self._folder.note_begun(run)

    def _adopt(self, run: BegunRun, record: Record) -> None:
        """Concludes a run whose schedule was killed: only the run knows its outcome."""
        self._orphan = None
        outcome = self._folder.read_outcome() or Outcome("interrupted")
        self._conclude(run, None, outcome, record, self._folder.last_sign_of(run.run))

    def _crash(self, reason: str) -> Outcome:
        """Returns the outcome of a run whose process could not say what came of it."""
        crashed = None
        with contextlib.suppress(OSError):  # then only the history has it
            crashed = keep_crash(self._folder.output, self._known, reason)
        return failure(reason, run_id=crashed.run_id if crashed else None)

    def _conclude(
        self,
        run: BegunRun,
        exit_code: int | None,
        outcome: Outcome,
        record: Record,
        ended: datetime | None = None,
    ) -> None:
        if outcome.log is None:
            log = str(self._folder.log_of(run.run))
            outcome = dataclasses.replace(outcome, log=log)
        due, started, ended = (
            time.astimezone(self._zone)
            for time in (run.scheduled, run.started, ended or self._clock())
        )
        lines = [text.end(run.run, outcome, record.numbers)]
        # Recorded before it is shown: whoever reads of it finds it in the history.
        try:
            past = PastRun(run.run, due, started, ended, exit_code, outcome)
            record.end(past, self._clock())
        except OSError as error:
            lines.append(
                f"run {run.run} is not recorded; a new start repeats it: {error}"
            )
        self._note_begun(None)
        for line in lines:
            self._say(line)
        if self._tell is not None:
            self._tell(outcome, self._say)
        self._correct(record)
        if self._signal is None:
            self._say_next(record)

    def _next_after(self, time: datetime) -> datetime:
        local = time.astimezone(self._zone)
        return next_time(self._cron, local, fields=self._fields)

    def _say_next(self, record: Record) -> None:
        """Says when the next run begins, unless it begins at once."""
        due = self._next_after(record.until)
        if due > self._clock():
            self._say(f"next run {text.minute(due)}")
            self._said_next = True

    def _say(self, line: str) -> None:
        now = self._clock().astimezone(self._zone)
        # A full disk or a closed terminal is no reason to stop.
        with contextlib.suppress(OSError):
            self._say_line(visible_line(f"{text.minute(now)}  {line}"))
