"""The speed of the parts, measured on the sample data in one run.

Example:
    python -m benchmarks.speed
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.layer_speed import BATCH, tokens_per_second

SAMPLE = Path("data/sample/movie_reviews.csv")


def main() -> None:
    """Measures and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=str(SAMPLE), help="CSV with column text")
    parser.add_argument(
        "--sentences", type=int, default=2000, help="texts for the layer's figure"
    )
    args = parser.parse_args()

    with open(args.data, encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)][: args.sentences]
    rates = tokens_per_second(texts)
    facts = run_pipeline(args.data)

    print(f"\n{os.cpu_count()} cores; {args.data}\n")
    print(f"ElmoEmbeddingLayer, embedded model, batches of {BATCH}")
    for order, rate in rates.items():
        print(f"  {order:<20} {rate:>10,.0f} tokens/s")
    rows = facts["rows"]["used"]
    seconds = {node["node"]: node["seconds"] for node in facts["nodes"]}
    print("\nTransform")
    print(f"  {'start-up included':<20} {rows / seconds['Transform']:>10,.0f} rows/s")
    print(f"\nPipeline, {rows:,} rows")
    for node, value in seconds.items():
        print(f"  {node:<20} {value:>10.1f} s")
    print(f"  {'all nodes':<20} {sum(seconds.values()):>10.1f} s")


def run_pipeline(data: str) -> dict[str, Any]:
    """Runs the whole pipeline into a fresh folder; gives its summary."""
    with tempfile.TemporaryDirectory() as output:
        command = [sys.executable, "-m", "pipeline.cli", "run"]
        command += ["--data", data, "--output", output]
        subprocess.run(command, check=True, stdout=sys.stderr)
        return json.loads((Path(output) / "summary.json").read_text("utf-8"))


if __name__ == "__main__":
    main()
