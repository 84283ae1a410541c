"""The command `elmo-tfx predict`."""

from __future__ import annotations

from typing import Any

import click

from pipeline.batch.formats.table import JSONL, ROW_FORMATS
from pipeline.commands.batch import absolute, batch_options, run_batch
from pipeline.files import is_local
from pipeline.precision import chosen
from pipeline.serving.manifest import read_manifest
from pipeline.serving.versions import find_model, version_of

# A chunk is held in memory with its results.
_CHUNK_ROWS = 8192
_CHUNK_CHARS = 8 * 2**20


@click.command(
    "predict",
    epilog="""\b
Examples:
  elmo-tfx predict --input 'new/*.csv' --output scored/
  elmo-tfx predict --input new.parquet --text-column review --key id \\
      --model out/serving/1795362622 --format parquet --output scored/
  elmo-tfx predict --input 'new/*.csv' --output scored/ --explain
  elmo-tfx predict --input 'new/*.jsonl.gz' --output scored/ -- \\
      --runner=FlinkRunner --flink_master=localhost:8081 --parallelism=2

The same command again goes on where it was interrupted. Exit code 0: all is written;
1: it failed, or more rows were rejected or replaced than allowed; 2: an option,
the data or the model is wrong.
""",
)
@batch_options
@click.option(
    "--model",
    default="out/serving",
    help="A folder of versions (the newest whole one) or a SavedModel; "
    "default: out/serving.",
)
@click.option(
    "--model-sha256",
    metavar="MANIFEST",
    help="SHA-256 sums of the model's files; any other model is refused.",
)
@click.option(
    "--format", type=click.Choice(ROW_FORMATS), default=JSONL, help="Of the output."
)
@click.option(
    "--explain",
    is_flag=True,
    help="Add a column `words`: the ten that decided most, with their weights.",
)
def command(
    model: str,
    model_sha256: str | None,
    format: str,
    explain: bool,
    **arguments: Any,
) -> None:
    """Classify the texts of files; each row gets its label and all probabilities.

    The rows keep their order and their columns. Rows that cannot be used lie in
    OUTPUT/rejected with their reasons. What follows -- goes to Beam.
    """
    # What is missing here is said at once; TensorFlow finds other systems' files later.
    if is_local(model):
        find_model(model)
    if model_sha256 is not None and is_local(model_sha256):
        read_manifest(model_sha256)

    def make_scorer() -> tuple[Any, dict[str, str]]:
        from pipeline.batch.predicting import Predictor

        folder = find_model(absolute(model))
        expected = None if model_sha256 is None else read_manifest(model_sha256)
        precision = chosen(arguments["precision"])
        predictor = Predictor.inspect(
            folder, expected, explain=explain, precision=precision
        )
        facts = {"model_version": version_of(folder), "precision": precision}
        return predictor, {"command": "predict", "model": folder, **facts}

    run_batch(
        arguments,
        format=format,
        chunk_rows=_CHUNK_ROWS,
        chunk_chars=_CHUNK_CHARS,
        make_scorer=make_scorer,
    )
