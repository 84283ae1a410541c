"""ELMo's speed: keras_elmo beside simple_elmo and allennlp."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from benchmarks.command import COUNT, Results, path_option, result_options, run
from benchmarks.elmo.contenders import CONTENDERS
from benchmarks.elmo.measuring import Bench
from benchmarks.elmo.report import failures, report
from benchmarks.elmo.shapes import SHAPES
from benchmarks.session import KEPT, Session
from benchmarks.texts import read_sentences


def _some_of(name: str, known: dict, help_text: str):
    return click.option(
        name,
        type=click.Choice(list(known)),
        multiple=True,
        default=list(known),
        help=f"{help_text}; may be repeated. [all]",
    )


@click.command(
    epilog="Example: python -m benchmarks elmo --model small --count 128 --json a.json"
)
@path_option(
    "--sentences",
    "Text file with a sentence a line, CSV file with a column text, or folder of "
    "rt-polarity files. [those beside the project, else the sample data]",
)
@click.option("--count", type=COUNT, default=512, show_default=True, help="Sentences.")
@click.option("--repeats", type=COUNT, default=2, show_default=True, help="Passes.")
@_some_of("--model", SHAPES, "Shape to measure")
@_some_of("--contender", CONTENDERS, "Library and dtype to measure")
@click.option("--training/--no-training", default=True, help="Measure fit steps too.")
@result_options
def command(
    sentences: Path | None,
    count: int,
    repeats: int,
    model: tuple[str, ...],
    contender: tuple[str, ...],
    training: bool,
    **output: Path | None,
) -> None:
    """Measure the layer beside simple_elmo and allennlp.

    Every figure is end to end, from lists of tokens to mixed vectors, on the same
    sentences and the same random weights. The peers run in environments of their own,
    which the first call makes under .bench. A whole run takes about an hour on two
    cores. After an interruption the same command goes on.
    """

    def measure() -> Results:
        source, tokens = read_sentences(sentences, count)
        settings = {"source": source, "tokens": tokens, "repeats": repeats}
        KEPT.mkdir(exist_ok=True)
        with (
            Session("elmo", settings) as session,
            tempfile.TemporaryDirectory(prefix="run-", dir=KEPT) as folder,
        ):
            bench = Bench(session, Path(folder), tokens, repeats)
            contenders = {name: CONTENDERS[name] for name in contender}
            results = bench.run_all(model, contenders, training=training)
        results["conditions"]["source"] = source
        return results

    run(
        "elmo",
        "How fast the ELMo layer is",
        output,
        measure=measure,
        report=report,
        failures=failures,
    )
