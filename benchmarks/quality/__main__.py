"""The accuracy that the embedded ELMo gives, beside classifiers without it.

Frozen embeddings, ten folds: mean pooling with logistic regression, and the pipeline's
head, with and without its n-grams; beside them TF-IDF, random weights, and an embedding
trained with the head. A whole run takes some two hours on two cores and 3 GB in TMPDIR.

Example:
    python -m benchmarks.quality --mr rt-polaritydata --folds 2
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is loaded

from benchmarks.arguments import add_result_options, parser_of  # noqa: E402
from benchmarks.command import run_command  # noqa: E402
from benchmarks.elmo.sentences import MOVIE_REVIEWS, SAMPLE  # noqa: E402
from benchmarks.quality.report import report  # noqa: E402
from benchmarks.quality.session import Results, run_all  # noqa: E402
from benchmarks.quality.texts import FOLDS, read_polarity, read_table  # noqa: E402
from pipeline.config import ModelConfig, TrainConfig  # noqa: E402


def main() -> int:
    """Measures and prints the report; gives 1 after an error."""
    results = run_command(
        _parser().parse_args(),
        measure=_measure,
        from_json=lambda raw: Results(**raw),
        to_json=dataclasses.asdict,
        report=report,
        maker="make bench-quality",
        title="How good the embedded ELMo is",
    )
    return 1 if results is None else 0


def _measure(args: argparse.Namespace) -> Results:
    sets = []
    folder = args.mr or (MOVIE_REVIEWS if MOVIE_REVIEWS.is_dir() else None)
    if folder:
        sets.append(read_polarity(folder))
    else:
        print("MR is left out: --mr names no folder of it", file=sys.stderr)
    sets.append(read_table(args.sample, "sample data"))
    return run_all(
        sets,
        source=args.source,
        model=ModelConfig().model_dump(),
        train=TrainConfig().model_dump(),
        fold_count=args.folds,
    )


def _parser() -> argparse.ArgumentParser:
    parser = parser_of("python -m benchmarks.quality", __doc__)
    option = parser.add_argument
    option(
        "--mr",
        type=Path,
        metavar="FOLDER",
        help="of rt-polarity.neg and rt-polarity.pos (default: the one beside the "
        "project, else they are left out)",
    )
    option(
        "--sample",
        type=Path,
        default=SAMPLE,
        metavar="FILE",
        help="CSV file with the columns text and label (default: %(default)s)",
    )
    option(
        "--source",
        default="default",
        help="of the ELMo, as elmo.source (default: the embedded one)",
    )
    option(
        "--folds",
        type=int,
        choices=range(2, FOLDS + 1),
        default=FOLDS,
        metavar="COUNT",
        help=f"folds measured, from 2 to {FOLDS} (default: {FOLDS})",
    )
    add_result_options(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
