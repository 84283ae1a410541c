"""What a schedule keeps in `<output>/schedule/`: its lock, state, history and logs.

A kill at any moment leaves each file whole; of the history a half line at most, which
is passed over and then overwritten.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any

import filelock
import pydantic

from pipeline.config import ConfigError
from pipeline.errors import RunError, UserError
from pipeline.files import (
    absolute,
    hidden_leftovers,
    locked_folder,
    open_own,
    read_regular,
    remove,
    replace_when_done,
    unshare,
    write_whole,
)
from pipeline.scheduling.outcome import Outcome, failure
from pipeline.written_times import Moment, written

_LEFT_BEHIND_SECONDS = 3600  # nothing in the folder takes so long to write


class ScheduleBusy(RunError):
    """Another schedule holds the output; one line."""


class OutputGone(UserError):
    """The output was moved or removed while its schedule waited; one line."""


class HistoryUnreadable(RunError):
    """A line of the history is not what was written; one line that says which."""


@dataclass(frozen=True)
class BegunRun:
    """A run that has begun.

    Attributes:
        run: Its number; the first of an output is 1.
        scheduled: When it came due; the first time, if several had passed.
        started: When its process began.
    """

    run: Annotated[int, pydantic.Field(gt=0, lt=10**12)]
    scheduled: Moment
    started: Moment

    def to_json(self) -> dict[str, Any]:
        """Returns the attributes; times with their offset from UTC."""
        return {
            "run": self.run,
            "scheduled": written(self.scheduled, "seconds"),
            "started": written(self.started, "milliseconds"),
        }


@dataclass(frozen=True)
class PastRun(BegunRun):
    """A run that has ended.

    Attributes:
        ended: When.
        exit_code: Of its process; negative: the signal that killed it. None: the
            process could not be started, or has outlived the schedule that began it.
        outcome: What came of it.
    """

    ended: Moment
    exit_code: int | None
    outcome: Outcome

    @property
    def seconds(self) -> float:
        """How long it took; 0 if the clock was put back meanwhile."""
        return max(0.0, (self.ended - self.started).total_seconds())

    def to_json(self) -> dict[str, Any]:
        """Returns the line's object; times with their offset from UTC."""
        return {
            **super().to_json(),
            "ended": written(self.ended, "milliseconds"),
            "seconds": round(self.seconds, 1),
            "exit_code": self.exit_code,
            **self.outcome.to_json(),
        }

    @classmethod
    def from_json(cls, line: bytes | str) -> PastRun:
        """Returns the run whose `to_json` a line holds.

        Raises:
            ValueError: It is not JSON, or a value is missing or of another type.
        """
        try:
            values = json.loads(line)
            if not isinstance(values, dict):
                raise ValueError(f"an object is expected, not {type(values).__name__}")
            # The outcome's values stand beside the others; one of them has its name.
            nested = json.dumps({**values, "outcome": values})
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error
        return pydantic.TypeAdapter(cls).validate_json(nested, strict=True)


@dataclass(frozen=True)
class SeenTo:
    """Up to when nothing is left to run.

    Attributes:
        cron: The expression that this holds for.
        timezone: The zone in which it was read.
        until: Each time before this has been run, or lies before the schedule's start.
    """

    cron: str
    timezone: str
    until: Moment


