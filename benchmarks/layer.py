"""Tokens per second of `ElmoEmbeddingLayer`, from strings to mixed vectors."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import tensorflow as tf

from benchmarks.command import COUNT, Results, path_option, result_options, run
from benchmarks.markdown import bullets, joined, machine, table
from benchmarks.session import Session
from benchmarks.texts import SAMPLE, read_texts
from keras_elmo import ElmoEmbeddingLayer
from keras_elmo.text import tokenize

BATCH = 64  # sentences; larger batches were no faster on 2 cores
_REPEATS = 3


@click.command(epilog="Example: python -m benchmarks layer --count 500")
@path_option("--data", "CSV file with a column text.", SAMPLE)
@click.option("--count", type=COUNT, default=2000, show_default=True, help="Texts.")
@click.option("--source", default="default", show_default=True, help="Of the ELMo.")
@result_options
def command(data: Path, count: int, source: str, **output: Path | None) -> None:
    """Measure the layer on texts, as they come and sorted by length."""

    def measure() -> Results:
        settings = {"data": data, "count": count, "source": source}
        with Session("layer", settings) as session:
            rates = tokens_per_second(read_texts(data)[:count], source)
            facts = session.conditions("tensorflow", "keras")
        return {"source": source, "rates": rates, "conditions": facts}

    run("layer", "How fast the layer is", output, measure=measure, report=report)


def report(results: Results) -> str:
    """Returns the table and the conditions."""
    rows = [(order, f"{rate:,.0f}") for order, rate in results["rates"].items()]
    head = (f"ElmoEmbeddingLayer, {results['source']}, batches of {BATCH}", "Tokens/s")
    return joined(table(head, rows), bullets([machine(results["conditions"])]))


def tokens_per_second(texts: list[str], source: str = "default") -> dict[str, float]:
    """Measures the layer on `texts`, as they come and sorted by length.

    Returns:
        Tokens per second of the fastest of three passes, by order of the texts.
    """
    layer = ElmoEmbeddingLayer(source)
    ragged = tokenize(tf.constant(texts))
    lengths = ragged.row_lengths().numpy()
    embed = tf.function(layer, input_signature=[tf.TensorSpec([None, None], tf.string)])
    orders = {
        "as they come": np.arange(len(texts)),
        "sorted by length": np.argsort(lengths, kind="stable"),
    }
    rates = {}
    for name, order in orders.items():
        batches = list(_batches(ragged, order))
        embed(batches[0])  # the first call builds the graph
        seconds = min(_seconds(embed, batches) for _ in range(_REPEATS))
        rates[name] = float(lengths.sum()) / seconds
    return rates


def _batches(ragged: tf.RaggedTensor, order: np.ndarray) -> Iterator[tf.Tensor]:
    for start in range(0, len(order), BATCH):
        yield tf.gather(ragged, order[start : start + BATCH]).to_tensor("")


def _seconds(embed: tf.types.experimental.PolymorphicFunction, batches: list) -> float:
    start = time.perf_counter()
    for batch in batches:
        embed(batch)
    return time.perf_counter() - start
