"""The speed of `elmo-tfx predict` on a runner that serves, beside the local one."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import psutil

from benchmarks import processes
from benchmarks.batch.inputs import Inputs, check_model
from benchmarks.command import COUNT, Results, path_option, result_options, run
from benchmarks.markdown import at_least, bullets, goal_list, joined, machine, table
from benchmarks.markdown import versions as with_versions
from benchmarks.session import BenchmarkError, NotMeasured, Session, say
from benchmarks.texts import SAMPLE, read_texts
from tools.runners.__main__ import CACHE, RUNNERS
from tools.runners.runner import Unavailable
from tools.runners.services import Services

_FEW = 100  # rows, to measure the start-up with
_LOCAL = "local"
_WANTED = 0.8  # of the local runner's rows per second


@dataclass(frozen=True)
class Job:
    """What one job took.

    Args:
        wall_seconds: Of the command, from start to end.
        core_seconds: User and system time of the command and of the runner's services.
    """

    wall_seconds: float
    core_seconds: float


@click.command(epilog="Example: python -m benchmarks runners --rows 3000 --repeats 1")
@path_option("--model", "Folder of versions, or SavedModel.", Path("out/serving"))
@path_option("--data", "CSV file with a column text.", SAMPLE)
@click.option(
    "--runner", type=click.Choice(list(RUNNERS)), default="flink", show_default=True
)
@click.option(
    "--rows", type=click.IntRange(min=_FEW + 1), default=50_000, show_default=True
)
@click.option("--repeats", type=COUNT, default=2, help="Passes; the best counts. [2]")
@result_options
def command(
    model: Path,
    data: Path,
    runner: str,
    rows: int,
    repeats: int,
    **output: Path | None,
) -> None:
    """Measure predict on a runner of this machine, in turn with the local runner.

    A runner is started once, and does one job before anything is measured. What a job
    of 100 rows takes is the start-up; the rest is counted per row. Both runners must
    write the same rows.
    """
    settings = {"model": model.resolve(), "data": data, "runner": runner, "rows": rows}

    def measure() -> Results:
        texts = read_texts(data)
        check_model(model)
        with (
            Session("runners", {**settings, "repeats": repeats}) as session,
            tempfile.TemporaryDirectory(prefix="elmo-tfx-bench-") as folder,
        ):
            jobs = _measure(Path(folder), texts, model.resolve(), runner, rows, repeats)
            return {
                "runner": runner,
                "rows": rows,
                "repeats": repeats,
                "jobs": jobs,
                "conditions": session.conditions("apache-beam", "tensorflow"),
            }

    run("runners", "Speed of runners", output, measure=measure, report=report)


def report(results: Results) -> str:
    """Returns the table, whether the goal is reached, and the conditions."""
    name, rows = results["runner"], results["rows"]
    lines, rates = [], {}
    for place in (_LOCAL, name):
        few, many = (Job(**results["jobs"][f"{place}, {n}"]) for n in (_FEW, rows))
        wall = many.wall_seconds - few.wall_seconds
        cores = many.core_seconds - few.core_seconds
        rates[place] = (rows - _FEW) / wall, (rows - _FEW) / cores
        start = f"{few.wall_seconds:.1f}", f"{few.core_seconds:.1f}"
        lines.append((place, *start, *(f"{rate:,.0f}" for rate in rates[place])))
    head = (
        *("Runner", f"Seconds of {_FEW} rows", "core-seconds of these"),
        *("rows/s after these", "rows/core-second after these"),
    )
    goals = [
        at_least(
            f"At least {_WANTED:.0%} of the local runner's rows per {unit}",
            other / local,
            _WANTED,
            "{:.0%}",
        )
        for unit, local, other in zip(
            ("second", "core-second"), rates[_LOCAL], rates[name], strict=True
        )
    ]
    facts = [
        f"{rows:,} rows, the best of {results['repeats']} passes in turn; rows and "
        "values were the same.",
        machine(results["conditions"]),
        f"{with_versions(results['conditions']['versions'])}.",
    ]
    return joined(table(head, lines), goal_list(goals), bullets(facts))


def _measure(
    folder: Path,
    texts: Sequence[str],
    model: Path,
    runner: str,
    rows: int,
    repeats: int,
) -> dict[str, dict[str, float]]:
    """Returns the fastest job of each runner and size, by `runner, size`."""
    inputs = Inputs(folder, texts)
    best: dict[str, Job] = {}
    try:
        served = RUNNERS[runner](folder / runner, cache=CACHE)
    except Unavailable as error:
        raise BenchmarkError(str(error)) from error
    services = Services(folder / runner)
    services.start(served.services)
    try:
        _job(folder, inputs, _FEW, model, served.options, services)
        for turn in range(repeats):
            for size in (_FEW, rows):
                written = []
                for place, options in ((_LOCAL, ()), (runner, served.options)):
                    job, output = _job(folder, inputs, size, model, options, services)
                    key = f"{place}, {size}"
                    say(f"{key}, pass {turn}: {job}")
                    written.append(output)
                    kept = best.get(key, job)
                    best[key] = Job(
                        min(kept.wall_seconds, job.wall_seconds),
                        min(kept.core_seconds, job.core_seconds),
                    )
                if written[0] != written[1]:
                    raise BenchmarkError(f"{runner} has written other rows")
    finally:
        services.stop()
    return {key: asdict(job) for key, job in best.items()}


def _job(
    folder: Path,
    inputs: Inputs,
    rows: int,
    model: Path,
    options: Sequence[str],
    services: Services,
) -> tuple[Job, bytes]:
    """Runs one job; returns what it took and what it has written."""
    path = inputs.csv(rows)
    with tempfile.TemporaryDirectory(dir=folder) as own:
        output = Path(own) / "output"
        words = ["pipeline.cli", "predict", "--input", path, "--model", model]
        words += ["--format", "csv", "--output", output, "--", *options]
        before = _core_seconds(services)
        usage = processes.run(
            [sys.executable, "-m", *map(str, words)], scratch=Path(own)
        )
        cores = usage.core_seconds + _core_seconds(services) - before
        summary = json.loads((output / "summary.json").read_text("utf-8"))
        if summary["rows_out"] != rows:
            raise NotMeasured(f"{summary['rows_out']} of {rows} rows were written")
        [part] = output.glob("part-*")
        return Job(usage.wall_seconds, cores), part.read_bytes()


def _core_seconds(services: Services) -> float:
    """Returns what the services have used so far, with children that ended."""
    total = 0.0
    for name in services.running():
        first = psutil.Process(services.pid(name))
        for process in (first, *first.children(recursive=True)):
            try:
                total += sum(process.cpu_times()[:4])
            except psutil.NoSuchProcess:  # its parent has its times now
                continue
    return total
