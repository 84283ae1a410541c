"""One run of the whole benchmark: what is measured, in which order."""

from __future__ import annotations

import datetime
import os
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path

from benchmarks.batch import contenders as each
from benchmarks.batch.attempts import Attempt, attempt
from benchmarks.batch.contenders import CONTENDERS
from benchmarks.batch.figures import Missing, Results, Run
from benchmarks.batch.rows import Inputs
from benchmarks.errors import NotMeasured
from benchmarks.machine import cpu_name
from benchmarks.progress import say

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
_PACKAGES = ("tensorflow", "tfx", "apache-beam")

Job = tuple[str, int]  # contender, rows


def run_all(
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
        folder: For inputs and outputs; of this call alone.
        model: Folder of versions, or a SavedModel.
        source: Where the texts come from.
        texts: What the rows are made of.
        sizes: Rows, by `small`, `rows` and `large`.
        repeats: Passes; only the first has sizes above `rows`.

    Returns:
        The raw results; the table is computed from these.
    """
    load_before = os.getloadavg()[0]
    inputs = Inputs(folder, texts)
    made: dict[Job, list[Attempt]] = defaultdict(list)
    failed: dict[Job, str] = {}
    for turn in range(repeats):
        for name, rows in jobs(sizes):
            has_failed = not failed.keys().isdisjoint(_needs(name, rows))
            if has_failed or (turn and rows > sizes["rows"]):
                continue
            try:
                tried = attempt(name, rows, folder=folder, model=model, inputs=inputs)
            except NotMeasured as error:
                say(f"{name}, {rows:,} rows: not measured: {error}")
                failed[name, rows] = str(error)
            else:
                made[name, rows].append(tried)
    best = {
        job: min(tries, key=lambda tried: tried.seconds)
        for job, tries in made.items()
        if job not in failed
    }
    return Results(
        sizes=sizes,
        runs=list(_runs(sizes, best)),
        missing=[
            Missing(contender=name, rows=rows, reason=reason)
            for (name, rows), reason in failed.items()
        ],
        conditions={
            "date": datetime.date.today().isoformat(),
            "cpu": cpu_name(),
            "cores": len(os.sched_getaffinity(0)),
            "load_before": load_before,
            "load_after": os.getloadavg()[0],
            "source": source.name,
            "texts": len(texts),
            "characters": statistics.fmean(map(len, texts)),
            "start_up_rows": START_UP_ROWS,
            "repeats": repeats,
            "model_version": _versions(best),
            "versions": {name: metadata.version(name) for name in _PACKAGES},
        },
    )


def jobs(sizes: Mapping[str, int]) -> Iterator[Job]:
    """Yields what a pass measures, each job once; a start-up before what needs it."""
    seen: set[Job] = set()
    for name, size in _LINES:
        for job in _needs(name, sizes[size]):
            if job not in seen:
                seen.add(job)
                yield job


def _needs(name: str, rows: int) -> list[Job]:
    """Gives the jobs that a line of the table is computed from."""
    if CONTENDERS[name].measures_itself:
        return [(name, rows)]
    return [(name, START_UP_ROWS), (name, rows)]


def _runs(sizes: Mapping[str, int], best: Mapping[Job, Attempt]) -> Iterator[Run]:
    for name, rows in jobs(sizes):
        if rows == START_UP_ROWS or not best.keys() >= set(_needs(name, rows)):
            continue
        found = best[name, rows]
        yield Run(
            contender=name,
            whole=found.whole,
            start_up=found.start_up or best[name, START_UP_ROWS].whole,
            peak_mib=found.usage.peak_mib,
            labels=found.outcome.labels,
        )


def _versions(best: Mapping[Job, Attempt]) -> str:
    """Names the model's version; several, if another was pushed meanwhile."""
    told = {found.outcome.version for found in best.values()}
    return ", ".join(sorted(filter(None, told))) or "unknown"
