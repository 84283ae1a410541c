"""Who is measured: its command, and how to see what it has written."""

from __future__ import annotations

import gzip
import json
import struct
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.batch.inputs import Inputs


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a contender has written.

    Args:
        rows: How many rows.
        labels: Rows by label; None if it gives probabilities only.
        net: `wall_seconds` and `core_seconds` without the start-up, if it measures
            these itself.
        version: Of the model, if it says so.
    """

    rows: int
    labels: Mapping[str, int] | None = None
    net: Mapping[str, float] | None = None
    version: str | None = None


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One way to classify rows.

    Args:
        command: Returns its arguments for Python, of the model's folder, the inputs, a
            number of rows and where it shall write.
        outcome: Looks at what it has written there.
        measures_itself: Whether its outcome says what comes after the start-up.
    """

    command: Callable[[Path, Inputs, int, Path], list[Any]]
    outcome: Callable[[Path], Outcome]
    measures_itself: bool = False

    def arguments(
        self, model: Path, inputs: Inputs, rows: int, output: Path
    ) -> list[str]:
        """Returns the command; the input is made if it is not there."""
        module, *rest = self.command(model, inputs, rows, output)
        return [sys.executable, "-m", module, *map(str, rest)]


def _bare_loop() -> Contender:
    def command(model: Path, inputs: Inputs, rows: int, output: Path) -> list[Any]:
        return ["benchmarks.batch.workers.bare_loop", model, inputs.csv(rows), output]

    def outcome(output: Path) -> Outcome:
        result = json.loads(output.read_text("utf-8"))
        net = {name: result.pop(name) for name in ("wall_seconds", "core_seconds")}
        return Outcome(**result, net=net)

    return Contender(command=command, outcome=outcome, measures_itself=True)


def _predict(*beam_args: str) -> Contender:
    def command(model: Path, inputs: Inputs, rows: int, output: Path) -> list[Any]:
        return [
            *("pipeline.cli", "predict", "--model", model, "--keep", "id"),
            *("--input", inputs.csv(rows), "--format", "jsonl"),
            *("--output", output, "--", *beam_args),
        ]

    def outcome(output: Path) -> Outcome:
        summary = json.loads((output / "summary.json").read_text("utf-8"))
        labels = {
            name.removeprefix("label "): rows
            for name, rows in summary["tallies"].items()
            if name.startswith("label ")
        }
        version = summary["model_version"]
        return Outcome(rows=summary["rows_out"], labels=labels, version=version)

    return Contender(command=command, outcome=outcome)


def _bulk_inferrer() -> Contender:
    def command(model: Path, inputs: Inputs, rows: int, output: Path) -> list[Any]:
        worker = "benchmarks.batch.workers.bulk_inferrer"
        return [worker, model, inputs.examples(rows), output]

    def outcome(output: Path) -> Outcome:
        return Outcome(rows=sum(1 for path in output.iterdir() for _ in _records(path)))

    return Contender(command=command, outcome=outcome)


def _records(path: Path) -> Iterator[bytes]:
    """Yields the records of a TFRecord file: length, its sum, content, its sum."""
    with gzip.open(path) as file:
        while head := file.read(12):
            (length,) = struct.unpack("<Q", head[:8])
            yield file.read(length + 4)[:-4]


BARE_LOOP = "bare loop"
PREDICT = "elmo-tfx predict"
TFX = "TFX BulkInferrer"
THREADS = "predict, 2 threads"
PROCESSES = "predict, 2 processes"
_TWO = "--direct_num_workers=2"
CONTENDERS = {
    BARE_LOOP: _bare_loop(),
    PREDICT: _predict(),
    TFX: _bulk_inferrer(),
    THREADS: _predict(_TWO, "--direct_running_mode=multi_threading"),
    PROCESSES: _predict(_TWO, "--direct_running_mode=multi_processing"),
}
