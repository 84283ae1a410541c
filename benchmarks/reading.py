"""Rows per second of reading files, by format."""

from __future__ import annotations

import csv
import json
import random
import tempfile
import time
from pathlib import Path

import click
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.command import COUNT, Results, result_options, run
from benchmarks.markdown import bullets, joined, machine, table
from benchmarks.session import BenchmarkError, Session
from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading.read_file import read_file

_REPEATS = 3
_WORDS = 3000
_NAMES = {
    "CSV": "a.csv",
    "CSV in cp1252": "legacy.csv",
    "TSV": "a.tsv",
    "TSV, quoted": "quoted.tsv",
    "JSON Lines": "a.jsonl",
    "Parquet": "a.parquet",
}


@click.command(epilog="Example: python -m benchmarks reading --count 50000")
@click.option("--count", type=COUNT, default=200_000, show_default=True, help="Rows.")
@result_options
def command(count: int, **output: Path | None) -> None:
    """Measure how many rows of CSV, TSV, JSON Lines and Parquet are read a second."""

    def measure() -> Results:
        with Session("reading", {"count": count}) as session:
            rates = rows_per_second(count)
            facts = session.conditions("pyarrow")
        return {"count": count, "rates": rates, "conditions": facts}

    run("reading", "How fast files are read", output, measure=measure, report=report)


def report(results: Results) -> str:
    """Returns the table and the conditions."""
    rows = [(name, f"{rate:,.0f}") for name, rate in results["rates"].items()]
    head = (f"Files of {results['count']:,} rows", "Rows/s")
    return joined(table(head, rows), bullets([machine(results["conditions"])]))


def rows_per_second(count: int) -> dict[str, float]:
    """Reads each format three times with one core.

    Returns:
        Rows per second of processor time of the fastest time, by format.

    Raises:
        BenchmarkError: Not all rows are read.
    """
    rates = {}
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder), count)
        for name, file in _NAMES.items():
            seconds = min(_seconds(f"{folder}/{file}", count) for _ in range(_REPEATS))
            rates[name] = count / seconds
    return rates


def _seconds(path: str, count: int) -> float:
    start = time.process_time()
    rows = sum("reason" not in item for item in read_file(path, ReadOptions()))
    seconds = time.process_time() - start
    if rows != count:
        raise BenchmarkError(f"{path}: {rows:,} rows were read of {count:,}")
    return seconds


def _write(folder: Path, count: int) -> None:
    """Writes the same made-up rows, about 100 characters each, in every format."""
    rows = _rows(count)
    header = ("text", "label")
    for name, encoding in (("a.csv", "utf-8"), ("legacy.csv", "cp1252")):
        with (folder / name).open("w", newline="", encoding=encoding) as file:
            csv.writer(file).writerows([header, *rows])
    with (folder / "quoted.tsv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter="\t").writerows([header, *rows])
    with (folder / "a.tsv").open("w", encoding="utf-8") as file:
        file.writelines(f"{text}\t{label}\n" for text, label in [header, *rows])
    with (folder / "a.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(
            json.dumps({"text": text, "label": label}) + "\n" for text, label in rows
        )
    columns = {
        name: list(values)
        for name, values in zip(header, zip(*rows, strict=True), strict=True)
    }
    pq.write_table(pa.table(columns), folder / "a.parquet")


def _rows(count: int) -> list[tuple[str, str]]:
    draw = random.Random(1)
    letters = "abcdefghijklmnop"
    words = ["".join(draw.choices(letters, k=2 + n % 8)) for n in range(_WORDS)]
    rows = []
    for number in range(count):
        text = " ".join(draw.choices(words, k=5 + number % 26))
        if number % 7 == 0:
            text = text.replace(" ", ", ", 2)
        if number % 20 == 0:
            text += ' "so" he said'
        if number % 50 == 0:
            text += " café"
        rows.append((text, draw.choice(("pos", "neg"))))
    return rows
