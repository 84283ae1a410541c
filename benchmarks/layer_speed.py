"""Tokens per second of `ElmoEmbeddingLayer`, from strings to mixed vectors."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from keras_elmo import ElmoEmbeddingLayer
from keras_elmo.text import tokenize

BATCH = 64  # sentences; larger batches were no faster on 2 cores
_REPEATS = 3


def tokens_per_second(texts: list[str], source: str = "default") -> dict[str, float]:
    """Measures the layer on `texts`, as they come and sorted by length.

    Returns:
        Tokens per second of the fastest of three passes, by order of the texts.
    """
    layer = ElmoEmbeddingLayer(source)
    ragged = tokenize(tf.constant(texts))
    lengths = ragged.row_lengths().numpy()
    run = tf.function(layer, input_signature=[tf.TensorSpec([None, None], tf.string)])
    orders = {
        "as they come": np.arange(len(texts)),
        "sorted by length": np.argsort(lengths, kind="stable"),
    }
    rates = {}
    for name, order in orders.items():
        batches = list(_batches(ragged, order))
        run(batches[0])  # the first call builds the graph
        seconds = min(_seconds(run, batches) for _ in range(_REPEATS))
        rates[name] = float(lengths.sum()) / seconds
    return rates


def _batches(ragged: tf.RaggedTensor, order: np.ndarray) -> Iterator[tf.Tensor]:
    for start in range(0, len(order), BATCH):
        yield tf.gather(ragged, order[start : start + BATCH]).to_tensor("")


def _seconds(run: tf.types.experimental.PolymorphicFunction, batches: list) -> float:
    start = time.perf_counter()
    for batch in batches:
        run(batch)
    return time.perf_counter() - start
