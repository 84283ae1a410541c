"""Whole classifiers beside each other: this project's default and its peers."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is loaded

import click  # noqa: E402

from benchmarks import texts  # noqa: E402
from benchmarks.classifiers.contenders import CONTENDERS  # noqa: E402
from benchmarks.classifiers.measuring import Task, run_all  # noqa: E402
from benchmarks.classifiers.report import failures, report  # noqa: E402
from benchmarks.command import Results, path_option, result_options, run  # noqa: E402
from benchmarks.session import BenchmarkError  # noqa: E402

_ALL = "all"


def _names(name: str, help_text: str, *, others: tuple[str, ...] = ()):
    return click.option(
        name,
        type=click.Choice([*CONTENDERS, *others]),
        multiple=True,
        help=f"{help_text}; may be repeated.",
    )


@click.command(
    epilog="Example: python -m benchmarks classifiers --again fasttext --curve"
)
@path_option("--data", "CSV file with the columns text and label.", texts.SAMPLE)
@_names("--contender", "Who is in the table [all]")
@_names("--again", "Who is measured again", others=(_ALL,))
@click.option("--curve", is_flag=True, help="Measure with fewer texts, too.")
@result_options
def command(
    data: Path,
    contender: tuple[str, ...],
    again: tuple[str, ...],
    curve: bool,
    **output: Path | None,
) -> None:
    """Measure accuracy, training, scoring, size and start of whole classifiers.

    All learn from the same texts and are tested on the same others, the first of the
    ten folds of `quality`. The peers run in environments of their own, which the first
    call makes under .bench. What was measured before with the same versions, texts and
    processor is taken from there; --again measures it anew. A whole run takes about a
    quarter of an hour on two cores.
    """

    def measure() -> Results:
        rows = texts.read_columns(data, "text", "label")
        labels = [label for _, label in rows]
        if len(set(labels)) != 2:
            raise BenchmarkError(
                f"{data} must have two labels. Received: {len(set(labels))}"
            )
        results = run_all(
            Task.of([text for text, _ in rows], labels),
            {name: CONTENDERS[name] for name in contender or CONTENDERS},
            anew=CONTENDERS if _ALL in again else again,
            has_curve=curve,
        )
        return {**results, "source": data.name}

    run(
        "classifiers",
        "Which classifier to choose",
        output,
        measure=measure,
        report=report,
        failures=failures,
    )
