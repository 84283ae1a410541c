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

from benchmarks.batch.rows import Inputs


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
        command: Gives its arguments for Python, of the model's folder, the inputs, a
            number of rows and where it shall write.
        outcome: Looks at what it has written there.
        measures_itself: Whether its outcome says what comes after the start-up.
    """

    command: Callable[[Path, Inputs, int, Path], list[str]]
    outcome: Callable[[Path], Outcome]
    measures_itself: bool = False

    def arguments(
        self, model: Path, inputs: Inputs, rows: int, output: Path
    ) -> list[str]:
        """Gives the command; the input is made if it is not there."""
        return [sys.executable, "-m", *self.command(model, inputs, rows, output)]


def _bare_loop(model: Path, inputs: Inputs, rows: int, output: Path) -> list[str]:
    worker = "benchmarks.batch.workers.bare_loop"
    return [worker, str(model), str(inputs.csv(rows)), str(output)]


def _bare_outcome(output: Path) -> Outcome:
    told = json.loads(output.read_text("utf-8"))
    net = {name: told[name] for name in ("wall_seconds", "core_seconds")}
    return Outcome(
        rows=told["rows"], labels=told["labels"], net=net, version=told["version"]
    )


def _predict(*beam_args: str) -> Contender:
    def command(model: Path, inputs: Inputs, rows: int, output: Path) -> list[str]:
        words = ["pipeline.cli", "predict", "--model", str(model), "--keep", "id"]
        words += ["--input", str(inputs.csv(rows)), "--format", "jsonl"]
        return [*words, "--output", str(output), "--", *beam_args]

    return Contender(command=command, outcome=_predicted)


def _predicted(output: Path) -> Outcome:
    told: dict[str, Any] = json.loads((output / "summary.json").read_text("utf-8"))
    labels = {
        name.removeprefix("label "): rows
        for name, rows in told["tallies"].items()
        if name.startswith("label ")
    }
    return Outcome(rows=told["rows_out"], labels=labels, version=told["model_version"])


def _bulk_inferrer(model: Path, inputs: Inputs, rows: int, output: Path) -> list[str]:
    worker = "benchmarks.batch.workers.bulk_inferrer"
    return [worker, str(model), str(inputs.examples(rows)), str(output)]


def _inferred(output: Path) -> Outcome:
    return Outcome(rows=sum(1 for path in output.iterdir() for _ in _records(path)))


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
    BARE_LOOP: Contender(
        command=_bare_loop, outcome=_bare_outcome, measures_itself=True
    ),
    PREDICT: _predict(),
    TFX: Contender(command=_bulk_inferrer, outcome=_inferred),
    THREADS: _predict(_TWO, "--direct_running_mode=multi_threading"),
    PROCESSES: _predict(_TWO, "--direct_running_mode=multi_processing"),
}