class ScheduleFolder:
    """The parts of `<output>/schedule/`.

    Args:
        output: The output folder of the runs; kept unchanged as `name`, for messages.
    """

    def __init__(self, output: str | Path) -> None:
        self.name = str(output)
        self.output = Path(absolute(output))
        self.path = self.output / "schedule"
        self.history = self.path / "history.jsonl"
        self.config = self.path / "config.json"
        self.outcome = self.path / "outcome.json"
        self.logs = self.path / "logs"
        self._state = self.path / "state.json"
        self._begun = self.path / "begun.json"
        self._run = self.path / "run.lock"

    def locked(self) -> contextlib.AbstractContextManager[object]:
        """Takes hold of the folder for one schedule, until the context ends.

        Raises:
            ConfigError: The folder cannot be created, or is a link, which a copy of
                the output would share with it.
            ScheduleBusy: Another schedule holds it.
        """
        for folder in (self.path, self.logs):
            if folder.is_symlink():
                raise ConfigError(
                    f"option output: {folder} is a link, and another schedule may be "
                    "behind it (hint: move what it leads to back)"
                )
        marks = (self.path / ".lock", self._state, self.history)
        if not any(map(os.path.lexists, marks)) and self.config.exists():
            raise ConfigError(
                f"option output: {self.config} is not of a schedule, and would be "
                "replaced (hint: choose another --output, or move it away)"
            )
        try:
            lock = locked_folder(self.path)
            self.logs.mkdir(exist_ok=True)
            for path in hidden_leftovers(self.path):
                # A run that outlives its schedule may be writing its outcome.
                if time.time() - path.stat().st_mtime > _LEFT_BEHIND_SECONDS:
                    remove(path)
        except filelock.Timeout as error:
            raise ScheduleBusy(
                f"another schedule runs into this output. Received: {self.output} "
                "(hint: end it, or choose another --output)"
            ) from error
        except OSError as error:
            raise ConfigError(
                f"option output: cannot be written: {error.filename}: {error.strerror}"
            ) from error
        return lock

    @contextlib.contextmanager
    def run_held(self) -> Iterator[int]:
        """Yields a descriptor that says, while any process has it, that a run lives.

        The system frees it when the last of them ends, however that is.
        """
        with contextlib.ExitStack() as stack:
            while True:
                descriptor = open_own(self._run, os.O_RDWR)
                file = stack.enter_context(os.fdopen(descriptor, "rb"))
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(descriptor).st_nlink == 1:
                    break
                self._run.unlink()  # shared with a copy of the output
            yield descriptor

    def has_run(self) -> bool:
        """Whether a run into the output is under way: ours, or one begun by hand.

        A run outlives the schedule that has begun it, if that is killed.

        Raises:
            OSError: The lock of the output cannot be looked at.
            OutputGone: There is no such folder any more.
        """
        if not self.path.is_dir():  # to lock the output would make it anew
            raise OutputGone(
                f"the output was moved or removed: {self.path} is gone (hint: end a "
                "schedule before you move its output, and start it in the new place)"
            )
        try:
            with locked_folder(self.output), self.run_held():
                return False
        except (filelock.Timeout, BlockingIOError):
            return True

    def write_config(self, config: str) -> None:
        """Keeps the configuration, as JSON, where runs read it; for the user only."""
        with replace_when_done(self.config) as unfinished:
            unfinished.touch(mode=0o600)
            unfinished.write_text(config, encoding="utf-8")

    def read_outcome(self) -> Outcome | None:
        """Returns what the last run wrote down; None if it ended before that."""
        try:
            return Outcome.from_json(read_regular(self.outcome))
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            return failure(f"what it wrote down cannot be read: {self.outcome}")

    def note_begun(self, begun: BegunRun | None) -> None:
        """Notes which run is under way; None: it has ended, and the history has it."""
        if begun is None:
            self._begun.unlink(missing_ok=True)
        else:
            write_whole(self._begun, json.dumps(begun.to_json()) + "\n")

    def read_begun(self) -> BegunRun | None:
        """Returns the run that a schedule has begun, and was killed before its end."""
        try:
            begun = read_regular(self._begun)
            return pydantic.TypeAdapter(BegunRun).validate_json(begun, strict=True)
        except (OSError, ValueError):  # there is none, or nobody can say what it was
            return None

    def last_sign_of(self, run: int) -> datetime | None:
        """Returns when a run wrote its outcome, or else into its log; None: never."""
        for path in (self.outcome, self.log_of(run)):
            with contextlib.suppress(OSError):
                return datetime.fromtimestamp(path.stat().st_mtime, timezone.utc)
        return None

    def log_of(self, run: int) -> Path:
        """Returns where the output of a run's process is kept."""
        return self.logs / f"run-{run}.log"

    def read_history(self) -> Sequence[PastRun]:
        """Returns the runs of the history, oldest first; none if there is no file.

        A last line without its end is being written, or was never finished: it is
        passed over.

        Raises:
            HistoryUnreadable: Another line is not what was written.
            OSError: The file cannot be read.
        """
        if not self.history.exists():
            return []
        lines = read_regular(self.history).split(b"\n")[:-1]
        history = []
        for number, line in enumerate(lines, start=1):
            try:
                history.append(self._with_log_here(PastRun.from_json(line)))
            except ValueError as error:
                raise HistoryUnreadable(
                    f"line {number} of the history is not what was written. Received: "
                    f"{line[:60].decode(errors='replace')!r} in {self.history} "
                    "(hint: remove that line)"
                ) from error
        return history

    def _with_log_here(self, past: PastRun) -> PastRun:
        """Returns a run with the place of its log now: the output may be moved."""
        log = past.outcome.log
        if log is None or os.path.exists(log):
            return past
        for folder in (self.logs, self.output / "logs"):
            here = folder / os.path.basename(log)
            if here.exists():
                outcome = dataclasses.replace(past.outcome, log=str(here))
                return dataclasses.replace(past, outcome=outcome)
        return past

    def append_to_history(self, past: PastRun) -> None:
        """Puts a run at the end of the history, whole or not at all.

        Only one process may append at a time. A half line that a killed one left is
        cut off first.

        Raises:
            OSError: It cannot be written, such as on a full disk.
        """
        line = (json.dumps(past.to_json()) + "\n").encode()
        if self.history.is_symlink() and not self.history.exists():
            self.history.unlink()
        if self.history.is_symlink():
            write_whole(self.history, read_regular(self.history))
        unshare(self.history)
        descriptor = os.open(self.history, os.O_RDWR | os.O_CREAT, 0o644)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            end = file.read().rfind(b"\n") + 1
            file.truncate(end)
            file.seek(end)
            written = file.write(line)
            if written != len(line):
                file.truncate(end)
                said = f"only {written} of {len(line)} bytes could be written"
                raise OSError(errno.ENOSPC, said, str(self.history))
            os.fsync(file.fileno())

    def read_seen_to(self) -> SeenTo | None:
        """Returns up to when nothing is left to run; None before the first start.

        Raises:
            ConfigError: The file is not what was written.
        """
        try:
            state = read_regular(self._state)
            return pydantic.TypeAdapter(SeenTo).validate_json(state, strict=True)
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise ConfigError(
                f"the schedule's state cannot be read: {self._state} "
                "(hint: remove it, and the schedule begins anew)"
            ) from error

    def write_seen_to(self, seen_to: SeenTo) -> None:
        """Writes what `read_seen_to` returns, whole or not at all."""
        values = {
            "cron": seen_to.cron,
            "timezone": seen_to.timezone,
            "until": written(seen_to.until, "auto"),
        }
        write_whole(self._state, json.dumps(values) + "\n")
