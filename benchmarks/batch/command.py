"""The speed of `elmo-tfx predict`, beside a bare loop and TFX's own BulkInferrer."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import click

from benchmarks.batch.inputs import check_model
from benchmarks.batch.measuring import START_UP_ROWS, run_all
from benchmarks.batch.report import failures, report
from benchmarks.command import COUNT, Results, path_option, result_options, run
from benchmarks.session import Session
from benchmarks.texts import SAMPLE, read_texts


def _rows(name: str, default: int, help_text: str):
    # More than the start-up is measured with.
    kind = click.IntRange(min=START_UP_ROWS + 1)
    return click.option(
        name, type=kind, default=default, help=help_text, show_default=True
    )


@click.command(
    epilog="Example: python -m benchmarks batch --rows 3000 --small 1000 --large 6000"
)
@path_option("--model", "Folder of versions, or SavedModel.", Path("out/serving"))
@path_option("--data", "CSV file with a column text.", SAMPLE)
@_rows("--rows", 100_000, "Rows for predict beside the others.")
@_rows("--small", 10_000, "The fewest rows for predict.")
@_rows("--large", 1_000_000, "The most rows for predict.")
@click.option("--repeats", type=COUNT, default=3, help="Passes; the best counts. [3]")
@result_options
def command(
    model: Path,
    data: Path,
    rows: int,
    small: int,
    large: int,
    repeats: int,
    **output: Path | None,
) -> None:
    """Measure batch jobs beside a bare loop and TFX's own BulkInferrer.

    Each is measured in processes of its own, on sample texts and new ones that are
    put together from their halves. A whole run takes about an hour on two cores and a
    gigabyte in TMPDIR. After an interruption the same command goes on.
    """
    sizes = {"small": small, "rows": rows, "large": large}

    def measure() -> Results:
        texts = read_texts(data)
        check_model(model)
        settings = {"model": model, "data": data, "sizes": sizes, "repeats": repeats}
        with (
            Session("batch", settings) as session,
            tempfile.TemporaryDirectory(prefix="elmo-tfx-bench-") as folder,
        ):
            results = run_all(
                session,
                Path(folder),
                model=model,
                source=data,
                texts=texts,
                sizes=sizes,
                repeats=repeats,
            )
        return dataclasses.asdict(results)

    run(
        "batch",
        "How fast batch jobs are",
        output,
        measure=measure,
        report=report,
        failures=failures,
    )
