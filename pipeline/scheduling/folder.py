"""The folder of a schedule inside an output: its lock, its state and its files."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipeline.config import ConfigError
from pipeline.folder_lock import locked_folder
from pipeline.scheduling.outcome import Outcome
from pipeline.whole_file import write_whole


class ScheduleBusy(RuntimeError):
    """Another schedule holds the output; one line."""


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
    until: datetime


class ScheduleFolder:
    """The parts of `<output>/schedule/`.

    Args:
        output: The output folder of the runs; kept as `given`, too, for messages.
    """

    def __init__(self, output: str | Path) -> None:
        self.given = str(output)
        self.output = Path(output).expanduser().absolute()
        self.path = self.output / "schedule"
        self.history = self.path / "history.jsonl"
        self.config = self.path / "config.json"
        self.outcome = self.path / "outcome.json"
        self.logs = self.path / "logs"
        self._state = self.path / "state.json"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the folder for one schedule; it is free again when a process dies.

        Raises:
            ConfigError: The folder cannot be created.
            ScheduleBusy: Another schedule holds it.
        """
        busy = ScheduleBusy(
            f"another schedule runs into this output. Received: {self.output} "
            "(hint: end it, or choose another --output)"
        )
        with locked_folder(self.path, busy):
            self.logs.mkdir(exist_ok=True)
            yield

    def write_config(self, config: str) -> None:
        """Keeps the configuration, as JSON, where runs read it; for the user only."""
        self.config.touch()
        self.config.chmod(0o600)
        self.config.write_text(config, encoding="utf-8")

    def read_outcome(self) -> Outcome | None:
        """Returns what the last run wrote down; None if it did not come to it."""
        if not self.outcome.exists():
            return None
        return Outcome.from_json(json.loads(self.outcome.read_text("utf-8")))

    def log_of(self, run: int) -> Path:
        """Returns where what the process of a run says is kept."""
        return self.logs / f"run-{run}.log"

    def seen_to(self) -> SeenTo | None:
        """Returns up to when nothing is left to run; None before the first start.

        Raises:
            ConfigError: The file is not what was written.
        """
        try:
            values = json.loads(self._state.read_text("utf-8"))
            until = datetime.fromisoformat(values["until"])
            return SeenTo(values["cron"], values["timezone"], until)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"the schedule's state cannot be read: {self._state} "
                "(hint: remove it, and the schedule begins anew)"
            ) from error

    def write_seen_to(self, seen_to: SeenTo) -> None:
        """Writes what `seen_to` returns; whole or, where this is killed, not at all."""
        values = {
            "cron": seen_to.cron,
            "timezone": seen_to.timezone,
            "until": seen_to.until.isoformat(),
        }
        write_whole(self._state, json.dumps(values) + "\n")
