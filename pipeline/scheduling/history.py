"""The history of a schedule: JSON Lines, one for each run that has ended."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.scheduling.outcome import Outcome


class HistoryUnreadable(ValueError):
    """A line of the history is not what was written; one line that says which."""


@dataclass(frozen=True)
class PastRun:
    """A run that has ended.

    Attributes:
        run: Its number; the first of an output is 1.
        scheduled: When it came due; the first time, where several had passed.
        started: When its process began.
        ended: When it ended.
        exit_code: Of its process; negative: the signal that killed it. None: the
            process could not be started.
        outcome: What came of it.
    """

    run: int
    scheduled: datetime
    started: datetime
    ended: datetime
    exit_code: int | None
    outcome: Outcome

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended - self.started).total_seconds()

    def to_json(self) -> dict[str, Any]:
        """Returns the line's object; times with their offset from UTC."""
        return {
            "run": self.run,
            "scheduled": self.scheduled.isoformat(timespec="seconds"),
            "started": self.started.isoformat(timespec="milliseconds"),
            "ended": self.ended.isoformat(timespec="milliseconds"),
            "seconds": round(self.seconds, 1),
            "exit_code": self.exit_code,
            **self.outcome.to_json(),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> PastRun:
        """Returns what `to_json` wrote."""
        return cls(
            run=values["run"],
            scheduled=datetime.fromisoformat(values["scheduled"]),
            started=datetime.fromisoformat(values["started"]),
            ended=datetime.fromisoformat(values["ended"]),
            exit_code=values["exit_code"],
            outcome=Outcome.from_json(values),
        )


def append(path: Path, past: PastRun) -> None:
    """Puts a run at the end of a history, whole or not at all.

    Only one process may append at a time. What a killed one left of a line is cut off
    before.

    Raises:
        OSError: It cannot be written, such as on a full disk.
    """
    line = (json.dumps(past.to_json()) + "\n").encode()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        end = file.read().rfind(b"\n") + 1
        file.truncate(end)
        file.seek(end)
        written = file.write(line)
        if written != len(line):
            file.truncate(end)
            raise OSError(f"only {written} of {len(line)} bytes could be written")
        os.fsync(file.fileno())


def read(path: Path) -> Sequence[PastRun]:
    """Returns the runs of a history, oldest first; none where there is no file.

    A last line without its end is being written, or never was: it is passed over.

    Raises:
        HistoryUnreadable: Another line is not what was written.
        OSError: The file cannot be read.
    """
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    return [_parsed(line, number, path) for number, line in enumerate(lines, start=1)]


def numbers_of(history: Iterable[PastRun]) -> dict[str, int]:
    """Returns TFX's name of a run -> its number, of those that made a model."""
    return {
        past.outcome.run_id: past.run
        for past in history
        if past.outcome.run_id and past.outcome.outcome in ("pushed", "refused")
    }


def _parsed(line: bytes, number: int, path: Path) -> PastRun:
    try:
        return PastRun.from_json(json.loads(line))
    except (ValueError, KeyError, TypeError) as error:
        raise HistoryUnreadable(
            f"line {number} of the history is not what was written. "
            f"Received: {line[:60].decode(errors='replace')!r} in {path} "
            "(hint: remove that line)"
        ) from error
