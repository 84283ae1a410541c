"""Seconds of each node of the pipeline, start-up included, in one whole run."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from benchmarks.command import Results, path_option, result_options, run
from benchmarks.markdown import bullets, joined, machine, table
from benchmarks.session import BenchmarkError, Session
from benchmarks.texts import SAMPLE


@click.command(epilog="Example: python -m benchmarks nodes --data new/reviews.csv")
@path_option("--data", "CSV file with the columns text and label.", SAMPLE)
@result_options
def command(data: Path, **output: Path | None) -> None:
    """Run the whole pipeline into a fresh folder and list what its nodes took."""

    def measure() -> Results:
        with Session("nodes", {"data": data}) as session:
            summary = run_pipeline(data)
            return {
                "data": data.name,
                "rows": summary["rows"]["used"],
                "seconds": {node["node"]: node["seconds"] for node in summary["nodes"]},
                "conditions": session.conditions("tensorflow", "tfx", "apache-beam"),
            }

    run("nodes", "How long a run takes", output, measure=measure, report=report)


def run_pipeline(data: Path) -> Results:
    """Runs the whole pipeline into a fresh folder and returns its summary."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pipeline.cli", "run"]
        command += ["--data", str(data), "--output", folder]
        done = subprocess.run(command, stdout=sys.stderr)
        if done.returncode:
            raise BenchmarkError(f"the run ended with status {done.returncode}")
        return json.loads((Path(folder) / "summary.json").read_text("utf-8"))


def report(results: Results) -> str:
    """Returns the table, the speed of Transform, and the conditions."""
    seconds = {**results["seconds"], "all nodes": sum(results["seconds"].values())}
    rows = [(node, f"{value:.1f}") for node, value in seconds.items()]
    rate = results["rows"] / seconds["Transform"]
    lines = [
        f"{results['rows']:,} rows of {results['data']}; Transform does {rate:,.0f} "
        "rows a second, its start-up included.",
        machine(results["conditions"]),
    ]
    return joined(table(("Node", "Seconds"), rows), bullets(lines))
