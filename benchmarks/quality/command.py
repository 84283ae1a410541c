"""The accuracy that the embedded ELMo gives, beside other classifiers."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is loaded

import click  # noqa: E402

from benchmarks.classifiers.contenders import digest  # noqa: E402
from benchmarks.command import Results, path_option, result_options, run  # noqa: E402
from benchmarks.quality.measuring import run_all  # noqa: E402
from benchmarks.quality.report import report  # noqa: E402
from benchmarks.quality.texts import (  # noqa: E402
    folds_option,
    named_set,
    sample_data,
    sets_beside_the_project,
)
from benchmarks.session import KEPT, BenchmarkError, Session  # noqa: E402
from benchmarks.texts import SAMPLE  # noqa: E402
from pipeline.config import ElmoConfig, ModelConfig, TrainConfig  # noqa: E402


@click.command(
    epilog="Example: python -m benchmarks quality --texts TREC=questions.csv --folds 3"
)
@click.option(
    "--texts",
    "files",
    multiple=True,
    metavar="NAME=FILE",
    help="One more set: a CSV file with the columns text and label; may be repeated.",
)
@click.option("--only", multiple=True, help="Name of a set, where not all are wanted.")
@path_option("--sample", "Measured where no set lies beside the project.", SAMPLE)
@click.option("--source", default="default", show_default=True, help="Of the ELMo.")
@folds_option
@result_options
def command(
    files: tuple[str, ...],
    only: tuple[str, ...],
    sample: Path,
    source: str,
    folds: int,
    **output: Path | None,
) -> None:
    """Measure the accuracy of classifiers on the embedded ELMo and beside it.

    Ten folds, and learning from 100 to 3,000 texts: the pipeline's head, TF-IDF and
    MiniLM with logistic regression; of MR and UCI also the head with and without its
    parts, and with ELMo fine-tuned. The sets are MR, UCI and SMS, where
    ../shared/data/labelled has them as their authors pack them, and those of --texts.
    These three take an hour on two cores and 3 GB in TMPDIR. After an interruption the
    same command goes on.
    """

    def measure() -> Results:
        sets = sets_beside_the_project() or [sample_data(sample)]
        sets += map(named_set, files)
        chosen = [texts for texts in sets if not only or texts.name in only]
        if not chosen:
            raise BenchmarkError(
                f"--only must name sets of {', '.join(texts.name for texts in sets)}. "
                f"Received: {', '.join(only)}"
            )
        settings = {
            "source": source,
            "texts": [digest(each.name, *each.texts) for each in chosen],
        }
        KEPT.mkdir(exist_ok=True)
        with Session("quality", settings) as session:
            return dataclasses.asdict(
                run_all(
                    session,
                    chosen,
                    source=source,
                    elmo=ElmoConfig().model_dump(),
                    model=ModelConfig().model_dump(),
                    train=TrainConfig().model_dump(),
                    fold_count=folds,
                    with_parts_of=("MR", "UCI"),
                )
            )

    run(
        "quality",
        "How good the embedded ELMo is",
        output,
        measure=measure,
        report=report,
    )
