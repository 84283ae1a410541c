"""The command: many files, tried in processes of their own, and what became of them."""

from __future__ import annotations

import logging
import multiprocessing
import resource
import tempfile
import time
import traceback
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path

import click

from benchmarks.command import COUNT, Results, result_options, run
from benchmarks.fuzz.inputs import make_input
from benchmarks.fuzz.trial import try_input
from benchmarks.markdown import at_most, bullets, goal_list, joined, machine, table
from benchmarks.session import Session

# A child begins as a copy of a parent that has loaded all libraries.
_PROCESSES = multiprocessing.get_context("fork")
_MOST_SHOWN = 20
_CRASH, _HANG = "crash", "hang"


@click.command(epilog="Example: python -m benchmarks fuzz --inputs 100000")
@click.option("--inputs", type=COUNT, default=10_000, show_default=True)
@click.option("--first", type=int, default=0, show_default=True, help="Seed.")
@click.option(
    "--seconds", type=COUNT, default=30, show_default=True, help="Longer is a hang."
)
@click.option("--processes", type=COUNT, default=2, show_default=True)
@result_options
def command(
    inputs: int, first: int, seconds: int, processes: int, **output: Path | None
) -> None:
    """Read and score files that are wrong in every way; a bad row must fail alone.

    Each file is read as training reads it, and goes through a batch job, without Beam's
    runner. Its number is the seed that makes it again.
    """

    def measure() -> Results:
        settings = {"inputs": inputs, "first": first, "seconds": seconds}
        with Session("fuzz", settings) as session:
            seeds = iter(range(first, first + inputs))
            found = try_all(seeds, seconds=seconds, processes=processes)
            return {
                **settings,
                **found,
                "conditions": session.conditions("pyarrow", "apache-beam"),
            }

    run(
        "fuzz",
        "What wrong files do",
        output,
        measure=measure,
        report=report,
        failures=lambda results: [
            f"{each['kind']} with seed {each['seed']}: {each['error']}"
            for each in results["failures"][:_MOST_SHOWN]
        ],
    )


def report(results: Results) -> str:
    """Returns the numbers, the goals and the conditions."""
    kinds = [failure["kind"] for failure in results["failures"]]
    rows = [
        ("inputs", f"{results['inputs']:,}"),
        *((f"inputs {name}", f"{n:,}") for name, n in results["outcomes"].items()),
        ("crashes", f"{kinds.count(_CRASH):,}"),
        ("hangs", f"{kinds.count(_HANG):,}"),
        ("longest input, seconds", f"{results['longest_seconds']:.1f}"),
        ("peak memory of a process, MiB", f"{results['peak_mib']:,.0f}"),
    ]
    goals = [
        at_most("No crash", kinds.count(_CRASH), 0, "{:.0f}"),
        at_most("No hang", kinds.count(_HANG), 0, "{:.0f}"),
    ]
    last = results["first"] + results["inputs"] - 1
    facts = [f"Seeds {results['first']} to {last}", machine(results["conditions"])]
    return joined(table(("Wrong files", ""), rows), goal_list(goals), bullets(facts))


def try_all(seeds: Iterator[int], *, seconds: float, processes: int) -> Results:
    """Tries the file of each seed; a process that dies or hangs is replaced.

    Args:
        seeds: Of the files.
        seconds: After which an input hangs.
        processes: How many work at a time.
    """
    results: Results = {
        "outcomes": {},
        "failures": [],
        "longest_seconds": 0.0,
        "peak_mib": 0.0,
    }
    workers = [_Worker() for _ in range(processes)]
    try:
        busy = [worker for worker in workers if worker.begin(seeds)]
        while busy:
            wait([worker.connection for worker in busy], timeout=1)
            for worker in busy:
                answer = worker.answer(seconds)
                if answer is not None:
                    _add(results, answer)
                    worker.begin(seeds)
            busy = [worker for worker in workers if worker.seed is not None]
    finally:
        for worker in workers:
            worker.end()
    return results


def _add(results: Results, answer: Results) -> None:
    for name in ("longest_seconds", "peak_mib"):
        results[name] = max(results[name], answer.get(name, 0.0))
    if "kind" in answer:
        results["failures"].append(answer)
    else:
        outcomes = results["outcomes"]
        outcomes[answer["outcome"]] = outcomes.get(answer["outcome"], 0) + 1


class _Worker:
    """A process that tries one file after another.

    Attributes:
        seed: Of the file that it tries; None: it has nothing to do.
        connection: Which can be read when it has an answer, or is dead.
    """

    def __init__(self) -> None:
        self.seed: int | None = None
        self._start()

    def begin(self, seeds: Iterator[int]) -> bool:
        """Takes the next seed; returns whether there was one."""
        self.seed = next(seeds, None)
        self._began = time.monotonic()
        if self.seed is not None:
            self.connection.send(self.seed)
        return self.seed is not None

    def answer(self, seconds: float) -> Results | None:
        """Returns what became of its file; None: it is at work."""
        took = time.monotonic() - self._began
        facts: Results = {"seed": self.seed, "longest_seconds": took}
        try:
            if self.connection.poll():
                return facts | self.connection.recv()
        except EOFError:
            self._process.join()
            error = f"the process ended with status {self._process.exitcode}"
            self._start()
            return facts | {"kind": _CRASH, "error": error}
        if took < seconds:
            return None
        self.end()
        self._start()
        return facts | {"kind": _HANG, "error": f"not done after {seconds} seconds"}

    def end(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.join()
        self.connection.close()

    def _start(self) -> None:
        self.connection, other = _PROCESSES.Pipe()
        self._process = _PROCESSES.Process(target=_work, args=(other,), daemon=True)
        self._process.start()
        other.close()


def _work(connection: Connection) -> None:
    logging.disable()
    while True:
        try:
            seed = connection.recv()
        except EOFError:
            return
        connection.send(_try(seed) | {"peak_mib": _peak_mib()})


def _try(seed: int) -> Results:
    with tempfile.TemporaryDirectory() as name:
        try:
            outcome = try_input(make_input(seed, Path(name)), Path(name))
        # Whatever it is: that nothing ends a job is what is tried here.
        except Exception as error:  # noqa: BLE001
            place = traceback.extract_tb(error.__traceback__)[-1]
            text = f"{type(error).__name__} in {place.name}: {error}"
            return {"kind": _CRASH, "error": text[:500]}
    return {"outcome": outcome}


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # from KiB
