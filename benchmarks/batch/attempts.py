"""One measurement: a contender on a number of rows, once."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.batch.contenders import CONTENDERS, Outcome
from benchmarks.batch.figures import Cost
from benchmarks.batch.processes import Usage, run
from benchmarks.batch.rows import Inputs
from benchmarks.errors import NotMeasured
from benchmarks.progress import say


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What one process has taken, and what it has written."""

    usage: Usage
    outcome: Outcome

    @property
    def whole(self) -> Cost:
        """The cost of all its rows, with the start-up."""
        return Cost(
            rows=self.outcome.rows,
            wall_seconds=self.usage.wall_seconds,
            core_seconds=self.usage.core_seconds,
        )

    @property
    def start_up(self) -> Cost | None:
        """The part before the first row, if the contender measures itself."""
        net = self.outcome.net
        if net is None:
            return None
        return Cost(
            rows=0,
            wall_seconds=self.usage.wall_seconds - net["wall_seconds"],
            core_seconds=self.usage.core_seconds - net["core_seconds"],
        )

    @property
    def seconds(self) -> float:
        """By the clock; without the start-up, if the contender measures itself."""
        net = self.outcome.net
        return self.usage.wall_seconds if net is None else net["wall_seconds"]


def attempt(
    name: str, rows: int, *, folder: Path, model: Path, inputs: Inputs
) -> Attempt:
    """Measures a contender; what it has written is looked at, and removed.

    Args:
        name: Of the contender.
        rows: How many.
        folder: For its output.
        model: Folder of versions, or a SavedModel.
        inputs: The rows.

    Raises:
        NotMeasured: If it fails, or has not written all rows.
    """
    contender = CONTENDERS[name]
    with tempfile.TemporaryDirectory(dir=folder) as own:
        output = Path(own) / "output"
        # Its input is made here, before the clock starts.
        command = contender.arguments(model, inputs, rows, output)
        usage = run(command, scratch=Path(own))
        outcome = contender.outcome(output)
    if outcome.rows != rows:
        raise NotMeasured(f"it has written {outcome.rows:,} of {rows:,} rows")
    made = Attempt(usage=usage, outcome=outcome)
    say(f"{name}, {rows:,} rows: {made.seconds:.1f} s")
    return made
