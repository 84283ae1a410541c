"""What is measured, in which order; each measurement in a process of its own."""

from __future__ import annotations

import dataclasses
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.batch import contenders as each
from benchmarks.batch.contenders import CONTENDERS
from benchmarks.batch.figures import Cost, Missing, Results, Run
from benchmarks.batch.inputs import Inputs
from benchmarks.processes import run
from benchmarks.session import NotMeasured, Session, say

START_UP_ROWS = 100
# Contender and size of each line of the table.
_LINES = (
    (each.BARE_LOOP, "rows"),
    (each.PREDICT, "rows"),
    (each.TFX, "rows"),
    (each.PREDICT, "small"),
    (each.PREDICT, "large"),
    (each.THREADS, "rows"),
    (each.PROCESSES, "rows"),
)

Job = tuple[str, int]  # contender, rows


def run_all(
    session: Session,
    folder: Path,
    *,
    model: Path,
    source: Path,
    texts: Sequence[str],
    sizes: Mapping[str, int],
    repeats: int,
) -> Results:
    """Measures all lines of the table, and of each job takes the fastest pass.

    Args:
        session: Keeps the measurements.
        folder: For inputs and outputs; of this call alone.
        model: Folder of versions, or a SavedModel.
        source: Where the texts come from.
        texts: What the rows are made of.
        sizes: Rows, by `small`, `rows` and `large`.
        repeats: Passes; only the first has sizes above `rows`.

    Returns:
        The raw results; the table is computed from these.
    """
    inputs = Inputs(folder, texts)
    made: dict[Job, list[Run]] = defaultdict(list)
    failed: dict[Job, str] = {}
    for turn in range(repeats):
        for name, rows in jobs(sizes):
            has_failed = not failed.keys().isdisjoint(_needs(name, rows))
            if has_failed or (turn and rows > sizes["rows"]):
                continue

            def take(name: str = name, rows: int = rows) -> dict:
                return dataclasses.asdict(
                    attempt(name, rows, folder=folder, model=model, inputs=inputs)
                )

            try:
                measured = session.measure(f"{name}, {rows}, pass {turn}", take)
            except NotMeasured as error:
                say(f"{name}, {rows:,} rows: not measured: {error}")
                failed[name, rows] = str(error)
            else:
                made[name, rows].append(Run(**measured))
    best = {
        job: min(runs, key=lambda each: (each.net or each.whole).wall_seconds)
        for job, runs in made.items()
        if job not in failed
    }
    versions = {run.version for run in best.values() if run.version}
    return Results(
        sizes=sizes,
        runs=list(_lines(sizes, best)),
        missing=[
            Missing(contender=name, rows=rows, reason=reason)
            for (name, rows), reason in failed.items()
        ],
        conditions={
            **session.conditions("tensorflow", "tfx", "apache-beam"),
            "source": source.name,
            "texts": len(texts),
            "characters": statistics.fmean(map(len, texts)),
            "start_up_rows": START_UP_ROWS,
            "repeats": repeats,
            # Several, if another was pushed meanwhile.
            "model_version": ", ".join(sorted(versions)) or "unknown",
        },
    )


def jobs(sizes: Mapping[str, int]) -> Iterator[Job]:
    """Yields what a pass measures, each job once; a start-up before what needs it."""
    lines = [_needs(name, sizes[size]) for name, size in _LINES]
    yield from dict.fromkeys(job for needed in lines for job in needed)


def attempt(name: str, rows: int, *, folder: Path, model: Path, inputs: Inputs) -> Run:
    """Measures a contender once; what it has written is looked at, and removed.

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
    wall, cores, start_up = usage.wall_seconds, usage.core_seconds, None
    if net := outcome.net:
        start_up = Cost(
            rows=0,
            wall_seconds=wall - net["wall_seconds"],
            core_seconds=cores - net["core_seconds"],
        )
    say(f"{name}, {rows:,} rows: {wall:.1f} s")
    return Run(
        contender=name,
        whole=Cost(rows=rows, wall_seconds=wall, core_seconds=cores),
        start_up=start_up,
        peak_mib=usage.peak_mib,
        labels=outcome.labels,
        version=outcome.version,
    )


def _needs(name: str, rows: int) -> list[Job]:
    """Returns the jobs that a line of the table is computed from."""
    if CONTENDERS[name].measures_itself:
        return [(name, rows)]
    return [(name, START_UP_ROWS), (name, rows)]


def _lines(sizes: Mapping[str, int], best: Mapping[Job, Run]) -> Iterator[Run]:
    """Yields the lines of the table that have all that they are computed from."""
    for name, rows in jobs(sizes):
        if rows == START_UP_ROWS or not best.keys() >= set(_needs(name, rows)):
            continue
        line = best[name, rows]
        start_up = line.start_up or best[name, START_UP_ROWS].whole
        yield dataclasses.replace(line, start_up=start_up)
