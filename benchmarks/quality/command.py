"""The accuracy that the embedded ELMo gives, beside classifiers without it."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is loaded

import click  # noqa: E402

from benchmarks import texts  # noqa: E402
from benchmarks.command import Results, path_option, result_options, run  # noqa: E402
from benchmarks.quality.measuring import run_all  # noqa: E402
from benchmarks.quality.report import report  # noqa: E402
from benchmarks.quality.texts import folds_option, polarity, sample_data  # noqa: E402
from benchmarks.session import Session, say  # noqa: E402
from pipeline.config import ModelConfig, TrainConfig  # noqa: E402


@click.command(epilog="Example: python -m benchmarks quality --mr rt-polaritydata")
@path_option(
    "--mr",
    "Folder of rt-polarity.neg and rt-polarity.pos. [the one beside the project, else "
    "they are left out]",
)
@path_option("--sample", "CSV file with the columns text and label.", texts.SAMPLE)
@click.option("--source", default="default", show_default=True, help="Of the ELMo.")
@folds_option
@result_options
def command(
    mr: Path | None, sample: Path, source: str, folds: int, **output: Path | None
) -> None:
    """Measure the accuracy of classifiers on the embedded ELMo and without it.

    Frozen embeddings, ten folds: mean pooling with logistic regression, and the
    pipeline's head, with and without its n-grams; beside them TF-IDF, random weights,
    and an embedding trained with the head. A whole run takes some two hours on two
    cores and 3 GB in TMPDIR. After an interruption the same command goes on.
    """
    model, train = ModelConfig().model_dump(), TrainConfig().model_dump()

    def measure() -> Results:
        folder = mr or (texts.MOVIE_REVIEWS if texts.MOVIE_REVIEWS.is_dir() else None)
        sets = [polarity(folder)] if folder else []
        if not folder:
            say("MR is left out: --mr names no folder of it")
        sets.append(sample_data(sample))
        settings = {"mr": folder, "sample": sample, "source": source}
        with Session("quality", settings) as session:
            return dataclasses.asdict(
                run_all(
                    session,
                    sets,
                    source=source,
                    model=model,
                    train=train,
                    fold_count=folds,
                )
            )

    run(
        "quality",
        "How good the embedded ELMo is",
        output,
        measure=measure,
        report=report,
    )
